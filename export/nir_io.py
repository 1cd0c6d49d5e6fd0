"""Reading and writing NIR graphs: the standard primitives, our extension nodes, and the time metadata.

NIR nodes are continuous equations and carry no time step, so every graph that we write says in its metadata, under ``neurograph``, how
it runs in ticks. A graph without it is refused unless the caller names a convention.
"""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import nir
import numpy as np

from neurograph.errors import GraphError
from neurograph.export.hdf5_tree import quoted, read_tree
from neurograph.export.node_fields import FIELDS, HIGHEST, SMALLEST, check_fields
from neurograph.export.nodes import EXTENSIONS
from neurograph.export.relax import checked
from neurograph.export.structure import DEEPEST_GRAPH
from neurograph.files import write_file

__all__ = ["MOST_TICKS", "TimeMetadata", "check_time", "mend_groups", "read", "time_of", "unknown_types", "with_time", "write"]

MOST_TICKS = 1_000_000
_WHOLE = ("ticks", "recurrent_delay", "version")


@dataclass(frozen=True)
class TimeMetadata:
    """How a graph runs in ticks.

    Args:
        dt: seconds a tick.
        ticks: T of one inference.
        inputs: "static" (one real value a neuron, held for the inference), "spikes" or "values" (real, tick by tick).
        scheme, order, compare, reset, reset_acts, input_scale, recurrent_delay: the discretisation, see the README.
        version: of this schema.
    """

    dt: float
    ticks: int
    inputs: Literal["static", "spikes", "values"] = "static"
    scheme: str = "forward_euler"
    order: str = "current_then_voltage"
    compare: str = ">"
    reset: str = "value"
    reset_acts: str = "same_step"
    input_scale: float = 1.0
    recurrent_delay: int = 1
    version: int = 1


def write(graph: nir.NIRGraph, path: Path) -> None:
    """Write a graph as NIR HDF5, atomically.

    Raises:
        GraphError: the file cannot be written.
    """
    buffer = io.BytesIO()
    nir.write(buffer, graph)
    write_file(path, buffer.getvalue(), "graph", GraphError)


def read(path: Path, *, type_check: bool = True) -> nir.NIRGraph:
    """Read a NIR graph, extension nodes included.

    Args:
        path: a file that NIR or :func:`write` wrote.
        type_check: check the structure of the graph, and that the shapes along every edge agree; without it the graph is one for
            :func:`neurograph.export.relax.relax` to mend. Files, fields and their values are checked in any case.

    Raises:
        GraphError: no such file, not HDF5 or cut off; more than :mod:`neurograph.export.hdf5_tree` lets in; unknown node types (all of
            them); fields of a node that are missing, wrong or out of range; nodes or edges that do not fit. Where
            :func:`~neurograph.export.relax.relax` would mend the graph, the error says so.
    """
    if not path.is_file():
        raise GraphError(f"graph {path}: no such file; give the path of a .nir file")
    try:
        return _read(path, type_check)
    except GraphError as error:
        raise GraphError(f"graph {path}: {error}") from None


def _read(path: Path, type_check: bool) -> nir.NIRGraph:
    try:
        with h5py.File(path, "r") as file:
            if not isinstance(file.get("node", getlink=True), h5py.HardLink) or not isinstance(file["node"], h5py.Group):
                raise GraphError("has no 'node' group, so it is not a NIR graph; write it with nir.write")
            fields = read_tree(file["node"], path)
    except (
        OSError,
        RuntimeError,
        KeyError,
        ValueError,
        TypeError,
        MemoryError,
        OverflowError,
    ) as error:  # h5py turns damage into any of them
        raise GraphError(f"not HDF5, or cut off ({_line(error)}); write it again") from None
    unknown = unknown_types(fields)
    if unknown:
        known = ", ".join(sorted(FIELDS))
        raise GraphError(f"unknown node types: {'; '.join(unknown[:20])}. Known are {known}")
    graph = _graph(fields, 0)
    return checked(graph) if type_check else graph


def time_of(graph: nir.NIRGraph) -> TimeMetadata | None:
    """The time metadata of a graph, or None.

    Raises:
        GraphError: metadata that is not of this schema.
    """
    fields = graph.metadata.get("neurograph")
    if fields is None:
        return None
    if not isinstance(fields, dict):
        raise GraphError(f"time metadata: one value of type {type(fields).__name__}, must be a group; export the graph again")
    plain = {key: _plain(key, value) for key, value in fields.items()}
    try:
        time = TimeMetadata(**plain)
    except TypeError as error:
        reason = str(error).replace("TimeMetadata.__init__() ", "").replace("__init__() ", "")
        raise GraphError(f"time metadata: {reason}; it must hold {', '.join(TimeMetadata.__dataclass_fields__)}") from None
    for field in _WHOLE:
        object.__setattr__(time, field, _whole(field, getattr(time, field)))
    if time.version != 1:
        raise GraphError(f"time metadata: version {time.version}, this neurograph reads version 1; update neurograph")
    check_time(time)
    return time


def check_time(time: TimeMetadata) -> None:
    """Check numbers and words of the time metadata.

    Raises:
        GraphError: the first that is out of range.
    """
    for key, value in (("dt", time.dt), ("input_scale", time.input_scale)):
        if not isinstance(value, (int, float)) or not SMALLEST <= value <= HIGHEST:
            raise GraphError(
                f"time metadata: {key} {value!r}, must be a number above 0 ({SMALLEST:g} to {HIGHEST:g}); export the graph again"
            )
    for key, most in (("ticks", MOST_TICKS), ("recurrent_delay", MOST_TICKS)):
        if not 1 <= getattr(time, key) <= most:
            raise GraphError(f"time metadata: {key} {getattr(time, key)}, must be 1 to {most:,}; give fewer --ticks, or run it in parts")
    for key, words in (("inputs", ("static", "spikes", "values")), ("reset", ("value", "subtract"))):
        if getattr(time, key) not in words:
            raise GraphError(f"time metadata: {key} {getattr(time, key)!r}, must be {' or '.join(words)}; export the graph again")


def _plain(key: str, value: Any) -> Any:
    """A number or a text."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, (np.generic, np.ndarray)):
        if np.size(value) != 1:
            raise GraphError(f"time metadata: {key} of shape {np.shape(value)}, must be one value; export the graph again")
        return np.asarray(value).reshape(()).item()
    if isinstance(value, dict):
        raise GraphError(f"time metadata: {key} is a group, must be one value; export the graph again")
    return value


def _whole(key: str, value: Any) -> int:
    if isinstance(value, (int, float)) and np.isfinite(value) and value == int(value):
        return int(value)
    raise GraphError(f"time metadata: {key} {value!r}, must be a whole number; export the graph again")


def with_time(graph: nir.NIRGraph, time: TimeMetadata) -> nir.NIRGraph:
    """The same graph with time metadata."""
    return nir.NIRGraph(graph.nodes, graph.edges, metadata={**graph.metadata, "neurograph": asdict(time)}, type_check=False)


def mend_groups(node: Any) -> Any:
    """NIR 1.0.8 gives a grouped convolution the input channels of one group, and then refuses the graph; this sets them right, in place."""
    groups = int(np.asarray(getattr(node, "groups", 1)))
    if groups > 1 and node.input_type["input"] is not None:
        node.input_type = {"input": np.array([node.weight.shape[1] * groups, *node.input_type["input"][1:]])}
    return node


def unknown_types(fields: dict[str, Any], prefix: str = "", depth: int = 0) -> list[str]:
    """Every node whose type neither NIR nor neurograph knows, as ``name (type)``.

    Raises:
        GraphError: graphs within graphs, too deep.
    """
    if depth > DEEPEST_GRAPH:
        raise GraphError(f"subgraph {quoted(prefix)}: {depth} graphs deep, at most {DEEPEST_GRAPH}; unfold it")
    found = []
    nodes = fields.get("nodes", {})
    for name, node in nodes.items() if isinstance(nodes, dict) else ():
        kind = node.get("type") if isinstance(node, dict) else None
        if isinstance(kind, str) and kind == "NIRGraph":
            found += unknown_types(node, f"{prefix}{name}.", depth + 1)
        elif not isinstance(kind, str) or kind not in FIELDS:
            found.append(f"{_bare(prefix + name)} ({_bare(kind) if isinstance(kind, str) else 'no type'})")
    return found


def _bare(text: str) -> str:
    return quoted(text)[1:-1]


def _graph(fields: dict[str, Any], depth: int, name: str = "") -> nir.NIRGraph:
    where = f"subgraph {quoted(name)}: " if name else ""
    for part in ("nodes", "edges"):
        if part not in fields:
            raise GraphError(f"{where}has no {part!r}; write it with nir.write")
    if not isinstance(fields["nodes"], dict) or not isinstance(fields.get("metadata", {}), dict):
        part = "metadata" if isinstance(fields["nodes"], dict) else "nodes"
        raise GraphError(f"{where}{part!r} is a dataset, must be a group; write it with nir.write")
    nodes = {key: _node(key, node, depth) for key, node in fields["nodes"].items()}
    return nir.NIRGraph(nodes, _edges(fields["edges"], where), metadata=fields.get("metadata", {}), type_check=False)


def _edges(value: Any, where: str) -> list[tuple[str, str]]:
    if isinstance(value, np.ndarray) and value.size == 0:
        return []
    if not isinstance(value, np.ndarray) or value.ndim != 2 or value.shape[1] != 2 or value.dtype != object:
        what = f"of shape {value.shape} and type {value.dtype}" if isinstance(value, np.ndarray) else "not an array"
        raise GraphError(f"{where}edges are {what}, must be text of shape (edges, 2); write the graph with nir.write")
    return [(str(a), str(b)) for a, b in value]


def _node(name: str, fields: dict[str, Any], depth: int) -> Any:
    kind = fields["type"]
    if kind == "NIRGraph":
        return _graph(fields, depth + 1, name)
    try:
        check_fields(kind, fields)
        return EXTENSIONS[kind].from_dict(fields) if kind in EXTENSIONS else _standard(kind, fields)
    except GraphError as error:
        raise GraphError(f"node {quoted(name)} ({kind}): {error}") from None
    except (ValueError, TypeError, KeyError, AssertionError, AttributeError, IndexError, OverflowError) as error:
        raise GraphError(f"node {quoted(name)} ({kind}): {_line(error)}; mend the graph and write it again") from None


def _standard(kind: str, fields: dict[str, Any]) -> Any:
    """A node of NIR's own. A convolution gets its input size after that, for NIR takes kernels as square when it infers from it."""
    size = fields.get("input_shape")
    whole = {key: np.asarray(fields[key]).astype(np.int64) for key in ("shape", "input_type") if key in fields}
    rest: dict[str, Any] = {"input_shape": None} if kind in ("Conv1d", "Conv2d") else {}
    node = nir.dict2NIRNode(dict(fields, **whole, **rest))
    if size is not None:
        node.input_shape = int(np.ravel(size)[0]) if kind == "Conv1d" else tuple(int(n) for n in np.atleast_1d(size))
    return node


def _line(error: BaseException) -> str:
    """What an exception says, on one line of bounded length."""
    return " ".join(str(error).split())[:200] or type(error).__name__
