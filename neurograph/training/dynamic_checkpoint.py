"""Model files of dynamic models, and training from a name to such a file.

The same kind of file as :mod:`neurograph.training.checkpoint`. Features of the snapshots are not in it, but how they are made of its edges:

format, version   what this is
model, config     which model, and the fields of its config
state_dict        tensors by name
graph             name, snapshots, y, classes
drawing           the fields of :class:`Drawing`
masks             train, validation and test nodes
seen              the last features of the first nodes, by which a machine that makes others is found out
seed, metrics     of the training run
versions          of neurograph and torch that wrote it
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Union

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neurograph.data.dynamic import DynamicGraph
from neurograph.data.splits import Masks
from neurograph.data.walks import walk_features
from neurograph.errors import CheckpointError, DataError, InputError
from neurograph.files import torch_file_says, write_file
from neurograph.models.dysign import DySign, DySignConfig
from neurograph.models.dysign_onchip import OnChipConfig, OnChipDySign
from neurograph.models.steps import Edges, Idle, Step, graph_steps
from neurograph.plain_text import is_plain
from neurograph.settings_fields import check_fields
from neurograph.training.checkpoint import check_shapes, check_tensors, read_payload
from neurograph.training.dynamic import DynamicRecipe, fit_dynamic, standardised
from neurograph.training.formats import DYNAMIC_FORMAT

__all__ = [
    "DYNAMIC_MODELS",
    "Drawing",
    "DynamicCheckpoint",
    "is_dynamic_model",
    "load_dynamic_model",
    "save_dynamic_model",
    "train_dynamic",
]

VERSION = 1
_KEYS = ("model", "config", "state_dict", "graph", "drawing", "masks", "seen", "seed", "metrics", "versions")
_KINDS: dict[str, type[Any]] = dict.fromkeys(("config", "state_dict", "graph", "drawing", "metrics", "versions"), dict) | {"seed": int}
Model = Union[DySign, OnChipDySign]
DYNAMIC_MODELS: dict[str, tuple[Any, Any]] = {"dysign-onchip": (OnChipDySign, OnChipConfig), "dysign": (DySign, DySignConfig)}
NARROW = 16
_WIDEST, _SMOOTHEST = 1 << 14, 1000
_SEEN, _SAME = 64, 1e-2  # nodes, and in standard deviations
RECIPE = DynamicRecipe(epochs=40, every=4, learning_rate=0.02)


@dataclass(frozen=True)
class Drawing:
    """How the steps of a graph are made: ``width`` and ``smoothing`` of :func:`neurograph.data.walks.walk_features`, standardised,
    ``idle`` and ``edges`` of :func:`neurograph.models.steps.graph_steps`.

    Raises:
        ValueError: a value that they do not take.
    """

    width: int = 64
    smoothing: int = 10
    idle: Idle = "last"
    edges: Edges = "so_far"

    def __post_init__(self) -> None:
        check_fields(self, "drawing")
        if not 1 <= self.width <= _WIDEST or not 0 <= self.smoothing <= _SMOOTHEST:
            raise ValueError(
                f"drawing: width {self.width} and smoothing {self.smoothing}, must be 1 to {_WIDEST:,} and 0 to {_SMOOTHEST:,}"
            )

    def features(self, graph: DynamicGraph) -> list[NDArray[np.float32]]:
        """Of every step, (N, width)."""
        return standardised(walk_features(graph, self.width, smoothing=self.smoothing))

    def steps(self, graph: DynamicGraph, features: list[NDArray[np.float32]] | None = None) -> list[Step]:
        """The steps of a graph, float32; ``features``: where they are made already."""
        return graph_steps(graph, self.features(graph) if features is None else features, self.idle, self.edges)


@dataclass(frozen=True)
class DynamicCheckpoint:
    """What a model file holds.

    Args:
        name: of :data:`DYNAMIC_MODELS`.
        model: in eval mode.
        graph, drawing: that it was trained on, and how its steps are made.
        masks: train, validation and test nodes.
        seen: features of the last step at the first nodes, (n, width), as the model was trained on.
        seed, metrics, versions: of the run.
    """

    name: str
    model: Model
    graph: DynamicGraph
    drawing: Drawing
    masks: Masks
    seen: NDArray[np.float32]
    seed: int
    metrics: Mapping[str, Any]
    versions: Mapping[str, str]

    def steps(self) -> list[Step]:
        """The steps of the graph, their features made anew.

        Raises:
            CheckpointError: they are not those of the training run; factors of equal size may turn out otherwise on another machine.
        """
        features = self.drawing.features(self.graph)
        apart = np.abs(features[-1][: len(self.seen)] - self.seen)
        if apart.size and apart.max() > _SAME:
            raise CheckpointError(
                f"checkpoint of {self.graph.name!r}: features made of its edges here are up to {apart.max():.2g} from those it was"
                f" trained on, must be within {_SAME:g}; export on the machine that trained it, or train it here"
            )
        return self.drawing.steps(self.graph, features)


def train_dynamic(
    name: str,
    graph: DynamicGraph,
    masks: Masks,
    seed: int = 0,
    epochs: int | None = None,
    drawing: Drawing | None = None,
    width: int | None = None,
) -> DynamicCheckpoint:
    """Train a model of :data:`DYNAMIC_MODELS` with its default config on a graph; ``epochs``: 40, ``width``: 16, narrow enough to be
    exported, if not given.

    Raises:
        InputError: no model of that name, or none so wide. DataError: masks of another graph.
    """
    if name not in DYNAMIC_MODELS:
        raise InputError(f"model {name!r}: no dynamic model, must be one of {', '.join(DYNAMIC_MODELS)}")
    drawing = drawing or Drawing()
    made, config = DYNAMIC_MODELS[name]
    try:
        settings = config(drawing.width, graph.classes, graph.steps, width=NARROW if width is None else width)
    except ValueError as error:
        raise InputError(f"model {name}: {error}") from None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = made(settings)
    recipe = RECIPE if epochs is None else replace(RECIPE, epochs=epochs)
    features = drawing.features(graph)
    fit = fit_dynamic(model, drawing.steps(graph, features), graph.y, masks, recipe, seed)
    metrics = {
        "val_accuracy": fit.val_micro,
        "test_accuracy": fit.test_micro,
        "test_macro_f1": fit.test_macro,
        "best_epoch": fit.best_epoch,
        "epochs": fit.epochs,
        "wall_s": fit.wall_s,
    }
    return DynamicCheckpoint(name, model, graph, drawing, masks, features[-1][:_SEEN], seed, metrics, _versions())


def _versions() -> dict[str, str]:
    return {"neurograph": metadata.version("neurograph"), "torch": str(torch.__version__)}


def save_dynamic_model(path: str | Path, checkpoint: DynamicCheckpoint) -> Path:
    """Write a model file atomically and return its path.

    Raises:
        CheckpointError: the file cannot be written.
    """
    graph = checkpoint.graph
    payload = {
        "format": DYNAMIC_FORMAT,
        "version": VERSION,
        "model": checkpoint.name,
        "config": asdict(checkpoint.model.config),
        "state_dict": {name: tensor.detach().cpu() for name, tensor in checkpoint.model.state_dict().items()},
        "graph": {
            "name": graph.name,
            "snapshots": [torch.from_numpy(edges) for edges in graph.snapshots],
            "y": torch.from_numpy(graph.y),
            "classes": graph.classes,
        },
        "drawing": asdict(checkpoint.drawing),
        "masks": [torch.from_numpy(mask) for mask in checkpoint.masks],
        "seen": torch.from_numpy(checkpoint.seen),
        "seed": checkpoint.seed,
        "metrics": dict(checkpoint.metrics),
        "versions": dict(checkpoint.versions),
    }
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    write_file(Path(path), buffer.getvalue(), "checkpoint", CheckpointError)
    return Path(path)


def is_dynamic_model(path: str | Path) -> bool:
    """Whether a file is one of these, damaged or not; told without loading it."""
    return torch_file_says(Path(path), DYNAMIC_FORMAT)


def load_dynamic_model(path: str | Path) -> DynamicCheckpoint:
    """Read a model file. No code in it is run.

    Raises:
        CheckpointError: the file is missing, cut off, unsafe, of another format or version, or its parts do not fit each other.
    """
    payload, where = read_payload(Path(path), DYNAMIC_FORMAT, VERSION, _KEYS, _KINDS), f"checkpoint {path}"
    if payload["model"] not in DYNAMIC_MODELS:
        raise CheckpointError(f"{where}: model {payload['model'][:60]!r} is not known, must be one of {', '.join(DYNAMIC_MODELS)}")
    held = payload["graph"]
    try:
        if (
            not isinstance(held["name"], str)
            or not is_plain(held["name"][:1001])
            or len(held["name"]) > 1000
            or type(held["classes"]) is not int
        ):
            raise TypeError("name or classes of its graph")
        graph = DynamicGraph(held["name"], tuple(edges.numpy() for edges in held["snapshots"]), held["y"].numpy(), held["classes"])
        drawing = Drawing(**payload["drawing"])
        train, val, test = (mask.numpy() for mask in payload["masks"])
        seen = payload["seen"].numpy().reshape(-1, drawing.width)
        if seen.dtype != np.float32 or len(seen) > _SEEN or not np.isfinite(seen).all():
            raise ValueError(f"features that were seen of {seen.dtype} and shape {seen.shape}")
        made, config = DYNAMIC_MODELS[payload["model"]]
        check_tensors(payload["state_dict"], where)
        settings = config(**payload["config"])
        check_shapes(settings, payload["state_dict"], lambda: made(settings))
        model: nn.Module = made(settings)
        model.load_state_dict(payload["state_dict"])
    except (AttributeError, DataError, IndexError, KeyError, OverflowError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{where}: its parts do not fit each other ({reason}); train it again") from None
    shapes = {mask.shape for mask in (train, val, test)}
    sizes = model.config  # type: ignore[union-attr]
    if shapes != {graph.y.shape} or (sizes.steps, sizes.classes) != (graph.steps, graph.classes):  # type: ignore[union-attr]
        raise CheckpointError(f"{where}: masks or model are of another graph than its own ({graph.nodes} nodes); train it again")
    if sizes.in_features != drawing.width:  # type: ignore[union-attr]
        raise CheckpointError(f"{where}: the model hears {sizes.in_features} features, its graph has {drawing.width}; train it again")  # type: ignore[union-attr]
    masks = tuple(np.asarray(mask, bool) for mask in (train, val, test))
    if (np.sum(masks, axis=0) > 1).any():
        raise CheckpointError(f"{where}: a node is in two of train, validation and test; train it again")
    about = seen, payload["seed"], payload["metrics"], payload["versions"]
    return DynamicCheckpoint(payload["model"], model.eval(), graph, drawing, masks, *about)  # type: ignore[arg-type]
