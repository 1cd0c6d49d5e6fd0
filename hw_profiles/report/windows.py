"""The windows of a dynamic model in a report: what each costs, and what the host does between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neurograph.hw_profiles.report.text import number, table

__all__ = ["ABOUT", "COLUMNS", "NO_NEUROBENCH", "windows"]

COLUMNS = {
    "nodes": "nodes",
    "synapses": "synapses",
    "synaptic_events": "synaptic events",
    "neuron_updates": "neuron updates",
    "spikes": "spikes",
    "synapses_written": "synapses written",
    "synapses_changed": "changed",
    "currents_written": "currents set",
    "neurons_switched": "neurons switched",
    "states_held": "states held",
    "spikes_dropped": "dropped",
}
ABOUT = (
    "A window is the network of one snapshot; all of them, one after the other, are one inference, which every figure of this report is",
    "of. Neurons are those of all nodes, synapses the most of any window. Before a window the host writes the synapses that hang on its",
    "snapshot (*changed*: those that differ from what is on the chip, removed ones among them), sets currents, and stops or lets go",
    "neurons of nodes that cease or begin to take part (*switched*); *states held* go on as they were, *dropped* spikes were on their way",
    "when the window ended. What the host does between windows is in no energy and in no time.",
)
NO_NEUROBENCH = "NeuroBench's figures are of one network and are left out here."


def windows(report: Mapping[str, Any]) -> Iterator[str]:
    """Lines of the section; none for a model of one network."""
    rows = report.get("windows_of_model")
    if not rows:
        return
    yield "## Windows (counted)"
    yield ""
    held = [[str(row["window"]), *(number(row[key]) for key in COLUMNS)] for row in rows]
    total = ["all", *("" if key in ("nodes", "synapses") else number(sum(row[key] for row in rows)) for key in COLUMNS)]
    yield from table(["window", *COLUMNS.values()], [*held, total], "r" * (1 + len(COLUMNS)))
    yield ""
    yield from ABOUT
    if "neurobench" not in report:
        yield NO_NEUROBENCH
