"""Full-batch training on one graph: cross entropy on the labelled nodes and consistency on all of them."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from neurograph.data import GraphData
from neurograph.errors import DataError
from neurograph.models import SpikeGraphormer, SpikeGraphormerConfig
from neurograph.nn import alive, as_features, calibrating, check_weight_bits, record_spikes
from neurograph.training.threads import threads

__all__ = ["Fit", "Recipe", "TrainingResult", "accuracy", "fine_tune", "fit", "mask_spikes", "train"]


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Args:
        epochs: at most.
        patience: epochs without a better validation accuracy after which to stop.
        learning_rate: Adam's.
        weight_decay: of the encoder only.
        consistency: weight of the consistency loss, reached after ``ramp`` epochs; 0 turns it off.
        temperature: that sharpens its target.
        threads: of torch while training. One gives the same model on every machine, and is the fastest for graphs of Cora's size.
        weight_bits: 2 to 8 to train for so many bits: first in float, as without, then on from there (:func:`fine_tune`), for at most as
            many epochs again. None: as the config says, in float where that says nothing.
    """

    epochs: int = 300
    patience: int = 50
    learning_rate: float = 0.01
    weight_decay: float = 5e-4
    consistency: float = 1.0
    temperature: float = 0.5
    ramp: int = 20
    threads: int = 1
    weight_bits: int | None = None


@dataclass(frozen=True)
class Fit:
    """What :func:`fit` found: accuracies 0 to 1 at the epoch of the best validation accuracy, whose weights the model then holds."""

    val_accuracy: float
    test_accuracy: float
    best_epoch: int
    epochs: int
    wall_s: float


@dataclass(frozen=True)
class TrainingResult:
    """A trained model and how it went.

    Args:
        model: in eval mode, with the weights of the best validation epoch.
        val_accuracy, test_accuracy: 0 to 1, at that epoch.
        best_epoch, epochs: that epoch, and how many were run.
        seed, wall_s: of the run.
        mask_rates: for each attention mask, the firing pattern (T, D) on the graph.
        mask_alive: share of mask neurons that neither always nor never fire over the ticks; None without a learned mask.
    """

    model: SpikeGraphormer
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
    config: SpikeGraphormerConfig,
    graph: GraphData,
    seed: int = 0,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    progress: bool = False,
) -> TrainingResult:
    """Train a SpikeGraphormer on one graph. The same seed gives the same model; torch's global generator is left as it was.

    Args:
        config: must have the sizes of the graph.
        graph: trained on its train nodes, stopped on its validation nodes.
        seed: of the start weights and of all dropout.
        recipe: how to train.
        epochs: overrides the recipe's.
        progress: draw a progress bar on stderr.

    Raises:
        DataError: config and graph do not fit. QuantizationError: weight bits out of range.
    """
    check_sizes(config, graph)
    recipe = recipe or Recipe()
    bits = config.weight_bits if recipe.weight_bits is None else recipe.weight_bits
    check_weight_bits(bits)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SpikeGraphormer(replace(config, weight_bits=None), graph.edge_index)
        found = _fit(model, graph, recipe, epochs, progress)
    if bits is None:
        return _result(model, graph, found, seed)
    fine = fine_tune(model, graph, bits, seed, recipe, epochs, progress)
    return replace(fine, epochs=found.epochs + fine.epochs, best_epoch=found.epochs + fine.best_epoch, wall_s=found.wall_s + fine.wall_s)


def fine_tune(
    model: SpikeGraphormer,
    graph: GraphData,
    bits: int | None,
    seed: int = 0,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    progress: bool = False,
) -> TrainingResult:
    """Train a model on, in place, with the weights of its core rounded to ``bits`` bits (:mod:`neurograph.nn.fake_quantize`).

    Args:
        model: trained in float.
        graph: that it was trained on.
        bits: 2 to 8; None to train on in float.
        seed: of all dropout.
        recipe, epochs, progress: see :func:`train`.

    Raises:
        DataError: model and graph do not fit. QuantizationError: bits out of range.
    """
    check_sizes(model.config, graph)
    recipe = recipe or Recipe()
    model.round_weights(bits)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        found = _fit(model, graph, replace(recipe, ramp=1), epochs, progress)
    return _result(model, graph, found, seed)


def _result(model: SpikeGraphormer, graph: GraphData, found: Fit, seed: int) -> TrainingResult:
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
        mask_rates={name: spikes[:, 0].numpy() for name, spikes in masks.items()},
        mask_alive=float(np.concatenate(living).mean()) if living else None,
    )


def _fit(model: SpikeGraphormer, graph: GraphData, recipe: Recipe, epochs: int | None, progress: bool) -> Fit:
    x = as_features(graph.x)
    groups = [
        {"params": list(model.encoder.parameters()), "weight_decay": recipe.weight_decay},
        {"params": [p for name, p in model.named_parameters() if not name.startswith("encoder.")]},
    ]
    return fit(model, lambda: cast(Tensor, model(x)), graph, groups, recipe, epochs, progress)


def fit(
    model: nn.Module,
    forward: Callable[[], Tensor],
    graph: GraphData,
    groups: Iterable[Any],
    recipe: Recipe,
    epochs: int | None = None,
    progress: bool = False,
) -> Fit:
    """Train any node classifier in place, e.g. a baseline: ``forward()`` gives logits (N, C), ``groups`` are Adam's parameter groups.

    The model is left in eval mode with the weights of the best validation accuracy (ties: the lower validation loss).
    """
    start = time.perf_counter()
    limit = recipe.epochs if epochs is None else epochs
    optimizer = torch.optim.Adam(list(groups), lr=recipe.learning_rate)
    labels, train_nodes = torch.from_numpy(graph.y), torch.from_numpy(np.flatnonzero(graph.train_mask))
    best: tuple[float, float] = (-1.0, 0.0)
    best_epoch, epoch, test_accuracy = 0, 0, 0.0
    weights = copy.deepcopy(model.state_dict())
    bar = _progress_bar(graph.name) if progress else None
    with bar or nullcontext(), threads(recipe.threads):
        task = bar.add_task(f"training on {graph.name}", total=limit) if bar else None
        for epoch in range(1, limit + 1):
            model.train()
            optimizer.zero_grad()
            _loss(forward, labels, train_nodes, recipe, epoch).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            logits = _predict(model, forward)
            score = (accuracy(logits, graph.y, graph.val_mask), -_cross_entropy(logits, labels, graph.val_mask))
            if score > best and epoch >= min(recipe.ramp, limit):
                best, best_epoch, weights = score, epoch, copy.deepcopy(model.state_dict())
                test_accuracy = accuracy(logits, graph.y, graph.test_mask)
            if bar and task is not None:
                bar.update(task, advance=1, description=f"training on {graph.name}, validation {best[0]:.1%}")
            if best_epoch and epoch - best_epoch >= recipe.patience:
                break
    model.load_state_dict(weights)
    model.eval()
    return Fit(best[0], test_accuracy, best_epoch, epoch, time.perf_counter() - start)


def accuracy(logits: Tensor, y: NDArray[np.int64], mask: NDArray[np.bool_]) -> float:
    """Share of the marked nodes whose largest logit is their class, 0 to 1."""
    return float((logits.argmax(dim=-1).cpu().numpy() == y)[mask].mean())


def mask_spikes(model: SpikeGraphormer, graph: GraphData) -> dict[str, Tensor]:
    """Spikes (T, 1, D) of each attention mask of a model on a graph, by population name."""
    with torch.no_grad():
        current = model.encode(as_features(graph.x, model.encoder.weight.dtype))
    spikes = record_spikes(model.core, current.expand(model.config.ticks, *current.shape))
    return {name: value for name, value in spikes.items() if name.endswith("mask_neuron")}


def check_sizes(config: SpikeGraphormerConfig, graph: GraphData) -> None:
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


def _loss(forward: Callable[[], Tensor], labels: Tensor, nodes: Tensor, recipe: Recipe, epoch: int) -> Tensor:
    """Cross entropy, and the squared distance of two stochastic passes to their sharpened mean (GRAND, Feng et al. 2020)."""
    if recipe.consistency == 0:
        return nn.functional.cross_entropy(forward()[nodes], labels[nodes])
    passes = [forward(), forward()]
    supervised = torch.stack([nn.functional.cross_entropy(logits[nodes], labels[nodes]) for logits in passes]).mean()
    probabilities = torch.stack([logits.softmax(dim=-1) for logits in passes])
    target = probabilities.detach().mean(dim=0) ** (1 / recipe.temperature)
    target = target / target.sum(dim=-1, keepdim=True)
    distance = (probabilities - target).square().sum(dim=-1).mean()
    return supervised + recipe.consistency * min(1.0, epoch / recipe.ramp) * distance


def _predict(model: nn.Module, forward: Callable[[], Tensor]) -> Tensor:
    model.eval()
    with torch.no_grad(), calibrating(model):
        return forward()


def _cross_entropy(logits: Tensor, labels: Tensor, mask: NDArray[np.bool_]) -> float:
    chosen = torch.from_numpy(mask)
    return float(nn.functional.cross_entropy(logits[chosen], labels[chosen]))


def _progress_bar(name: str) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
