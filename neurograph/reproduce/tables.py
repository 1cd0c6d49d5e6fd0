"""The tables: what is trained for each row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from neurograph.errors import InputError
from neurograph.models import BASELINE_NAMES, MODELS

__all__ = ["TABLES", "Row", "Table", "table"]


@dataclass(frozen=True)
class Row:
    """One line of a table, for each dataset.

    Args:
        name: as printed.
        model: whose settings on the dataset are taken.
        fields: of its config, in place of the settings'.
        recipe: the same of the recipe.
        fixed: whether each trained model is compiled for 8-bit weights and run in integers as well.
    """

    name: str
    model: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    fixed: bool = False


@dataclass(frozen=True)
class Table:
    """Rows, and the datasets on which they are run where no others are asked for."""

    about: str
    rows: tuple[Row, ...]
    datasets: tuple[str, ...] = ("cora", "citeseer", "computers", "cs", "actor", "squirrel")

    def only(self, names: tuple[str, ...]) -> Table:
        """The rows of these names.

        Raises:
            InputError: a name that no row has.
        """
        known = {row.name: row for row in self.rows}
        odd = [name for name in names if name not in known]
        if odd:
            raise InputError(f"row {odd[0]!r}: the table has none of that name; choose from {', '.join(known)}")
        return Table(self.about, tuple(known[name] for name in names), self.datasets)


_ALONE = {"consistency": 0.0}
_SPIKING = Row("spikegraphormer", "spikegraphormer", fixed=True)
TABLES = {
    "accuracy": Table(
        "every model, both builds, and what it is compared with; each baseline with the consistency loss and without",
        (
            *(Row(name, name, fixed=not name.endswith("-paper")) for name in MODELS),
            *(Row(name, name) for name in BASELINE_NAMES),
            *(Row(f"{name} without consistency", name, recipe=_ALONE) for name in BASELINE_NAMES),
        ),
    ),
    "ablations": Table(
        "what each part of SpikeGraphormer, build onchip, gives",
        (
            _SPIKING,
            Row("sum over heads", "spikegraphormer", {"reduce": "heads", "heads": 2}),
            Row("two heads", "spikegraphormer", {"heads": 2}),
            Row("mask forced to 1", "spikegraphormer", {"mask": "ones"}),
            Row("GNN only", "spikegraphormer", {"attention": False}),
            Row("MLP only", "spikegraphormer", {"gnn": False, "mask": "ones", "readout": "plain"}),
            Row("without consistency", "spikegraphormer", recipe=_ALONE),
            Row("learned tau", "spikegraphormer", {"learn_beta": True}),
        ),
    ),
    "ablations-paper": Table(
        "the same of build paper",
        (
            Row("spikegraphormer-paper", "spikegraphormer-paper"),
            Row("sum over heads", "spikegraphormer-paper", {"reduce": "heads", "heads": 2}),
            Row("mask forced to 1", "spikegraphormer-paper", {"mask": "ones"}),
            Row("GNN only", "spikegraphormer-paper", {"gnn_share": 1.0, "fusion": "add"}),
            Row("MLP only", "spikegraphormer-paper", {"gnn": False, "mask": "ones", "readout": "plain"}),
            Row("cat", "spikegraphormer-paper", {"fusion": "cat"}),
            Row("without consistency", "spikegraphormer-paper", recipe=_ALONE),
            Row("learned tau", "spikegraphormer-paper", {"learn_beta": True}),
        ),
    ),
    "ablations-sghormer": Table(
        "what each part of SGHormer gives",
        (
            Row("sghormer", "sghormer", fixed=True),
            Row("sghormer-paper", "sghormer-paper"),
            Row("map forced to 1", "sghormer", {"mask": "ones"}),
            Row("without global attention", "sghormer", {"mask": "none"}),
            Row("without consistency", "sghormer", recipe=_ALONE),
            Row("learned tau", "sghormer", {"learn_beta": True}),
        ),
    ),
}


def table(name: str) -> Table:
    """A table by name.

    Raises:
        InputError: there is none of that name.
    """
    if name not in TABLES:
        raise InputError(f"table {name!r}: there is none of that name; choose from {', '.join(TABLES)}")
    return TABLES[name]
