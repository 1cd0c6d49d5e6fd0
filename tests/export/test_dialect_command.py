"""`neurograph export FILE.nir --dialect NAME` from the command line."""

from __future__ import annotations

import json
import re

import nir
import nir_framework_models as models
import numpy as np
import pytest
from frameworks import X, graph_of, lif, made, weights
from nir_framework_models import INPUTS, NEURONS, STEPS, uniform, zeros
from typer.testing import CliRunner

from neurograph.cli.full import app
from neurograph.export import nir_io
from neurograph.export.bundle import open_bundle
from neurograph.export.dialects import interpret


def export(tmp_path, graph, sample, *options, verify=False):
    nir.write(tmp_path / "model.nir", graph)
    np.save(tmp_path / "sample.npy", sample)
    files = [str(tmp_path / "model.nir"), "--input", str(tmp_path / "sample.npy"), "-o", str(tmp_path / "bundle")]
    return CliRunner().invoke(
        app(), ["export", *files, "--target", "loihi2", "--nir", "graph", *([] if verify else ["--no-verify"]), *options]
    )


def test_export_says_what_it_assumed(tmp_path):
    result = export(tmp_path, graph_of(lif(NEURONS), weights()), X, "--dialect", "snntorch")
    assert result.exit_code == 0, result.output
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    assert "dt 0.0001 s, the default of the dialect" in manifest["origin"]["assumed"]
    assert "200 ticks; input is spikes; what arrives at IF and I is a charge" in manifest["origin"]["assumed"]
    assert all(f"assumed: {line[:30]}" in result.stderr for line in manifest["origin"]["assumed"])
    bundle = open_bundle(tmp_path / "bundle")
    assert nir_io.time_of(nir_io.read(tmp_path / "bundle" / "model.nir")).reset_acts == "next_step"
    assert bundle.network.ticks == STEPS


def norse_cell(nt):
    return nt.LIFBoxCell(nt.LIFBoxParameters(uniform(50, 200), zeros(), uniform(0.3, 0.6), zeros()))


@pytest.mark.filterwarnings("ignore")  # the frameworks' own
@pytest.mark.parametrize(
    ("dialect", "maker", "layer"),
    [("norse-1.1", models.norse, norse_cell), ("snntorch", models.snntorch, lambda snn: snn.Leaky(0.9, init_hidden=True))],
)
def test_export_verifies_the_frameworks_own_spikes(tmp_path, lava, float64, dialect, maker, layer):
    """The float engine gives what the framework gives, and Lava what the engines give."""
    graph, wanted = made(maker, layer)
    result = export(tmp_path, graph, X[:40], "--dialect", dialect, verify=True)
    assert result.exit_code == 0, result.output
    bundle = open_bundle(tmp_path / "bundle")
    verification = bundle.manifest["verification"]
    assert verification["ok"]
    assert {("float", "lava-float"), ("fixed", "lava-fixed")} <= {(pair["a"], pair["b"]) for pair in verification["pairs"]}
    assert all(pair["compared"] >= 40 * NEURONS and pair["mismatched_spikes"] == 0 for pair in verification["pairs"])
    np.testing.assert_array_equal(bundle.expected("float").spikes[bundle.network.outputs[0]][0], wanted[:40].detach().reshape(40, NEURONS))


@pytest.mark.parametrize(
    ("sample", "options", "message"),
    [
        (np.ones((STEPS, INPUTS)), [], "carries no time metadata.*nir, norse-1.1, rockpool"),
        (np.ones((STEPS, INPUTS)), ["--dialect", "brian"], "dialect 'brian': does not exist"),
        (np.ones((STEPS, INPUTS)), ["--dialect", "nir", "--ticks", "7"], "200 ticks, but --ticks is 7"),
        (np.ones((0, INPUTS)), ["--dialect", "nir"], r"input 'input': shape \(0, 20\) is empty; give a sample of at least one tick"),
        (np.ones(INPUTS), ["--dialect", "nir"], "give --ticks"),
        (np.ones((STEPS, 3)), ["--dialect", "nir"], r"shape \(200, 3\), must be \(20,\)"),
        (
            np.full((STEPS, INPUTS), 0.5),
            ["--dialect", "nir"],
            "input 'input': real values that change from tick to tick: give spikes as input",
        ),
        (np.ones((STEPS, INPUTS)), ["--dialect", "nir", "--dt", "-1"], "--dt -1"),
    ],
)
def test_export_refuses_what_it_would_have_to_guess(tmp_path, sample, options, message):
    result = export(tmp_path, graph_of(lif(NEURONS), weights()), sample, *options)
    assert re.search(message, str(result.exception)), result.exception


def test_a_static_sample_needs_its_ticks(tmp_path):
    graph = graph_of(lif(NEURONS), weights())
    sample = np.random.default_rng(0).random(INPUTS)
    assert export(tmp_path, graph, sample, "--dialect", "nir", "--ticks", "16").exit_code == 0
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    assert any("16 ticks; input is static" in line for line in manifest["origin"]["assumed"])


def test_a_graph_with_metadata_takes_no_dialect(tmp_path):
    graph = interpret(graph_of(lif(NEURONS), weights()), "nir", ticks=STEPS).graph
    result = export(tmp_path, graph, X, "--dialect", "nir")
    assert "says itself how it runs in ticks; leave them out" in str(result.exception)
