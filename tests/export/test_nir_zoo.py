"""Graphs that other people published (the NIR paper's repository): they run in float, fixed and Lava, bit for bit."""

import numpy as np
import pytest

from neurograph.export import nir_io
from neurograph.export.lower import lower
from neurograph.export.nir_io import TimeMetadata
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.bias_source import bias_source
from neurograph.export.quantize import quantize
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
