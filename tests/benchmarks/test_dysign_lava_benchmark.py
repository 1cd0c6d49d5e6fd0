"""The benchmark of Dy-SIGN's networks in its short form: a made graph, a few epochs, no Lava."""

from __future__ import annotations

import dysign_lava

from neurograph.data.snapshots import blocks
from neurograph.training.dynamic_checkpoint import Drawing, train_dynamic


def test_the_paper_build_is_measured_too() -> None:
    graph = blocks(60)
    found = dysign_lava.measure(train_dynamic("dysign", graph, graph.split(0.6), epochs=2, drawing=Drawing(8, 3), width=4), 0)
    assert all(row["mismatched_spikes"] == row["mismatched_voltages"] == 0 < row["compared"] for row in found["parity"])
    assert found["host"]["currents"] == sum(found["sizes"]) * 2 * 4 and set(found["float_fixed_mismatch"]) == {"p1", "p2"}


def test_all_windows_are_compared_and_summed_up(capsys) -> None:
    graph = blocks(60)
    checkpoint = train_dynamic("dysign-onchip", graph, graph.split(0.6), epochs=2, drawing=Drawing(8, 3))
    found = dysign_lava.measure(checkpoint, 0)
    assert [row["window"] for row in found["parity"]] == 2 * [0, 1, 3, 4]  # the third is empty
    assert all(row["mismatched_spikes"] == row["mismatched_voltages"] == 0 < row["compared"] for row in found["parity"])
    assert sum(row["compared"] for row in found["parity"][:4]) == sum(found["sizes"]) * 16 * 4 * 2  # p1 and p2
    assert found["sizes"][2] == 0 and found["sizes"][4] == 60
    assert set(found["float_fixed_mismatch"]) == {"p1", "q1", "p2", "q2"}
    assert 0 < found["dropped"] < found["spikes"] and found["host"]["currents"] == sum(found["sizes"]) * 16
    dysign_lava.show({**found, "everybody": False}, 2)
    said = capsys.readouterr().out
    assert "torch = float" in said and "on their way when a window ended" in said
