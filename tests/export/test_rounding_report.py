"""Overflow of 24 bits, by population: counted, told as a share of the limit, and put into a sentence."""

from dataclasses import replace

import numpy as np
import pytest
from networks import random_network

from neurograph import fixedpoint as fx
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.quantize import quantize
from neurograph.export.rounding_report import overflow_warnings, rounding_report
from neurograph.network import LIF, Network, Population, Projection, Source
from neurograph.sim import fixed
from neurograph.weights import Dense


def lone(neuron, weights, ticks):
    size = weights.shape[1]
    populations = {"in": Population("in", (size,), Source()), "n": Population("n", (len(weights),), neuron)}
    return Network(populations, (Projection("in", "n", Dense(weights)),), ticks)


@pytest.mark.parametrize("seed", [3, 4])
def test_largest_values_and_counts_are_those_of_the_engine(seed):
    network, inputs = random_network(seed)
    quantized, report = quantize(align_delays(network), inputs)
    run = fixed.run(quantized, inputs)
    for row in report.populations:
        assert row.largest_u * fx.STATE_LIMIT == pytest.approx(run.notes["largest_u"][row.population])
        assert row.largest_v * fx.STATE_LIMIT == pytest.approx(run.notes["largest_v"][row.population])
        assert row.largest_v * fx.STATE_LIMIT >= np.abs(run.voltages[row.population]).max()
        assert row.wraps == 0 and row.clips == run.notes["clips"].get(row.population, 0)
        assert (row.largest_v >= 1) == (row.clips > 0)


def test_an_integrator_under_steady_inhibition_clips_and_is_named():
    """No leak and only inhibition: v falls for as long as the run lasts."""
    network = lone(LIF(0.0, 1.0, gain=1.0), np.full((2, 5), -1.0), ticks=30)
    inputs = {"in": np.ones((30, 5))}
    _, report = quantize(network, inputs)
    (row,) = report.populations
    assert row.wraps == 0 and row.clips > 0 and row.largest_v > 1
    assert report.to_json()["populations"][0]["clips"] == row.clips
    assert report.warnings() == (
        f"population 'n': v was clipped at 24 bits {row.clips} times on the sample that it was quantised on, and no coarser scale "
        "that was tried overflows less with as few differing spikes; its spikes may differ from the float network's; "
        "scale its weights down against its threshold",
    )


def test_a_sample_that_just_fits_is_named():
    """An integrator under steady inhibition, for as many ticks as it falls to 97 % of the limit."""
    network = lone(LIF(0.0, 1.0, gain=1.0), np.full((2, 5), -1.0), ticks=2)
    _, report = quantize(network, {"in": np.ones((2, 5))})
    assert report.nearly_full() is None and not report.warnings()
    (row,) = report.populations
    ticks = int(2 * 0.97 / row.largest_v)
    longer = replace(network, ticks=ticks)
    quantized, _ = quantize(network, {"in": np.ones((2, 5))})
    full = rounding_report(longer, replace(quantized, ticks=ticks), {"in": np.ones((ticks, 5))})
    assert full.populations[0].clips == 0 and not full.warnings()
    assert f"reaches {full.populations[0].largest_v:.1%} of 24 bits on this sample ('n')" in full.nearly_full()


def test_u_that_wraps_is_counted_and_named():
    network = lone(LIF(0.5, 1.0), np.full((2, 600), 1.0), ticks=4)
    inputs = {"in": np.ones((4, 600))}
    quantized, quiet = quantize(network, inputs)
    assert quiet.populations[0].wraps == 0
    louder = replace(
        quantized, projections=tuple(replace(p, exponent=7, weights=p.weights.map(lambda w: 0 * w + 255)) for p in quantized.projections)
    )
    report = rounding_report(network, louder, inputs)
    (row,) = report.populations
    assert row.wraps == 8 and row.largest_u == 600 * 255 * 2**7 * 64 / fx.STATE_LIMIT
    assert "population 'n': u wrapped at 24 bits 8 times" in report.warnings()[0]


def test_sentences_from_counts_alone():
    assert overflow_warnings({}, {}) == () == overflow_warnings({"a": 0}, {"b": 0})
    wrapped, clipped = overflow_warnings({"a": 1200}, {"b": 1})
    assert wrapped.startswith("population 'a': u wrapped at 24 bits 1,200 times on this sample; ")
    assert clipped.startswith("population 'b': v was clipped at 24 bits 1 times on this sample; ")


def test_a_projection_that_rounding_wipes_out_is_named():
    weights = np.full((3, 400), 0.01)
    weights[:, 0] = 1.0
    weights[0, 1] = -1.0
    _, report = quantize(
        lone(LIF(0.5, 5.0), weights * np.random.default_rng(0).choice([-1, 1], (3, 400)), 8), {"in": np.ones((8, 400))}, bits=2
    )
    (row,) = report.projections
    assert row.rounded_to_zero > 1000 and row.bits <= 2
    big = replace(report, projections=(replace(row, relative_error=0.75),))
    assert (
        f"projection in→n: rounding leaves an error of 75% ({row.rounded_to_zero} weights are 0 now, {row.clipped} clipped)"
        in big.warnings()[-1]
    )
