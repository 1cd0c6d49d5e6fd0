"""Full-batch training on a dynamic graph: cross entropy on the labelled nodes, over all snapshots."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from torch import Tensor, nn

from neurograph.data.splits import Masks
from neurograph.errors import DataError, TrainingError
from neurograph.settings_fields import check_fields
from neurograph.training.threads import threads

__all__ = ["DynamicFit", "DynamicRecipe", "f1", "fit_dynamic", "standardised"]


@dataclass(frozen=True)
class DynamicRecipe:
    """How to train.

    Args:
        epochs: at most.
        patience: epochs without a better validation Micro-F1 after which to stop.
        warm: epochs before these on the last snapshot alone, as if nobody took part in the others: many times cheaper where models read
            their last state.
        every: epochs from one look at the validation nodes to the next.
        learning_rate, weight_decay: Adam's, of all parameters.
        threads: of torch. One gives the same model on every machine.

    Raises:
        TrainingError: a value out of its range.
    """

    epochs: int = 150
    patience: int = 40
    warm: int = 0
    every: int = 2
    learning_rate: float = 0.01
    weight_decay: float = 1e-4
    threads: int = 1

    def __post_init__(self) -> None:
        check_fields(self, "recipe", TrainingError, "; change it")
        for name in ("epochs", "patience", "every", "threads"):
            if getattr(self, name) < 1:
                raise TrainingError(f"recipe: {name} is {getattr(self, name)}, must be at least 1; change it")
        if self.warm < 0 or not self.learning_rate > 0 or self.weight_decay < 0:
            raise TrainingError(
                f"recipe: warm {self.warm}, learning_rate {self.learning_rate:g} and weight_decay {self.weight_decay:g}, must be at least"
                " 0, above 0 and at least 0; change it"
            )


@dataclass(frozen=True)
class DynamicFit:
    """What :func:`fit_dynamic` found: F1 scores 0 to 1 at the epoch of the best validation Micro-F1, whose weights the model then holds."""

    val_micro: float
    test_macro: float
    test_micro: float
    best_epoch: int
    epochs: int
    wall_s: float


def fit_dynamic(
    model: nn.Module,
    steps: Sequence[Any],
    y: NDArray[np.int64],
    masks: Masks,
    recipe: DynamicRecipe | None = None,
    seed: int = 0,
) -> DynamicFit:
    """Train a model on a dynamic graph, in place. torch's global generator is left as it was.

    Args:
        model: called with (steps, N, rows), gives logits (R, C) of the rows.
        steps: as the model takes them, e.g. of :func:`neurograph.models.steps.graph_steps`.
        y: classes, (N,). masks: train, validation and test nodes.
        seed: of dropout and of sampling; the start weights are the caller's.

    Raises:
        DataError: no snapshots, or masks of another graph.
    """
    recipe = recipe or DynamicRecipe()
    if not steps or any(mask.shape != y.shape for mask in masks):
        raise DataError(
            f"training: {len(steps)} snapshots, masks of {masks[0].shape}, must be at least 1 and {y.shape}; give those of the graph"
        )
    rows = [torch.from_numpy(np.flatnonzero(mask)) for mask in masks]
    train, seen = rows[0], torch.cat(rows[1:])
    labels = torch.from_numpy(y)
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    best: tuple[float, float] = (-1.0, -np.inf)
    found, weights, epoch, start = DynamicFit(0, 0, 0, 0, 0, 0), copy.deepcopy(model.state_dict()), 0, time.perf_counter()
    with threads(recipe.threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        alone = [*(replace(step, nodes=step.nodes[:0]) for step in steps[:-1]), steps[-1]] if recipe.warm else steps
        for epoch in range(1 - recipe.warm, recipe.epochs + 1):
            model.train()
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(alone if epoch < 1 else steps, len(y), train), labels[train])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if epoch < 1:
                continue
            if epoch % recipe.every and epoch < recipe.epochs:
                continue
            model.eval()
            with torch.no_grad():
                val, test = model(steps, len(y), seen).split([len(rows[1]), len(rows[2])])
            score = (f1(val, y[masks[1]])[1], -float(nn.functional.cross_entropy(val, labels[rows[1]])))
            if score > best:
                best, weights = score, copy.deepcopy(model.state_dict())
                macro, micro = f1(test, y[masks[2]])
                found = DynamicFit(score[0], macro, micro, epoch, epoch, 0)
            if epoch - found.best_epoch >= recipe.patience:
                break
    model.load_state_dict(weights)
    model.eval()
    return DynamicFit(found.val_micro, found.test_macro, found.test_micro, found.best_epoch, epoch, time.perf_counter() - start)


def f1(logits: Tensor, y: NDArray[np.int64]) -> tuple[float, float]:
    """Macro- and Micro-F1 of the largest logits, 0 to 1, as scikit-learn counts them; logits (R, C), y (R,)."""
    chosen = logits.argmax(dim=-1).numpy()
    return tuple(float(f1_score(y, chosen, average=how, zero_division=0)) for how in ("macro", "micro"))  # type: ignore[return-value]


def standardised(features: Iterable[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Features of all steps, each less its mean over nodes and steps and divided by its standard deviation."""
    steps = list(features)
    count = sum(len(x) for x in steps)
    mean = sum(x.sum(axis=0, dtype=np.float64) for x in steps) / count
    deviation = np.sqrt(sum(np.square(x - mean).sum(axis=0) for x in steps) / count)
    return [((x - mean) / np.maximum(deviation, 1e-6)).astype(np.float32) for x in steps]
