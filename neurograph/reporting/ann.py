"""Networks with real values, trained and run: same width, same graph, same split as the spiking one, every product of theirs counted.

The formulas of :mod:`neurograph.hw_profiles.baselines` know no activations. Here a model is trained on the bundle's dataset, run once, and
counted by :mod:`neurograph.operations`: dense, and without what meets a 0 in the features or behind a ReLU (*activation-sparse*). Its test
accuracy stands beside. Normalisation, softmax and elementwise work are counted there too, but are on neither side of the comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurograph.data import GraphData
from neurograph.errors import InputError
from neurograph.hw_profiles.baselines import READOUT_SUM, Baseline
from neurograph.nn import as_features
from neurograph.operations import PRODUCTS, OperationCounts, count_operations
from neurograph.reporting.branches import Branches, branches_of
from neurograph.reproduce.run import train_baseline
from neurograph.training import settings_for
from neurograph.training.protocols import protocol

__all__ = ["ANNS", "trained_baselines"]

ANNS = ("mlp", "gcn", "sgc", "transformer")  # those that compute with real numbers and whose width is the spiking network's
_ENCODERS = ("model.first", "model.to_attention", "model.to_gnn", "model.layers.0")


def trained_baselines(bundle: Any, names: Sequence[str], root: Path | None, epochs: int | None = None) -> list[Baseline]:
    """Train and count.

    Args:
        bundle: whose dataset, seed, width and ticks are taken.
        names: of :data:`ANNS`.
        root: folder with the raw data.
        epochs: at most; None: as the settings of each model say.

    Raises:
        InputError: an unknown name; a bundle that was not trained on a dataset. DataError: the data is not there.
    """
    for name in names:
        if name not in ANNS:
            raise InputError(f"--ann {name!r}: does not exist; there are {', '.join(ANNS)}")
    origin = bundle.manifest["origin"]
    if "dataset" not in origin:
        raise InputError(f"--ann {names[0]}: bundle {bundle.path} was not trained on a dataset here; leave --ann out")
    dataset, seed = str(origin["dataset"]), int(origin.get("seed", 0))
    return [_trained(name, dataset, seed, branches_of(bundle.network), root, epochs) for name in names]


def _trained(name: str, dataset: str, seed: int, branches: Branches, root: Path | None, epochs: int | None) -> Baseline:
    settings = settings_for(name, dataset)
    graph = settings.prepare(protocol(dataset).graph(dataset, root, seed))
    sizes = _sizes(name, branches)
    model, found = train_baseline(settings, graph, seed, epochs, **sizes)
    counts = count_operations(model.eval(), as_features(graph.x))
    return _as_baseline(name, counts, graph, sizes, found.test_accuracy, found.epochs, seed)


def _sizes(name: str, branches: Branches) -> dict[str, int]:
    """The sizes that a model takes, from those of the spiking network."""
    if name == "transformer":
        beside = {"gnn_width": branches.gnn_width or branches.width, "gnn_layers": branches.gnn_layers or 1}
        return {"width": branches.width, "blocks": branches.blocks, **beside}
    return {} if name == "sgc" else {"width": branches.widest}


def _as_baseline(
    name: str, counts: OperationCounts, graph: GraphData, sizes: dict[str, int], accuracy: float, epochs: int, seed: int
) -> Baseline:
    dense: dict[str, int] = {}
    effective: dict[str, int] = {}
    for row in counts.rows:
        if row.kind in PRODUCTS:
            term = _term(row.module, row.kind)
            dense[term] = dense.get(term, 0) + row.dense
            effective[term] = effective.get(term, 0) + row.effective
    width = ", ".join(f"{key} {value}" for key, value in sizes.items()) or "no hidden layer"
    note = (
        f"trained on {graph.name} with seed {seed} for {epochs} epochs, {width}: test accuracy {100 * accuracy:.2f} % (measured); "
        "its products are counted in a run, zeros of its activations too"
    )
    ends = frozenset({"encoder", "readout", READOUT_SUM}) if "attention" in dense else frozenset()
    return Baseline(f"{name}, trained", dense, note, effective, ends, frozenset({"propagation", READOUT_SUM}), accuracy)


def _term(module: str, kind: str) -> str:
    if kind == "propagation" and module.startswith("model.readout"):
        return READOUT_SUM
    if kind != "linear":
        return kind
    if module in _ENCODERS:
        return "encoder"
    return "readout" if module.startswith("model.readout") else "linear"
