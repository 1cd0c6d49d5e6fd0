"""The benchmark of Dy-SIGN in its short form: a made graph, every model a few epochs, memory of two lengths."""

from __future__ import annotations

import dysign
from dysign_child import made_graph


def test_every_model_is_trained_and_summed_up() -> None:
    graph = made_graph(nodes=200, steps=3, edges=300)
    rows = dysign.accuracy_rows(graph, list(dysign.CHOSEN), [40], seeds=2, recipe={"epochs": 2}, width=8, smoothing=1)
    assert [row["model"] for row in rows] == [name for name in dysign.CHOSEN for _ in range(2)] + 2 * list(dysign.CONTROLS)
    for name in [*dysign.CHOSEN, *dysign.CONTROLS]:
        macro, micro = dysign.summary(rows, name, 40).split(" / ")
        assert 0 <= float(macro.split()[0]) <= 100 and "±" in micro
    assert dysign.summary(rows, "gru_gcn", 60) is None


def test_memory_of_bptt_grows_and_that_of_implicit_gradients_does_not() -> None:
    few, many = dysign.memory_rows(None, (4, 32), width=16)
    assert many["unrolled"] > 3 * few["unrolled"] and many["implicit"] < 1.1 * few["implicit"]
