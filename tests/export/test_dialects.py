"""What is common to all dialects: refusals, what is assumed, shapes, late subtraction. A test_dialect_*.py holds each framework."""

from __future__ import annotations

from dataclasses import replace

import nir
import numpy as np
import pytest
from frameworks import X, graph_of, lif, weights
from nir_framework_models import INPUTS, NEURONS, STEPS

from neurograph.errors import GraphError, InputError, UnsupportedError
from neurograph.export import nir_io
from neurograph.export.dialects import DIALECTS, interpret
from neurograph.export.lower import lower
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.bias_source import bias_source
from neurograph.export.quantize import quantize
from neurograph.sim import fixed, floating
from neurograph.sim.lava import engine as lava_engine
from neurograph.sim.parity import compare


@pytest.mark.parametrize("name", [None, "brian"])
def test_an_unknown_dialect_lists_the_known_ones(name):
    with pytest.raises(InputError, match="nir, norse-1.1, rockpool, sinabs, snntorch, snntorch-zero, spikingjelly"):
        interpret(graph_of(lif(NEURONS), weights()), name, ticks=STEPS)


@pytest.mark.parametrize(("more", "message"), [({"dt": 0.0}, "--dt 0"), ({"dt": np.nan}, "--dt nan"), ({"ticks": 0}, "--ticks 0")])
def test_a_dt_or_a_length_that_makes_no_sense_is_refused(more, message):
    with pytest.raises(InputError, match=message):
        interpret(graph_of(lif(NEURONS), weights()), "nir", **{"ticks": STEPS, **more})


def test_a_neuron_that_the_framework_never_writes_is_refused():
    node = nir.IF(np.ones(NEURONS), np.ones(NEURONS))
    with pytest.raises(UnsupportedError, match="dialect snntorch cannot take node 'lif': IF"):
        interpret(graph_of(node, weights()), "snntorch", ticks=STEPS)


def test_shapes_that_disagree_are_refused():
    with pytest.raises(GraphError, match="type mismatch"):
        interpret(graph_of(lif(NEURONS + 1), weights()), "nir", ticks=STEPS)


def test_a_batch_dimension_is_taken_off():
    got = interpret(graph_of(lif(NEURONS), weights(), (1, INPUTS)), "nir", ticks=STEPS)
    assert "reshaped node 'input': (1, 20) to (20,)" in got.assumed
    assert lower(got.graph).sources[0].shape == (INPUTS,)


@pytest.mark.filterwarnings("ignore:pandas not found:ImportWarning")  # networkx looks for it
@pytest.mark.parametrize("name", [name for name in DIALECTS if name != "norse-1.1"])
def test_what_is_read_says_itself_how_it_runs(tmp_path, name):
    """The graph that goes into a bundle needs no dialect any more."""
    got = interpret(graph_of(lif(NEURONS), weights()), name, ticks=STEPS, dt=1e-4)
    nir_io.write(got.graph, tmp_path / "model.nir")
    again = nir_io.read(tmp_path / "model.nir")
    assert nir_io.time_of(again) == got.time
    np.testing.assert_array_equal(*(floating.run(lower(g), {"input": X}).spikes["lif"] for g in (got.graph, again)))
    assert any(f"dialect {name}" in line for line in got.assumed)
    assert any("dt 0.0001 s, as given" in line for line in got.assumed)


def test_a_neuron_that_forgets_at_once_cannot_subtract_a_step_late():
    got = interpret(graph_of(lif(NEURONS, tau=1e-4), weights()), "snntorch", ticks=STEPS)
    with pytest.raises(GraphError, match="node 'lif': subtracts its threshold a step after"):
        lower(got.graph)


def test_a_late_subtraction_runs_in_fixed_point_and_in_lava(lava):
    """θ/(1−β) is an amount like any other: float engine and Lava's float agree, fixed engine and Lava's fixed point bit for bit."""
    got = interpret(graph_of(lif(NEURONS), weights()), "snntorch", ticks=STEPS)
    network = align_delays(bias_source(lower(got.graph)))
    assert np.asarray(network.populations["lif"].neuron.reset_by) == pytest.approx(2.0 / 0.8)
    inputs = {"input": X}
    quantized, _ = quantize(network, inputs)
    exact = floating.run(network, inputs)
    assert compare(network, exact, lava_engine.run(network, inputs, engine="float")).ok
    integer = fixed.run(quantized, inputs)
    assert np.mean(integer.spikes["lif"] != exact.spikes["lif"]) < 0.02
    assert compare(quantized, integer, lava_engine.run(quantized, inputs, engine="fixed"), voltages=True).ok


def test_a_subtraction_takes_off_the_whole_threshold_where_v_leak_is_not_zero():
    """The integer threshold is counted from v_leak; what is taken off is not."""
    node = lif(NEURONS, tau=1e-3, r=2.0)
    node.v_leak = np.full(NEURONS, 0.8)
    graph = interpret(graph_of(node, weights()), "nir", ticks=STEPS).graph
    network = lower(graph, nir_io.TimeMetadata(1e-4, STEPS, "spikes", reset="subtract"))
    aligned = align_delays(bias_source(network))
    quantized, _ = quantize(aligned, {"input": X})
    population = quantized.populations["lif"]
    assert population.neuron.reset_by * population.neuron.scale / 64 == pytest.approx(2.0, rel=1e-3)
    short = quantized.with_populations([replace(population, neuron=replace(population.neuron, reset_by=None))])
    wanted = floating.run(aligned, {"input": X}).spikes["lif"]
    missed, missed_short = (np.mean(fixed.run(q, {"input": X}).spikes["lif"] != wanted) for q in (quantized, short))
    print(missed, missed_short)
    assert missed < missed_short / 2
