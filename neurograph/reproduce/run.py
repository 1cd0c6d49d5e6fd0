"""One run: a model trained on a dataset with a seed, and where asked for run in integers too."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from neurograph.data import GraphData
from neurograph.models import BASELINE_NAMES
from neurograph.nn import as_features
from neurograph.nn.record import returned_spikes
from neurograph.reproduce.tables import Row
from neurograph.sim.recording import Recording
from neurograph.training import Checkpoint, Fit, Recipe, Settings, accuracy, fit, parameter_groups, settings_for, train
from neurograph.training.protocols import protocol

if TYPE_CHECKING:
    from neurograph.models.baselines import OnGraph

__all__ = ["Run", "identity", "recorded_accuracy", "run", "train_baseline"]


@dataclass(frozen=True)
class Run:
    """What came out; accuracies 0 to 1, test at the epoch of the best validation accuracy.

    Args:
        fixed_accuracy: test accuracy of the integer network in the fixed engine.
        mask_alive: share of attention mask neurons that change over the ticks.
        train_s, compile_s: wall time.
    """

    val_accuracy: float
    test_accuracy: float
    epochs: int
    train_s: float
    fixed_accuracy: float | None = None
    mask_alive: float | None = None
    compile_s: float | None = None


def identity(row: Row, dataset: str, seed: int, epochs: int | None) -> dict[str, Any]:
    """What tells a run from every other: two runs of the same identity give the same."""
    settings = _settings(row, dataset)
    parts = [settings.model_dump(include={"model", "recipe", "data"}), row.fixed, protocol(dataset).about]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True, default=dict).encode()).hexdigest()[:12]
    return {"row": row.name, "dataset": dataset, "seed": seed, "epochs": epochs, "settings": digest}


def run(row: Row, dataset: str, seed: int, root: Path | None = None, epochs: int | None = None) -> Run:
    """Train, with the split of the seed in the dataset's protocol.

    Args:
        epochs: at most; None: as the recipe says.

    Raises:
        NeurographError: data that is not there, settings that do not fit.
    """
    settings = _settings(row, dataset)
    graph = settings.prepare(protocol(dataset).graph(dataset, root, seed))
    if row.model in BASELINE_NAMES:
        fitted = train_baseline(settings, graph, seed, epochs)[1]
        return Run(fitted.val_accuracy, fitted.test_accuracy, fitted.epochs, fitted.wall_s)
    result = train(settings.config(graph), graph, seed, settings.how(), epochs)
    found = Run(result.val_accuracy, result.test_accuracy, result.epochs, result.wall_s, mask_alive=result.mask_alive)
    if not row.fixed:
        return found
    start = time.perf_counter()
    checkpoint = Checkpoint(result.model, graph, result.model.config, seed, {}, {})
    return Run(**{**vars(found), "fixed_accuracy": _in_integers(checkpoint), "compile_s": time.perf_counter() - start})


def _settings(row: Row, dataset: str) -> Settings:
    base = settings_for(row.model, dataset)
    return base.model_copy(update={"model": {**base.model, **row.fields}, "recipe": {**base.recipe, **row.recipe}})


def train_baseline(settings: Settings, graph: GraphData, seed: int, epochs: int | None = None, **sizes: Any) -> tuple[OnGraph, Fit]:
    """A network with real values with its settings, trained on a graph; torch's global generator is left as it was.

    Args:
        epochs: at most; None: as the recipe says.
        sizes: fields of the model, in place of those of the settings.
    """
    from neurograph.models.baselines import baseline

    recipe: Recipe = settings.how()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fields = {key: value for key, value in settings.model.items() if key != "name"}
        model = baseline(settings.name, graph, **{**fields, **sizes})
        return model, fit(model, graph, parameter_groups(model, recipe), recipe, epochs)


def _in_integers(checkpoint: Checkpoint) -> float:
    """Test accuracy of the integer network of 8-bit weights: the model's own readout on the fixed engine's spikes."""
    from neurograph.export.compile import compile_checkpoint
    from neurograph.export.targets import TARGETS
    from neurograph.sim import fixed

    compiled = compile_checkpoint(checkpoint, TARGETS["loihi2"])
    assert compiled.quantized is not None
    return recorded_accuracy(checkpoint, fixed.run(compiled.quantized, compiled.inputs))


def recorded_accuracy(checkpoint: Checkpoint, recording: Recording) -> float:
    """On the test nodes, 0 to 1: what the model's own host part makes of recorded spikes, in the order in which the model reads them.

    The model is left in float64.
    """
    graph, model = checkpoint.graph, checkpoint.model.double()
    x = as_features(graph.x, torch.float64)
    with torch.no_grad():
        current = model.encode(x)[None].expand(model.config.ticks, -1, -1)
        names = returned_spikes(model.core, current)
        spikes = tuple(torch.from_numpy(recording.spikes[name][0].astype(np.float64)) for name in names)
        logits = model.classify(spikes, x)
    return accuracy(logits, graph.y, graph.test_mask)
