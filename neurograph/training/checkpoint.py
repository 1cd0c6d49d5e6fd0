"""Model files: one self-describing dictionary of plain values and tensors, which loads without running code.

format, version   what this is
model, config     which model, and the fields of its config
state_dict        tensors by name
graph             name, edge_index, x (dense, or coo parts), y, masks, classes, and the batch of a set of graphs
seed, metrics     of the training run
versions          of neurograph and torch that wrote it
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import nn

from neurograph.data import GraphData, some_graphs
from neurograph.errors import CheckpointError, DataError
from neurograph.files import write_file
from neurograph.models import MODELS, ClassifierConfig, SpikingClassifier, build
from neurograph.plain_text import is_plain, line_of
from neurograph.torch_files import PickledObjectsError, UnsafeFileError, read_torch_file
from neurograph.training.formats import DYNAMIC_FORMAT, FORMAT, STATE_FORMAT
from neurograph.training.train import TrainingResult, check_sizes

__all__ = ["VERSION", "Checkpoint", "check_shapes", "check_tensors", "load", "only_graphs", "read_payload", "save"]

VERSION = 2
MOST = 1 << 24
"""Of any whole number of a config."""
_KINDS: Mapping[str, type[Any]] = {"config": dict, "seed": int, "metrics": dict, "versions": dict}
_KEYS = ("model", "config", "state_dict", "graph", "seed", "metrics", "versions")


@dataclass(frozen=True)
class Checkpoint:
    """What a model file holds.

    Args:
        model: in eval mode, in the dtype that it was saved in.
        graph: that it was trained on, or the one that :func:`load` was given.
        config: of the model.
        seed, metrics, versions: as stored.
    """

    model: SpikingClassifier
    graph: GraphData
    config: ClassifierConfig
    seed: int
    metrics: dict[str, Any]
    versions: dict[str, str]


def save(path: str | Path, model: SpikingClassifier, graph: GraphData, result: TrainingResult | None = None) -> Path:
    """Write a model file atomically (a temporary sibling, then a rename) and return its path.

    Raises:
        CheckpointError: the file cannot be written; what was at the path before is then unharmed.
    """
    target = Path(path)
    payload = {
        "format": FORMAT,
        "version": VERSION,
        "model": model.name,
        "config": asdict(model.config),
        "state_dict": {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()},
        "graph": _pack_graph(graph),
        "seed": result.seed if result else 0,
        "metrics": result.metrics() if result else {},
        "versions": {"neurograph": metadata.version("neurograph"), "torch": str(torch.__version__)},
    }
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    write_file(target, buffer.getvalue(), "checkpoint", CheckpointError)
    return target


def load(path: str | Path, graph: GraphData | None = None) -> Checkpoint:
    """Read a model file. No code in it is run.

    Args:
        path: written by :func:`save`.
        graph: run the model on this graph in place of the stored one; it must have the same nodes, features and classes.

    Raises:
        CheckpointError: the file is missing, cut off, unsafe, of another format or version, or its parts do not fit each other.
    """
    payload = read_payload(Path(path), FORMAT, VERSION, _KEYS, _KINDS)
    where = f"checkpoint {path}"
    stored = _unpack_graph(payload["graph"], where)
    config = _config(payload, where)
    chosen = stored if graph is None else graph
    try:
        check_sizes(config, chosen)
    except DataError as error:
        raise CheckpointError(f"{where}: {error}") from None
    model = _model(config, chosen, payload["state_dict"], where)
    return Checkpoint(model, chosen, config, payload["seed"], dict(payload["metrics"]), dict(payload["versions"]))


def only_graphs(checkpoint: Checkpoint, chosen: Sequence[int]) -> Checkpoint:
    """The same model on some graphs of its set, in this order: it computes for each of them what it computes for it among all.

    Args:
        chosen: numbers from 0.

    Raises:
        CheckpointError: the model classifies nodes, or the set has no such graphs.
    """
    try:
        graph = some_graphs(checkpoint.graph, chosen)
    except DataError as error:
        raise CheckpointError(f"checkpoint of {checkpoint.graph.name!r}: {error}") from None
    config = replace(checkpoint.config, nodes=graph.nodes)
    model = _model(config, graph, checkpoint.model.state_dict(), "checkpoint")
    return replace(checkpoint, model=model, graph=graph, config=config)


def read_payload(path: Path, form: str, version: int, keys: Sequence[str], kinds: Mapping[str, type[Any]]) -> dict[str, Any]:
    """What stands in a model file of format ``form``, with all ``keys``, those in ``kinds`` of their type. No code in it is run.

    Raises:
        CheckpointError: the file is missing, cut off, unsafe, of another format or version, or lacks a key.
    """
    where = f"checkpoint {path}"
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise CheckpointError(f"{where}: {what}, must be a model file; neurograph train writes one")
    try:
        payload = read_torch_file(path)
    except PickledObjectsError:
        raise CheckpointError(
            f"{where}: holds pickled Python objects (a whole module?), only tensors and plain values are loaded; "
            "for a model of your own save model.state_dict() and give --model package.module:factory, or --allow-pickle if you trust it"
        ) from None
    except UnsafeFileError as error:
        raise CheckpointError(f"{where}: {error}; copy it anew") from None
    found = payload.get("format") if isinstance(payload, dict) else None
    found = found if isinstance(found, str) else None
    if found in (FORMAT, DYNAMIC_FORMAT) and found != form:
        raise CheckpointError(f"{where}: is a {found}, must be a {form} here; give it to 'neurograph export', which takes both")
    if found == STATE_FORMAT:
        raise CheckpointError(f"{where}: is the state of a training run, which --state wrote; give the file that -o wrote")
    if found != form:
        raise CheckpointError(
            f"{where}: not a neurograph checkpoint (no format {form!r} in it); weights of a model of your own are for 'neurograph export', "
            "with --model package.module:factory"
        )
    held = payload["version"] if type(payload.get("version")) is int else None
    if held != version:
        raise CheckpointError(f"{where}: version {held}, must be {version}; use the neurograph that wrote it")
    missing = [key for key in keys if key not in payload]
    if missing:
        raise CheckpointError(f"{where}: {', '.join(missing)} missing, must hold {', '.join(keys)}; save it again")
    odd = [key for key, kind in kinds.items() if not isinstance(payload[key], kind) or isinstance(payload[key], bool)]
    if odd:
        raise CheckpointError(f"{where}: {', '.join(odd)} of another type, must be a dictionary (seed: a number); save it again")
    if not isinstance(payload["model"], str) or not _plain_versions(payload["versions"]):
        raise CheckpointError(f"{where}: model or versions are no texts; save it again")
    return payload


def _plain_versions(versions: Any) -> bool:
    return all(isinstance(value, str) and len(value) < 1000 and is_plain(value) for item in versions.items() for value in item)


def _config(payload: Mapping[str, Any], where: str) -> ClassifierConfig:
    if payload["model"] not in MODELS:
        raise CheckpointError(
            f"{where}: model {payload['model'][:60]!r} is not known, must be one of {', '.join(MODELS)}; use a newer neurograph"
        )
    try:
        return MODELS[payload["model"]][1](**payload["config"])
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{where}: config cannot be used ({line_of(error)}); train it again") from None


def _model(config: ClassifierConfig, graph: GraphData, state: Any, where: str) -> SpikingClassifier:
    check_tensors(state, where)
    try:
        check_shapes(config, state, lambda: build(config, graph.edge_index, graph.batch))
        model = build(config, graph.edge_index, graph.batch)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise CheckpointError(f"{where}: config cannot be used ({line_of(error)}); train it again") from None
    for tensor in state.values():
        if tensor.is_floating_point():
            model.to(tensor.dtype)
            break
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{where}: weights do not fit the stored config ({reason}); train it again") from None
    return model.eval()


def check_shapes(config: Any, state: Mapping[str, torch.Tensor], made: Callable[[], nn.Module]) -> None:
    """Refuse a config that wants more memory than its weights fill, before it is taken: the model is made without any first.

    Raises:
        ValueError: sizes beyond :data:`MOST`, more layers than there are tensors, or a model much larger than the weights.
    """
    for name, value in vars(config).items():
        most = max(1, len(state)) if name.endswith(("layers", "blocks")) else MOST
        if isinstance(value, int) and value > most:
            raise ValueError(f"{name} is {value:,}, must be at most {most:,}")
    with torch.device("meta"):
        wanted = sum(tensor.numel() for tensor in made().state_dict().values())
    there = sum(tensor.numel() for tensor in state.values())
    if wanted > 2 * there + (1 << 20):
        raise ValueError(f"its model has {wanted:,} weights, the file has {there:,}")


def check_tensors(state: Any, where: str) -> None:
    """Refuse what is no dictionary of tensors, or holds NaN or infinity.

    Raises:
        CheckpointError: by name.
    """
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise CheckpointError(f"{where}: state_dict holds values that are no tensors, must be tensors by name; save it again")
    for name, tensor in state.items():
        broken = int((~torch.isfinite(tensor)).sum()) if tensor.is_floating_point() else 0
        if broken:
            raise CheckpointError(f"{where}: tensor {name[:60]!r} holds {broken} NaN or infinite values, must hold none; train it again")


def _pack_graph(graph: GraphData) -> dict[str, Any]:
    packed: dict[str, Any] = {"name": graph.name, "classes": graph.classes}
    for key in ("edge_index", "y", "train_mask", "val_mask", "test_mask"):
        packed[key] = torch.from_numpy(np.ascontiguousarray(getattr(graph, key)))
    if graph.batch is not None:
        packed["batch"] = torch.from_numpy(graph.batch)
    if sp.issparse(graph.x):
        coo = sp.coo_matrix(graph.x)
        packed["x"] = {
            "row": torch.from_numpy(coo.row.astype(np.int32)),
            "column": torch.from_numpy(coo.col.astype(np.int32)),
            "value": torch.from_numpy(coo.data),
            "shape": list(coo.shape),
        }
    else:
        packed["x"] = torch.from_numpy(np.ascontiguousarray(graph.x))
    return packed


def _unpack_graph(packed: Any, where: str) -> GraphData:
    try:
        x = packed["x"]
        if isinstance(x, Mapping):
            places = (x["row"].numpy(), x["column"].numpy())
            nodes, width = (int(size) for size in x["shape"])
            if nodes != len(packed["batch"] if "batch" in packed else packed["y"]) or not 0 < width < 1 << 31:
                raise ValueError(f"features of shape {(nodes, width)}")
            features = sp.csr_matrix((x["value"].numpy(), places), shape=(nodes, width))
        else:
            features = x.numpy()
        keys = ("edge_index", "y", "train_mask", "val_mask", "test_mask", *(("batch",) if "batch" in packed else ()))
        arrays = {key: packed[key].numpy() for key in keys}
        if (
            not isinstance(packed["name"], str)
            or not is_plain(packed["name"][:1001])
            or len(packed["name"]) > 1000
            or type(packed["classes"]) is not int
        ):
            raise TypeError("name or classes")
        return GraphData(name=packed["name"], x=features, classes=packed["classes"], **arrays)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RuntimeError, DataError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{where}: its graph cannot be used ({type(error).__name__}: {reason}); train it again") from error
