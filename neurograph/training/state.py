"""The state of a training run in a file, from which it goes on as if it had never stopped: every later weight is the same, bit for bit."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import nn

from neurograph.data import GraphData
from neurograph.errors import TrainingError
from neurograph.files import torch_file_says, write_file
from neurograph.settings_fields import shown
from neurograph.torch_files import UnsafeFileError, read_torch_file
from neurograph.training.formats import STATE_FORMAT

__all__ = ["Standing", "fingerprint", "read_state", "refuse_other", "restore", "write_state"]


@dataclass
class Standing:
    """Where a run stands.

    Args:
        epoch: done so far.
        score: best (validation accuracy, −validation loss); best_epoch, test_accuracy and weights are of that epoch.
        wall_s: so far.
    """

    epoch: int = 0
    score: tuple[float, float] = (-1.0, 0.0)
    best_epoch: int = 0
    test_accuracy: float = 0.0
    weights: dict[str, Any] = field(default_factory=dict)
    wall_s: float = 0.0


def fingerprint(graph: GraphData) -> str:
    """Name, size and a hash that is the same for graphs that are the same in features, edges, classes and splits."""
    digest = hashlib.sha256()
    x = sp.csr_matrix(graph.x)
    arrays = (x.data, x.indices, x.indptr, graph.edge_index, graph.y, graph.train_mask, graph.val_mask, graph.test_mask)
    for array in arrays if graph.batch is None else (*arrays, graph.batch):
        digest.update(np.ascontiguousarray(array).tobytes())
    return f"{graph.name}, {graph.nodes} nodes, {digest.hexdigest()[:16]}"


def write_state(path: Path, identity: Mapping[str, Any], model: nn.Module, optimizer: torch.optim.Optimizer, standing: Standing) -> None:
    """Write the file, whole or not at all.

    Args:
        identity: what the run is; :func:`read_state` refuses another.

    Raises:
        TrainingError: it cannot be written.
    """
    payload = {
        "format": STATE_FORMAT,
        "identity": dict(identity),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "generator": torch.random.get_rng_state(),
        "standing": vars(standing),
    }
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    write_file(path, buffer.getvalue(), "training state", TrainingError)


def refuse_other(path: Path) -> None:
    """Refuse to write a state over a file that is none.

    Raises:
        TrainingError: it is another file, or one that was cut off.
    """
    if path.is_file() and not torch_file_says(path, STATE_FORMAT):
        raise TrainingError(f"training state {path}: another file is there, which would be lost; choose another name, or remove it")


def read_state(path: Path, identity: Mapping[str, Any]) -> dict[str, Any]:
    """What :func:`write_state` wrote.

    Raises:
        TrainingError: the file is missing, damaged, or of a run with another model, recipe, seed or graph.
    """
    where = f"training state {path}"
    if not path.is_file():
        raise TrainingError(f"{where}: does not exist, must be a file that a run with --state wrote; leave --resume out to begin anew")
    try:
        payload = read_torch_file(path)
    except UnsafeFileError as error:
        raise TrainingError(f"{where}: {error}; begin anew without --resume") from None
    if not isinstance(payload, dict) or not isinstance(payload.get("format"), str) or payload["format"] != STATE_FORMAT:
        raise TrainingError(f"{where}: is no state of a training run; give the file that --state wrote")
    if not isinstance(payload.get("identity"), dict) or not {"model", "optimizer", "generator", "standing"} <= payload.keys():
        raise TrainingError(f"{where}: damaged (a part is missing); begin anew without --resume")
    was = payload.get("identity", {})
    for key in identity | was:
        held, now = was.get(key), identity.get(key)
        held = held if held is None or isinstance(held, (bool, int, float, str)) else f"a {type(held).__name__}"
        if held != now:
            told = f"{str(key)[:60]} is {shown(held)} there and {shown(now)} now"
            raise TrainingError(f"{where}: {told}, must be the same; resume with the settings of its run")
    return payload


def restore(payload: Mapping[str, Any], model: nn.Module, optimizer: torch.optim.Optimizer, path: Path) -> Standing:
    """Put a run where it stood: weights, Adam's moments, torch's generator.

    Raises:
        TrainingError: they are not of such a run.
    """
    try:
        standing = Standing(**payload["standing"])
        _check_standing(standing, model)
        _check_optimizer(payload["optimizer"], optimizer)
        _check_weights(payload["model"], model)
        model.load_state_dict(payload["model"])
        optimizer.load_state_dict(payload["optimizer"])
        torch.random.set_rng_state(payload["generator"])
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise TrainingError(f"training state {path}: its parts do not fit the run ({reason}); begin anew without --resume") from None
    return standing


def _check_standing(standing: Standing, model: nn.Module) -> None:
    whole, numbers = (standing.epoch, standing.best_epoch), (*standing.score, standing.test_accuracy, standing.wall_s)
    if not all(type(n) is int and 0 <= n < 1 << 31 for n in whole) or len(standing.score) != 2:
        raise ValueError(f"epochs {whole}")
    if not all(type(n) in (int, float) and math.isfinite(n) for n in numbers):
        raise ValueError(f"scores {numbers}")
    _check_weights(standing.weights, model)


def _check_weights(weights: Any, model: nn.Module) -> None:
    own = model.state_dict()
    if {name: (w.shape, w.dtype) for name, w in weights.items()} != {name: (w.shape, w.dtype) for name, w in own.items()}:
        raise ValueError("weights of other names, shapes or types than the model's")
    if not all(torch.isfinite(weight).all() for weight in weights.values() if weight.is_floating_point()):
        raise ValueError("weights that are NaN or infinite")


def _check_optimizer(held: Any, optimizer: torch.optim.Optimizer) -> None:
    """The same groups with the same settings, and moments of the parameters' own shapes."""
    own = optimizer.state_dict()
    if [*held] != [*own] or [{**group} for group in held["param_groups"]] != own["param_groups"]:
        raise ValueError("an optimizer of other settings")
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for number, moments in held["state"].items():
        for name, value in moments.items():
            shape = () if name == "step" else parameters[number].shape
            if value.shape != shape or not value.is_floating_point() or not torch.isfinite(value).all():
                raise ValueError(f"{name} of parameter {number}")
        if {*moments} != {"step", "exp_avg", "exp_avg_sq"} or not 0 <= number < len(parameters):
            raise ValueError(f"moments of parameter {number}")
