"""The state of a training run in a file, from which it goes on as if it had never stopped: every later weight is the same, bit for bit."""

from __future__ import annotations

import hashlib
import io
import pickle
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
from neurograph.files import broken_member, is_zip, torch_file_says, write_file
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
        if not is_zip(path):
            raise TrainingError(f"{where}: no whole torch file (cut off, or another kind); begin anew without --resume")
        broken = broken_member(path)
        if broken:
            raise TrainingError(f"{where}: damaged (checksum of {broken} is wrong); begin anew without --resume")
        payload = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise TrainingError(f"{where}: damaged ({' '.join(str(error).split())[:120]}); begin anew without --resume") from None
    if not isinstance(payload, dict) or payload.get("format") != STATE_FORMAT:
        raise TrainingError(f"{where}: is no state of a training run; give the file that --state wrote")
    was = payload.get("identity", {})
    for key in identity | was:
        held, now = was.get(key), identity.get(key)
        if held != now:
            raise TrainingError(f"{where}: {key} is {held!r} there and {now!r} now, must be the same; resume with the settings of its run")
    return payload


def restore(payload: Mapping[str, Any], model: nn.Module, optimizer: torch.optim.Optimizer) -> Standing:
    """Put a run where it stood: weights, Adam's moments, torch's generator."""
    model.load_state_dict(payload["model"])
    optimizer.load_state_dict(payload["optimizer"])
    torch.random.set_rng_state(payload["generator"])
    return Standing(**payload["standing"])
