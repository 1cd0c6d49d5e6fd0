"""The benchmark of neuron layers in its short form: every layer that is installed runs and spikes as ours does."""

from __future__ import annotations

import neuron_layers


def test_layers_spike_alike() -> None:
    row = neuron_layers.measure(5, 200, 0.0)
    assert {"ours", "Norse"} <= set(row["seconds"]) and set(row["seconds"]) | set(row["said"]) == set(neuron_layers.CONTESTANTS)
    assert set(row["differ"].values()) == {0} and 0.05 < row["rate"] < 0.95
    assert all(0 < took["forward"] < took["both"] for took in row["seconds"].values())
