"""Model files of dynamic models, and training from a name to such a file.

The same kind of file as :mod:`neurograph.training.checkpoint`. Features of the snapshots are not in it, but how they are made of its edges:

format, version   what this is
model, config     which model, and the fields of its config
state_dict        tensors by name
graph             name, snapshots, y, classes
drawing           the fields of :class:`Drawing`
masks             train, validation and test nodes
seed, metrics     of the training run
versions          of neurograph and torch that wrote it
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Union

import numpy as np
import torch
from torch import nn

from neurograph.data.dynamic import DynamicGraph, structural_features
from neurograph.data.splits import Masks
from neurograph.errors import CheckpointError, DataError, InputError
from neurograph.files import write_file
from neurograph.models.dysign import DySign, DySignConfig
from neurograph.models.dysign_onchip import OnChipConfig, OnChipDySign
from neurograph.models.steps import Edges, Idle, Step, graph_steps
from neurograph.training.checkpoint import DYNAMIC_FORMAT, check_tensors, read_payload
from neurograph.training.dynamic import DynamicRecipe, fit_dynamic, standardised

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
_KEYS = ("model", "config", "state_dict", "graph", "drawing", "masks", "seed", "metrics", "versions")
_KINDS: dict[str, type[Any]] = dict.fromkeys(("config", "state_dict", "graph", "drawing", "metrics", "versions"), dict) | {"seed": int}
Model = Union[DySign, OnChipDySign]
DYNAMIC_MODELS: dict[str, tuple[Any, Any]] = {"dysign-onchip": (OnChipDySign, OnChipConfig), "dysign": (DySign, DySignConfig)}
RECIPE = DynamicRecipe(epochs=40, every=4, learning_rate=0.02)


@dataclass(frozen=True)
class Drawing:
    """How the steps of a graph are made: ``width`` and ``hops`` of :func:`neurograph.data.dynamic.structural_features`, standardised,
    ``idle`` and ``edges`` of :func:`neurograph.models.steps.graph_steps`."""

    width: int = 64
    hops: int = 32
    idle: Idle = "last"
    edges: Edges = "so_far"

    def steps(self, graph: DynamicGraph) -> list[Step]:
        """The steps of a graph, float32."""
        found = standardised(structural_features(graph, self.width, hops=self.hops))
        return graph_steps(graph, found, self.idle, self.edges)


@dataclass(frozen=True)
class DynamicCheckpoint:
    """What a model file holds.

    Args:
        name: of :data:`DYNAMIC_MODELS`.
        model: in eval mode.
        graph, drawing: that it was trained on, and how its steps are made.
        masks: train, validation and test nodes.
        seed, metrics, versions: of the run.
    """

    name: str
    model: Model
    graph: DynamicGraph
    drawing: Drawing
    masks: Masks
    seed: int
    metrics: Mapping[str, Any]
    versions: Mapping[str, str]

    def steps(self) -> list[Step]:
        """The steps of the graph."""
        return self.drawing.steps(self.graph)


def train_dynamic(
    name: str,
    graph: DynamicGraph,
    masks: Masks,
    seed: int = 0,
    epochs: int | None = None,
    drawing: Drawing | None = None,
    width: int | None = None,
) -> DynamicCheckpoint:
    """Train a model of :data:`DYNAMIC_MODELS` with its default config on a graph; ``epochs``: 40, ``width``: the config's, if not given.

    Raises:
        InputError: no model of that name, or none so wide. DataError: masks of another graph.
    """
    if name not in DYNAMIC_MODELS:
        raise InputError(f"model {name!r}: no dynamic model, must be one of {', '.join(DYNAMIC_MODELS)}")
    drawing = drawing or Drawing()
    made, config = DYNAMIC_MODELS[name]
    try:
        settings = config(drawing.width, graph.classes, graph.steps, **({} if width is None else {"width": width}))
    except ValueError as error:
        raise InputError(f"model {name}: {error}") from None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = made(settings)
    recipe = RECIPE if epochs is None else replace(RECIPE, epochs=epochs)
    fit = fit_dynamic(model, drawing.steps(graph), graph.y, masks, recipe, seed)
    metrics = {
        "val_accuracy": fit.val_micro,
        "test_accuracy": fit.test_micro,
        "test_macro_f1": fit.test_macro,
        "best_epoch": fit.best_epoch,
        "epochs": fit.epochs,
        "wall_s": fit.wall_s,
    }
    return DynamicCheckpoint(name, model, graph, drawing, masks, seed, metrics, _versions())


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
    try:
        with zipfile.ZipFile(path) as archive:
            return any(DYNAMIC_FORMAT.encode() in archive.read(name) for name in archive.namelist() if name.endswith("/data.pkl"))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def load_dynamic_model(path: str | Path) -> DynamicCheckpoint:
    """Read a model file. No code in it is run.

    Raises:
        CheckpointError: the file is missing, cut off, unsafe, of another format or version, or its parts do not fit each other.
    """
    payload, where = read_payload(Path(path), DYNAMIC_FORMAT, VERSION, _KEYS, _KINDS), f"checkpoint {path}"
    if payload["model"] not in DYNAMIC_MODELS:
        raise CheckpointError(f"{where}: model {payload['model']!r} is not known, must be one of {', '.join(DYNAMIC_MODELS)}")
    held = payload["graph"]
    try:
        graph = DynamicGraph(held["name"], tuple(edges.numpy() for edges in held["snapshots"]), held["y"].numpy(), held["classes"])
        drawing = Drawing(**payload["drawing"])
        train, val, test = (mask.numpy() for mask in payload["masks"])
        made, config = DYNAMIC_MODELS[payload["model"]]
        model: nn.Module = made(config(**payload["config"]))
        check_tensors(payload["state_dict"], where)
        model.load_state_dict(payload["state_dict"])
    except (AttributeError, DataError, KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{where}: its parts do not fit each other ({reason}); train it again") from None
    shapes = {mask.shape for mask in (train, val, test)}
    sizes = model.config  # type: ignore[union-attr]
    if shapes != {graph.y.shape} or (sizes.steps, sizes.classes) != (graph.steps, graph.classes):  # type: ignore[union-attr]
        raise CheckpointError(f"{where}: masks or model are of another graph than its own ({graph.nodes} nodes); train it again")
    masks = tuple(np.asarray(mask, bool) for mask in (train, val, test))
    about = payload["seed"], payload["metrics"], payload["versions"]
    return DynamicCheckpoint(payload["model"], model.eval(), graph, drawing, masks, *about)  # type: ignore[arg-type]
