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
from nir.serialization import hdf2dict

from neurograph.errors import GraphError
from neurograph.export.nodes import EXTENSIONS
from neurograph.files import write_file

__all__ = ["TimeMetadata", "read", "time_of", "unknown_types", "write"]


@dataclass(frozen=True)
class TimeMetadata:
    """How a graph runs in ticks.

    Args:
        dt: seconds a tick.
        ticks: T of one inference.
        inputs: "static" (one real value a neuron, held for the inference) or "spikes".
        scheme, order, compare, reset, reset_acts, input_scale, recurrent_delay: the discretisation, see the README.
        version: of this schema.
    """

    dt: float
    ticks: int
    inputs: Literal["static", "spikes"] = "static"
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
        type_check: check that the shapes along every edge agree, as NIR does.

    Raises:
        GraphError: no such file, not HDF5 or cut off, unknown node types (all of them), nodes or edges that do not fit.
    """
    if not path.is_file():
        raise GraphError(f"graph {path}: no such file; give the path of a .nir file")
    try:
        with h5py.File(path, "r") as file:
            if "node" not in file:
                raise GraphError(f"graph {path}: has no 'node' group, so it is not a NIR graph; write it with nir.write")
            fields = hdf2dict(file["node"])
    except OSError as error:
        raise GraphError(f"graph {path}: not HDF5, or cut off ({error}); write it again") from None
    unknown = unknown_types(fields)
    if unknown:
        known = ", ".join(sorted(_standard_types() | EXTENSIONS.keys()))
        raise GraphError(f"graph {path}: unknown node types: {'; '.join(unknown)}. Known are {known}")
    try:
        return _graph(fields, type_check)
    except GraphError as error:
        raise GraphError(f"graph {path}: {error}") from None
    except (ValueError, TypeError, KeyError, AssertionError, AttributeError, IndexError) as error:
        raise GraphError(
            f"graph {path}: {' '.join(str(error).split()) or type(error).__name__}; mend the graph and write it again"
        ) from None


def time_of(graph: nir.NIRGraph) -> TimeMetadata | None:
    """The time metadata of a graph, or None.

    Raises:
        GraphError: metadata that is not of this schema.
    """
    fields = graph.metadata.get("neurograph")
    if fields is None:
        return None
    plain = {key: value.item() if isinstance(value, (np.generic, np.ndarray)) else value for key, value in fields.items()}
    plain = {key: value.decode() if isinstance(value, bytes) else value for key, value in plain.items()}
    try:
        time = TimeMetadata(**plain)
    except TypeError as error:
        raise GraphError(f"time metadata: {error}; it must hold {', '.join(TimeMetadata.__dataclass_fields__)}") from None
    if time.version != 1:
        raise GraphError(f"time metadata: version {time.version}, this neurograph reads version 1; update neurograph")
    if not (np.isfinite(time.dt) and time.dt > 0 and time.ticks >= 1):
        raise GraphError(f"time metadata: dt {time.dt} s and {time.ticks} ticks, must be above 0 and at least 1")
    return time


def with_time(graph: nir.NIRGraph, time: TimeMetadata) -> nir.NIRGraph:
    """The same graph with time metadata."""
    return nir.NIRGraph(graph.nodes, graph.edges, metadata={**graph.metadata, "neurograph": asdict(time)}, type_check=False)


def mend_groups(node: Any) -> Any:
    """NIR 1.0.8 gives a grouped convolution the input channels of one group, and then refuses the graph; this sets them right, in place."""
    groups = int(np.asarray(getattr(node, "groups", 1)))
    if groups > 1 and node.input_type["input"] is not None:
        node.input_type = {"input": np.array([node.weight.shape[1] * groups, *node.input_type["input"][1:]])}
    return node


def unknown_types(fields: dict[str, Any], prefix: str = "") -> list[str]:
    """Every node whose type neither NIR nor neurograph knows, as ``name (type)``."""
    found = []
    for name, node in fields.get("nodes", {}).items():
        kind = node.get("type") if isinstance(node, dict) else None
        if kind == "NIRGraph":
            found += unknown_types(node, f"{prefix}{name}.")
        elif kind not in EXTENSIONS and kind not in _standard_types():
            found.append(f"{prefix}{name} ({kind})")
    return found


def _standard_types() -> set[str]:
    return {name for name in vars(nir.ir) if isinstance(getattr(nir.ir, name), type) and issubclass(getattr(nir.ir, name), nir.NIRNode)} - {
        "NIRNode"
    }


def _graph(fields: dict[str, Any], type_check: bool) -> nir.NIRGraph:
    nodes = {name: _node(name, node, type_check) for name, node in fields["nodes"].items()}
    edges = [tuple(end.decode() if isinstance(end, bytes) else str(end) for end in edge) for edge in fields["edges"]]
    return nir.NIRGraph(nodes, edges, metadata=fields.get("metadata", {}), type_check=type_check)


def _node(name: str, fields: dict[str, Any], type_check: bool) -> Any:
    kind = fields["type"]
    if kind == "NIRGraph":
        return _graph(fields, type_check)
    try:
        return EXTENSIONS[kind].from_dict(fields) if kind in EXTENSIONS else mend_groups(nir.dict2NIRNode(fields))
    except GraphError as error:
        raise GraphError(f"node {name!r}: {error}") from None
    except (ValueError, TypeError, KeyError, AssertionError, AttributeError, IndexError) as error:
        raise GraphError(f"node {name!r} ({kind}): {' '.join(str(error).split()) or type(error).__name__}") from None
