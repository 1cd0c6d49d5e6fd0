"""Graphs that other people published (the NIR paper's repository): they run in float, fixed and Lava, bit for bit."""

import re

import nir_zoo
import numpy as np
import pytest

from neurograph.errors import GraphError
from neurograph.export import nir_io
from neurograph.export.dialects import interpret
from neurograph.export.lower import lower
from neurograph.export.nir_io import TimeMetadata
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.bias_source import bias_source
from neurograph.export.quantize import quantize
from neurograph.export.relax import relax
from neurograph.sim import fixed, floating
from neurograph.sim.lava import engine as lava_engine
from neurograph.sim.parity import compare

ZOO = [
    ("02_cnn/cnn_sinabs.nir", 1e-3, (2, 34, 34), 15, 5),
    ("03_rnn/braille_noDelay_noBias_subtract.nir", 1e-4, (12,), 60, 2),
    ("01_lif/lif_norse.nir", 1e-4, (1,), 60, 1),
]


@pytest.mark.lava
@pytest.mark.parametrize(("name", "dt", "shape", "ticks", "populations"), ZOO, ids=[z[0].split("/")[-1] for z in ZOO])
def test_published_graphs_run_in_lava_bit_for_bit(shared, lava, name, dt, shape, ticks, populations):
    graph = nir_io.read(shared / "nir_zoo" / name)
    network = align_delays(bias_source(lower(graph, TimeMetadata(dt=dt, ticks=ticks, inputs="spikes", reset="subtract"))))
    assert len(network.neurons) == populations
    (source,) = network.sources
    inputs = {source.name: np.random.default_rng(0).random((ticks, *source.shape)) < 0.3}
    assert source.shape == shape
    quantized, _ = quantize(network, inputs)
    run = fixed.run(quantized, inputs)
    assert sum(run.counts()[p.name] for p in network.neurons) > 0
    found = compare(network, floating.run(network, inputs), lava_engine.run(network, inputs, engine="float"))
    assert found.ok, found.first_mismatch
    found = compare(quantized, run, lava_engine.run(quantized, inputs, engine="fixed"), voltages=True)
    assert found.ok, found.first_mismatch


@pytest.mark.lava
def test_every_figure_on_the_page_is_what_runs(shared, lava):
    """docs/nir_zoo.md, made anew: all graphs in all engines, all platforms' traces."""
    rows = nir_zoo.graph_rows(shared)
    assert {row.file for row in rows} == {str(path.relative_to(shared / "nir_zoo")) for path in (shared / "nir_zoo").rglob("*.nir")}
    for row in rows:
        assert row.spikes > 0, row.file
        assert row.floats.ok and row.floats.ties == 0, (row.file, row.floats.first_mismatch)
        assert row.integers.ok and row.integers.compared_voltages == 2 * row.integers.compared, (row.file, row.integers.first_mismatch)
    assert (nir_zoo.ROOT / nir_zoo.PAGE).read_text() == nir_zoo.page(shared)


def test_each_platform_is_met_by_some_dialect_in_every_step(shared):
    rows = nir_zoo.trace_rows(shared)
    assert {row.platform for row in rows} == {path.stem.removeprefix("lif_") for path in (shared / "nir_zoo/01_lif").glob("*.csv")}
    for platform in nir_zoo.PLATFORMS:
        assert max(max(row.equal, row.late) for row in rows if row.platform == platform) == 1000, platform
    chip = next(row for row in rows if row.platform == "lava_loihi_fixed" and row.convention == "fixed")
    assert chip.late == 1000 and chip.distance == 4


@pytest.mark.parametrize(
    ("file", "says", "mended"),
    [
        (
            "01_lif/lif_rockpool.nir",
            "type mismatch on edge '1_LIFNeuronTorch' → 'output': '1_LIFNeuronTorch' gives (1,), 'output' takes (1, 1, 1); --relax-shapes",
            "reshaped node 'output': (1, 1, 1) to (1,)",
        ),
        (
            "03_rnn/extras/braille_noDelay_noBias_subtract_subgraph.nir",
            "edge 'input' → 'lif': names 'lif' which does not exist; there are 'input', 'lif1', 'lin', 'output'; --relax-shapes mends it",
            "edges of 'lif1' name 'lif': read as 'lif1', the only node without an edge",
        ),
    ],
)
def test_what_breaks_the_type_check_is_named_and_mended(shared, file, says, mended):
    with pytest.raises(GraphError, match=re.escape(says)):
        nir_io.read(shared / "nir_zoo" / file)
    with pytest.raises(GraphError, match=re.escape(says)):
        interpret(nir_io.read(shared / "nir_zoo" / file, type_check=False), "nir", ticks=3, relax_shapes=False)
    graph, said = relax(nir_io.read(shared / "nir_zoo" / file, type_check=False))
    assert said == (mended,)
    assert mended in interpret(nir_io.read(shared / "nir_zoo" / file, type_check=False), "nir", ticks=3).assumed
    lower(graph, TimeMetadata(1e-4, 3))


def test_the_mended_subgraph_is_the_flat_graph(shared):
    """The RNN was published twice: the subgraph, mended, does what the flat file does."""
    folder, spikes = shared / "nir_zoo/03_rnn", []
    x = np.random.default_rng(1).random((100, 12)) < 0.3
    for file in ("braille_noDelay_noBias_subtract.nir", "extras/braille_noDelay_noBias_subtract_subgraph.nir"):
        graph, _ = relax(nir_io.read(folder / file, type_check=False))
        network = lower(graph, TimeMetadata(1e-4, 100, "spikes", reset="subtract"))
        spikes.append(floating.run(network, {"input": x}).spikes["lif2"])
    assert spikes[0].any()
    np.testing.assert_array_equal(*spikes)
