"""Training the models that are exported: from a config and a graph to a trained model and how it went."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurograph.data import GraphData
from neurograph.errors import DataError, TrainingError
from neurograph.models import MODELS, ClassifierConfig, SpikingClassifier, build
from neurograph.nn import alive, as_features, check_weight_bits, record_spikes
from neurograph.nn.sharding import Shard
from neurograph.training.log import FIRST
from neurograph.training.loop import Files, Fit, fit
from neurograph.training.recipe import Recipe
from neurograph.training.state import fingerprint

__all__ = ["TrainingResult", "check_sizes", "fine_tune", "mask_spikes", "parameter_groups", "train"]


@dataclass(frozen=True)
class TrainingResult:
    """A trained model and how it went.

    Args:
        model: in eval mode, with the weights of the best validation epoch.
        val_accuracy, test_accuracy: 0 to 1, at that epoch.
        best_epoch, epochs: that epoch, and how many were run.
        seed, wall_s: of the run.
        mask_rates: for each attention mask, the firing pattern (T, D) on the graph; its mean over nodes, or graphs, where each has its own.
        mask_alive: share of mask neurons that neither always nor never fire over the ticks; None without a learned mask.
    """

    model: SpikingClassifier
    val_accuracy: float
    test_accuracy: float
    best_epoch: int
    epochs: int
    seed: int
    wall_s: float
    mask_rates: dict[str, NDArray[Any]] = field(default_factory=dict)
    mask_alive: float | None = None

    def metrics(self) -> dict[str, Any]:
        """Plain numbers, for JSON and for the checkpoint."""
        keys = ("val_accuracy", "test_accuracy", "best_epoch", "epochs", "seed", "wall_s", "mask_alive")
        return {key: getattr(self, key) for key in keys}


def train(
    config: ClassifierConfig,
    graph: GraphData,
    seed: int = 0,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    progress: bool = False,
    files: Files | None = None,
    shard: Shard | None = None,
) -> TrainingResult:
    """Train a model on one graph, or on a set of them. The same seed gives the same model; torch's global generator is left as it was.

    Args:
        config: must have the sizes of the graph.
        graph: trained on its train nodes, stopped on its validation nodes; or on those graphs of a set.
        seed: of the start weights and of all dropout.
        recipe: how to train.
        epochs: overrides the recipe's.
        progress: draw a progress bar on stderr.
        files: log and state; the second stage of a training for few bits has a state of its own beside the first's, named ``*.bits``.
        shard: see :func:`fit`. Each process draws dropout of its own; without dropout the loss is that of one process.

    Raises:
        DataError: config and graph do not fit. QuantizationError: weight bits out of range. TrainingError: see :func:`fit`.
    """
    _check(config, graph)
    if shard is not None and graph.batch is not None:
        raise TrainingError(f"a run over several processes: takes one graph, {graph.name!r} is a set of them; leave --sharded out")
    recipe = recipe or Recipe()
    bits = config.weight_bits if recipe.weight_bits is None else recipe.weight_bits
    check_weight_bits(bits)
    if shard is not None and bits is not None:
        raise TrainingError("a run over several processes: trains in float; leave --weight-bits out and train on with it in one process")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(replace(config, weight_bits=None), graph.edge_index, graph.batch)
        if shard is not None:
            torch.manual_seed(seed * shard.world + shard.rank)
        found = _fit(model, graph, seed, recipe, epochs, progress, files, shard)
    if bits is None:
        return _result(model, graph, found, seed)
    fine = fine_tune(model, graph, bits, seed, recipe, epochs, progress, _second(files, found))
    return replace(fine, epochs=found.epochs + fine.epochs, best_epoch=found.epochs + fine.best_epoch, wall_s=found.wall_s + fine.wall_s)


def fine_tune(
    model: SpikingClassifier,
    graph: GraphData,
    bits: int | None,
    seed: int = 0,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    progress: bool = False,
    files: Files | None = None,
) -> TrainingResult:
    """Train a model on, in place, with the weights of its core rounded to ``bits`` bits (:mod:`neurograph.nn.fake_quantize`).

    Args:
        model: trained in float.
        graph: that it was trained on.
        bits: 2 to 8; None to train on in float.
        seed: of all dropout.
        recipe, epochs, progress, files: see :func:`train`.

    Raises:
        DataError: model and graph do not fit. QuantizationError: bits out of range.
    """
    _check(model.config, graph)
    recipe = recipe or Recipe()
    model.round_weights(bits)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        found = _fit(model, graph, seed, replace(recipe, ramp=1), epochs, progress, files)
    return _result(model, graph, found, seed)


def parameter_groups(model: nn.Module, recipe: Recipe) -> Iterable[dict[str, Any]]:
    """Adam's: weight decay on what a model says is decayed, or on everything where it does not say."""
    beginnings = getattr(model, "decayed", ("",))
    decayed = {name: p for name, p in model.named_parameters() if name.startswith(beginnings)}
    rest = [p for name, p in model.named_parameters() if name not in decayed]
    return [{"params": list(decayed.values()), "weight_decay": recipe.weight_decay}, *([{"params": rest}] if rest else [])]


def mask_spikes(model: SpikingClassifier, graph: GraphData) -> dict[str, Tensor]:
    """Spikes (T, 1, D), of a set (T, G, D), of each attention mask of a model on a graph, by population name."""
    with torch.no_grad():
        current = model.encode(as_features(graph.x, model.encoder.weight.dtype))
    spikes = record_spikes(model.core, current.expand(model.config.ticks, *current.shape))
    return {name: value for name, value in spikes.items() if name.endswith("mask_neuron")}


def check_sizes(config: ClassifierConfig, graph: GraphData) -> None:
    """Raise a DataError where a config is not for this graph."""
    for what, ours, theirs in (
        ("nodes", config.nodes, graph.nodes),
        ("features", config.in_features, graph.features),
        ("classes", config.classes, graph.classes),
    ):
        if ours != theirs:
            raise DataError(
                f"graph {graph.name!r}: {theirs} {what}, must be {ours} as in the model; give it the graph that it was built for"
            )


def _check(config: ClassifierConfig, graph: GraphData) -> None:
    check_sizes(config, graph)
    if graph.batch is None:
        return
    (model,) = (model for model, kind in MODELS.values() if type(config) is kind)
    if not model.pools:
        able = " or ".join(name for name, (kind, _) in MODELS.items() if kind.pools)
        raise DataError(f"set {graph.name!r}: {model.name} classifies nodes only; take {able}, or a dataset that is one graph")
    for name in ("train", "val", "test"):
        if not getattr(graph, f"{name}_mask").any():
            raise DataError(f"set {graph.name!r}: {name}_mask marks 0 graphs, must mark at least 1; choose another split")


def _fit(
    model: SpikingClassifier,
    graph: GraphData,
    seed: int,
    recipe: Recipe,
    epochs: int | None,
    progress: bool,
    files: Files | None,
    shard: Shard | None = None,
) -> Fit:
    if files is not None:
        stage = FIRST if model.config.weight_bits is None else f"{model.config.weight_bits} bits"
        identity = {"stage": stage, "model": model.name, "seed": seed, "graph": fingerprint(graph)}
        files = replace(files, identity={**identity, **{f"config.{k}": v for k, v in asdict(model.config).items()}})
    return fit(model, graph, parameter_groups(model, recipe), recipe, epochs, progress, files, shard)


def _second(files: Files | None, first: Fit) -> Files | None:
    """The files of the second stage, which goes on where it has begun already, from the same first stage."""
    if files is None or files.state is None:
        return files
    state = files.state.with_name(f"{files.state.name}.bits")
    if first.new_epochs:
        state.unlink(missing_ok=True)
    return replace(files, state=state, resume=files.resume and state.is_file())


def _result(model: SpikingClassifier, graph: GraphData, found: Fit, seed: int) -> TrainingResult:
    masks = mask_spikes(model, graph)
    living = [alive(spikes) for spikes in masks.values()]
    return TrainingResult(
        model=model,
        val_accuracy=found.val_accuracy,
        test_accuracy=found.test_accuracy,
        best_epoch=found.best_epoch,
        epochs=found.epochs,
        seed=seed,
        wall_s=found.wall_s,
        mask_rates={name: spikes.mean(dim=1).numpy() for name, spikes in masks.items()},
        mask_alive=float(np.concatenate(living).mean()) if living else None,
    )
