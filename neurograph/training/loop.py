"""The training loop, the same for every model: cross entropy on the labelled nodes and consistency on all of them.

Of a set of graphs those to train on are all that training sees, its averages and norms included; the others are run as they would be later.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from neurograph.data import GraphData
from neurograph.errors import TrainingError
from neurograph.nn import Features, as_features, calibrating
from neurograph.nn.sharding import Shard, sharded
from neurograph.training.log import FIRST, Log
from neurograph.training.memory import freed_memory_kept
from neurograph.training.recipe import Recipe
from neurograph.training.state import Standing, read_state, refuse_other, restore, write_state
from neurograph.training.subgraph import Batch, on_subgraph, parts, whole
from neurograph.training.threads import threads

__all__ = ["Files", "Fit", "accuracy", "fit"]


@dataclass(frozen=True)
class Files:
    """What a run keeps on disk.

    Args:
        log: CSV, a line an epoch.
        state: file to go on from; written every ``every`` epochs and at the end.
        resume: go on from ``state``.
        identity: what the run is, beside its recipe; a run with another one cannot go on from the same state.
    """

    log: Path | None = None
    state: Path | None = None
    resume: bool = False
    every: int = 10
    identity: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fit:
    """What :func:`fit` found: accuracies 0 to 1 at the epoch of the best validation accuracy, whose weights the model then holds.

    ``new_epochs`` are those of ``epochs`` that this call ran, where the run goes on from a state.
    """

    val_accuracy: float
    test_accuracy: float
    best_epoch: int
    epochs: int
    wall_s: float
    new_epochs: int


def fit(
    model: nn.Module,
    graph: GraphData,
    groups: Iterable[Any],
    recipe: Recipe,
    epochs: int | None = None,
    progress: bool = False,
    files: Files | None = None,
    shard: Shard | None = None,
) -> Fit:
    """Train any classifier of nodes, or of the graphs of a set, in place.

    Args:
        model: features (N, F) → logits (N, C), or (G, C).
        groups: Adam's parameter groups.
        epochs: overrides the recipe's.
        progress: draw a bar on stderr.
        files: what to keep on disk.
        shard: this process's nodes, of a run that is spread over the processes of torch.distributed; each of them gets the same model.

    The model is left in eval mode with the weights of the best validation accuracy (ties: the lower validation loss).

    Raises:
        TrainingError: files that cannot be written, or a state of another run; parts that the graph or the model cannot be cut into.
    """
    files = files or Files()
    if shard is not None and (files.state is not None or recipe.parts > 1):
        raise TrainingError("a run over several processes: keeps no state and knows no parts; leave --state and --parts out")
    limit = recipe.epochs if epochs is None else epochs
    optimizer = torch.optim.Adam(list(groups), lr=recipe.learning_rate)
    identity = {**files.identity, **{f"recipe.{k}": v for k, v in vars(recipe).items() if k not in ("epochs", "patience")}}
    standing = Standing(weights=copy.deepcopy(model.state_dict()))
    if files.state is not None and not files.resume:
        refuse_other(files.state)
    if files.resume and files.state is not None:
        standing = restore(read_state(files.state, identity), model, optimizer, files.state)
        if standing.best_epoch < min(recipe.ramp, limit):  # of a run that was to end before the ramp did
            standing.score, standing.best_epoch = Standing().score, 0
        if standing.epoch > limit:
            raise TrainingError(
                f"training state {files.state}: is at epoch {standing.epoch}, past the {limit} asked for; give at least so many --epochs"
            )
    log = Log(files.log, str(files.identity.get("stage", FIRST)), standing.epoch)
    everything, labels = whole(graph, shard), torch.from_numpy(graph.y)
    x = everything.x if graph.batch is None else as_features(graph.x)
    bar = _progress_bar() if progress else None
    start, before, first = time.perf_counter(), standing.wall_s, standing.epoch
    with bar or nullcontext(), threads(recipe.threads), freed_memory_kept(), sharded(model, shard):
        task = bar.add_task(f"training on {graph.name}", total=limit, completed=standing.epoch) if bar else None
        while standing.epoch < limit and not _enough(standing, recipe):
            standing.epoch += 1
            loss = _epoch(model, optimizer, graph, everything, recipe, standing.epoch, shard)
            logits = _predict(model, everything, x, shard)
            score = (accuracy(logits, graph.y, graph.val_mask), -_cross_entropy(logits, labels, graph.val_mask))
            if score > standing.score and standing.epoch >= min(recipe.ramp, limit):
                standing.score, standing.best_epoch, standing.weights = score, standing.epoch, copy.deepcopy(model.state_dict())
                standing.test_accuracy = accuracy(logits, graph.y, graph.test_mask)
            standing.wall_s = before + time.perf_counter() - start
            found = {"loss": loss, "val_loss": -score[1], "val_accuracy": score[0]}
            log.add(epoch=standing.epoch, **found, best_epoch=standing.best_epoch, wall_s=standing.wall_s)
            if files.state is not None and (standing.epoch % files.every == 0 or standing.epoch == limit or _enough(standing, recipe)):
                write_state(files.state, identity, model, optimizer, standing)
            if bar and task is not None:
                bar.update(task, advance=1, description=f"training on {graph.name}, validation {standing.score[0]:.1%}")
    model.load_state_dict(standing.weights)
    model.eval()
    return Fit(standing.score[0], standing.test_accuracy, standing.best_epoch, standing.epoch, standing.wall_s, standing.epoch - first)


def accuracy(logits: Tensor, y: NDArray[np.int64], mask: NDArray[np.bool_]) -> float:
    """Share of the marked nodes, or graphs, whose largest logit is their class, 0 to 1."""
    return float((logits.argmax(dim=-1).cpu().numpy() == y)[mask].mean())


def _enough(standing: Standing, recipe: Recipe) -> bool:
    return bool(standing.best_epoch) and standing.epoch - standing.best_epoch >= recipe.patience


def _epoch(model: nn.Module, optimizer: Any, graph: GraphData, everything: Batch, recipe: Recipe, epoch: int, shard: Shard | None) -> float:
    """One step on each batch; the mean loss."""
    model.train()
    losses = []
    for batch in (everything,) if recipe.parts == 1 else parts(graph, recipe.parts):
        optimizer.zero_grad()
        with on_subgraph(model, batch.graph, batch.segments), _precision(recipe):
            loss = _loss(model, batch, recipe, epoch, None if shard is None else _shares(graph, batch, shard))
        loss.backward()  # type: ignore[no-untyped-call]
        if shard is not None:
            loss = shard.total(loss.detach())
            for parameter in model.parameters():
                parameter.grad = shard.total(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad)
        optimizer.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


def _shares(graph: GraphData, batch: Batch, shard: Shard) -> tuple[float, float]:
    """What a shard's means count in those over all: of the labelled nodes, and of the nodes."""
    return len(batch.train) / int(graph.train_mask.sum()), len(batch.y) / shard.nodes


def _loss(model: nn.Module, batch: Batch, recipe: Recipe, epoch: int, shares: tuple[float, float] | None = None) -> Tensor:
    """Cross entropy, and the squared distance of two stochastic passes to their sharpened mean (GRAND, Feng et al. 2020)."""
    labels = batch.y[batch.train]
    of_labelled, of_nodes = shares or (1.0, 1.0)

    def supervised(logits: Tensor) -> Tensor:
        if not len(labels):  # a shard without a labelled node
            return logits.sum() * 0
        return of_labelled * nn.functional.cross_entropy(logits[batch.train], labels)

    if recipe.consistency == 0:
        return supervised(_logits(model, batch))
    passes = [_logits(model, batch), _logits(model, batch)]
    probabilities = torch.stack([logits.softmax(dim=-1) for logits in passes])
    target = probabilities.detach().mean(dim=0) ** (1 / recipe.temperature)
    target = target / target.sum(dim=-1, keepdim=True)
    distance = of_nodes * (probabilities - target).square().sum(dim=-1).mean()
    return torch.stack([supervised(logits) for logits in passes]).mean() + recipe.consistency * min(1.0, epoch / recipe.ramp) * distance


def _logits(model: nn.Module, batch: Batch) -> Tensor:
    """Out of autocast they are in bfloat16; the loss is in float32."""
    logits = cast(Tensor, model(batch.x))
    return logits.float() if logits.dtype == torch.bfloat16 else logits


def _predict(model: nn.Module, everything: Batch, x: Features, shard: Shard | None = None) -> Tensor:
    """Logits of all nodes, or graphs; averages and norms are those of the batch that is trained on."""
    model.eval()
    with torch.no_grad():
        with calibrating(model), on_subgraph(model, everything.graph, everything.segments):
            logits = cast(Tensor, model(everything.x))
        if everything.graph is not None:
            logits = cast(Tensor, model(x))
        return logits if shard is None else shard.gather(logits)


def _cross_entropy(logits: Tensor, labels: Tensor, mask: NDArray[np.bool_]) -> float:
    chosen = torch.from_numpy(mask)
    return float(nn.functional.cross_entropy(logits[chosen], labels[chosen]))


def _precision(recipe: Recipe) -> Any:
    return torch.autocast("cpu", torch.bfloat16) if recipe.precision == "mixed" else nullcontext()


def _progress_bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
