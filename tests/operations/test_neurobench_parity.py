"""NeuroBench's own package beside ours (benchmarks/neurobench_parity.py)."""

from __future__ import annotations

import pytest

pytest.importorskip("snntorch", reason="needs snnTorch")
import neurobench_parity
from neurobench_networks import NETWORKS
from neurobench_parity import FIGURES


@pytest.fixture(scope="module")
def lines(neurobench_python):
    return neurobench_parity.compare(neurobench_python)


def test_every_figure_is_neurobenchs_or_explained(lines):
    assert [(line.network, line.figure) for line in lines] == [(n, f) for n in NETWORKS for f in FIGURES]
    assert all(line.agrees for line in lines), [line for line in lines if not line.agrees]


def test_below_2_to_24_the_torch_module_needs_no_explanation(lines):
    for line in lines:
        if line.rule != "float32":
            assert line.module == pytest.approx(line.theirs, rel=1e-12, abs=1e-12), line


def test_beyond_that_float32_drifts(lines):
    (line,) = [line for line in lines if line.rule == "float32"]
    assert line.module != line.theirs
    assert float(line.module * 64).is_integer()  # ours are integers over the samples of a batch, twice


def test_the_network_needs_no_rule_where_layers_are_linear_and_spikes_binary(lines):
    for line in lines:
        if line.network == "spiking linear" and line.figure != "Footprint":
            assert not line.differs
    assert {line.rule for line in lines if line.differs} == {
        "recurrent events",
        "ternary input",
        "zeros of convolutions",
        "stored values",
    }


def test_both_kinds_of_operation_are_there(lines):
    counted = {(line.network, line.figure): line.theirs for line in lines}
    assert counted["spiking linear", "Effective_ACs"] > 0 == counted["spiking linear", "Effective_MACs"]
    assert counted["spiking linear, real input", "Effective_MACs"] > 0 < counted["spiking linear, real input", "Effective_ACs"]
    assert 0 < counted["spiking convolution", "ActivationSparsity"] < 1
