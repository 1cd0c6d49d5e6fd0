"""Dialects against the published traces of one LIF: input, voltage, spike, from eleven platforms."""

from __future__ import annotations

import numpy as np
import pytest

from neurograph.export import nir_io
from neurograph.export.dialects import interpret
from neurograph.export.lower import lower
from neurograph.sim import floating

ZOO = {
    # platform: (graph, dialect, slots of 1,000 that differ, those that differ if the platform is one step late, largest |Δv|)
    "exact": ("norse", "sinabs", 0, None, 7e-4),
    "norse": ("norse", "nir", 0, None, 1e-6),
    "rockpool": ("rockpool", "rockpool", 0, None, 1e-6),
    "sinabs": ("rockpool", "rockpool", 0, None, 1e-6),
    "nengo": ("norse", "nir", 0, None, None),  # its voltage column counts thresholds
    "snntorch": ("norse", "nir", 0, None, None),  # its voltage column is v/β
    "spinnaker2": ("norse", "nir", 0, None, None),  # likewise
    "spyx": ("norse", "nir", 8, 0, None),
    "lava_cpu_float": ("norse", "nir", 8, 0, None),
    "lava_cpu_fixed": ("norse", "nir", 8, 0, None),
    "lava_loihi_fixed": ("norse", "nir", 8, 0, None),
}


@pytest.mark.parametrize("platform", ZOO)
def test_published_traces(shared, platform):
    folder = shared / "nir_zoo" / "01_lif"
    file, dialect, missed, late, off = ZOO[platform]
    arrived, voltage, spikes = np.loadtxt(folder / f"lif_{platform}.csv", delimiter=",").T
    assert set(np.unique(spikes)) == {0, 1}
    got = interpret(nir_io.read(folder / f"lif_{file}.nir", type_check=False), dialect, ticks=1000, dt=1e-4, inputs="values")
    network = lower(got.graph)
    # Sinabs' column holds its input times the weight 0.04 of the graph.
    recording = floating.run(network, {"input": (arrived > 0)[:, None]})
    ours, v = recording.spikes[network.outputs[0]][0, :, 0], recording.voltages[network.outputs[0]][0, :, 0]
    shifted = np.count_nonzero(ours[:-1] != spikes[1:])
    distance = np.abs(v - voltage).max()
    print(f"{platform}: {dialect}, {np.count_nonzero(ours != spikes)} of 1000 slots, one step late {shifted}, |dv| {distance:.2g}")
    assert np.count_nonzero(ours != spikes) == missed
    assert late is None or shifted == late
    assert off is None or distance < off


def test_the_traces_tell_dialects_apart(shared):
    """Rockpool's file under another dialect: 8 slots."""
    folder = shared / "nir_zoo" / "01_lif"
    arrived, _, spikes = np.loadtxt(folder / "lif_rockpool.csv", delimiter=",").T
    for dialect in ("nir", "sinabs"):
        got = interpret(nir_io.read(folder / "lif_rockpool.nir", type_check=False), dialect, ticks=1000, dt=1e-4, inputs="values")
        network = lower(got.graph)
        ours = floating.run(network, {"input": arrived[:, None]}).spikes[network.outputs[0]][0, :, 0]
        assert np.count_nonzero(ours != spikes) == 8
