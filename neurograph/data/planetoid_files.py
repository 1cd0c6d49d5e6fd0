"""Raw files of Planetoid, which are pickles, and PyG's Amazon and Coauthor files: looked at before PyG reads them; no code of theirs runs.

A pickle can call anything that Python can import. Here the unpickler knows four names, and makes plain stand-ins of them: a CSR matrix, a
NumPy array, its type, and a dictionary of lists. What stands in for them is checked and pickled anew into PyG's copy of the files, so that
PyG unpickles what was written here.

Source: the layout of the files, torch_geometric/io/planetoid.py and npz.py (PyG 2.8).
"""

from __future__ import annotations

import io
import pickle  # nosec B403  # an unpickler that knows no code, see the module
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.array_files import read_array_file
from neurograph.csr_checks import checked_csr
from neurograph.errors import DataError

__all__ = ["check_npz", "rewrite_planetoid"]

_PARTS = ("x", "tx", "allx", "y", "ty", "ally")
MOST_BYTES = 1 << 30
"""Of one file."""
MOST_DENSE = 1 << 30
"""Features of all nodes: PyG makes them dense."""
_TYPES = ("f8", "f4", "i8", "i4", "i2", "i1", "u1", "b1")
_UNKNOWN = (
    *(pickle.BYTEARRAY8, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER, pickle.PERSID, pickle.BINPERSID),
    *(pickle.EXT1, pickle.EXT2, pickle.EXT4, pickle.INST, pickle.OBJ, pickle.NEWOBJ_EX),
)


def rewrite_planetoid(folder: Path, title: str) -> None:
    """Replace the pickles in a folder of ours by what they hold, pickled anew.

    Raises:
        DataError: one that holds anything but matrices and lists of numbers, or whose parts do not fit each other.
    """
    prefix = f"ind.{title.lower()}"
    parts: dict[str, Any] = {}
    for part in (*_PARTS, "graph"):
        path = folder / f"{prefix}.{part}"
        where = f"dataset {title}: {path.name}"
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise DataError(f"{where}: {size:,} bytes, at most {MOST_BYTES:,}; copy it anew")
        try:
            held = _Unpickler(io.BytesIO(path.read_bytes())).load()
            parts[part] = _graph(held) if part == "graph" else _matrix(held)
        except pickle.UnpicklingError as error:
            raise DataError(f"{where}: {error}; copy it anew") from None
        except Exception as error:  # the unpickler raises what it finds
            reason = " ".join(str(error).split())[:120]
            raise DataError(f"{where}: damaged ({type(error).__name__}: {reason}); copy it anew") from None
    _check(parts, _numbers(folder / f"{prefix}.test.index", title), title)
    for part, value in parts.items():
        (folder / f"{prefix}.{part}").write_bytes(pickle.dumps(value, protocol=2))


def check_npz(path: Path, title: str) -> None:
    """Look at a file of Amazon or Coauthor: SciPy follows its indices wherever they point.

    Raises:
        DataError: it is no such file, or too large to be made dense.
    """
    where = f"dataset {title}: {path.name}"
    try:
        arrays = read_array_file(path)
        parts = {kind: [arrays[f"{kind}_{part}"] for part in ("data", "indices", "indptr", "shape")] for kind in ("adj", "attr")}
        adjacency, features = (checked_csr(parts[kind][:3], parts[kind][3]) for kind in ("adj", "attr"))
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise DataError(f"{where}: damaged ({' '.join(str(error).split())[:160]}); copy it anew") from None
    nodes = len(arrays["labels"]) if arrays.get("labels", np.zeros(())).ndim == 1 else 0
    if adjacency.shape != (nodes, nodes) or features.shape[0] != nodes or features.shape[0] * features.shape[1] > MOST_DENSE:
        raise DataError(
            f"{where}: {nodes} labels, edges of shape {adjacency.shape}, features of shape {features.shape}, must be of the same nodes and "
            f"at most {MOST_DENSE:,} features; copy it anew"
        )


_InPython: Any = pickle._Unpickler  # type: ignore[attr-defined]  # the one in C believes a pickle's sizes


class _Unpickler(_InPython):  # type: ignore[misc]
    """An unpickler of :data:`_KNOWN`, in Python: its memo takes no more than the pickle has."""

    dispatch: ClassVar[dict[int, Any]] = {key: value for key, value in _InPython.dispatch.items() if bytes([key]) not in _UNKNOWN}

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, encoding="latin1")

    def load_build(self) -> None:
        """Give a stand-in its state, and nothing else."""
        if not isinstance(self.stack[-2], (_Dtype, _Array, _Csr)):
            raise pickle.UnpicklingError("gives a state to what has none; only matrices and lists are read")
        super().load_build()

    def load_reduce(self) -> None:
        """Call what makes a stand-in, and nothing else."""
        if self.stack[-2] not in _KNOWN.values():
            raise pickle.UnpicklingError("calls what makes no matrix; only matrices and lists are read")
        super().load_reduce()

    def load_newobj(self) -> None:
        """Make a stand-in, and nothing else."""
        if self.stack[-2] not in (_Array, _Csr) or self.stack[-1]:
            raise pickle.UnpicklingError("makes what is no matrix; only matrices and lists are read")
        super().load_newobj()

    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.REDUCE[0]] = load_reduce

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in.

        Raises:
            UnpicklingError: a name that these files do not hold.
        """
        found = _KNOWN.get((module, name)) or _KNOWN.get((module.rpartition(".")[2], name))
        if found is None:
            raise pickle.UnpicklingError(f"holds {f'{module}.{name}'[:100]!r}, and unpickling runs it; only matrices and lists are read")
        return found


class _Dtype:
    """Stands in for a type: its letters and the order of its bytes."""

    def __init__(self, code: Any = "", align: Any = 0, copy: Any = 0) -> None:
        self.code, self.order = str(code), "<"

    def __setstate__(self, state: Any) -> None:
        self.order = state[1]

    def plain(self) -> np.dtype[Any]:
        if self.code not in _TYPES or self.order not in ("<", ">", "|", "="):
            raise ValueError(f"values of type {self.code[:20]!r}")
        order: Any = self.order
        return np.dtype(self.code).newbyteorder(order)


class _Array:
    """Stands in for an array, whose values are all in the pickle."""

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, raw = state
        content = raw.encode("latin1") if isinstance(raw, str) else bytes(raw)
        flat = np.frombuffer(content, dtype.plain())
        self.values: NDArray[Any] = flat.reshape(tuple(int(n) for n in shape), order="F" if fortran else "C").astype(dtype.code)


class _Csr:
    """Stands in for a CSR matrix."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        shape = state["_shape"] if "_shape" in state else state["shape"]
        self.matrix = checked_csr([state[part].values for part in ("data", "indices", "indptr")], shape)


def _empty_array(kind: Any, shape: Any, code: Any) -> _Array:
    return _Array()


def _frombuffer(raw: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    """How NumPy pickles arrays since protocol 5; Planetoid's files do not."""
    made = _Array()
    made.__setstate__((1, shape, dtype, order == "F", raw))
    return made


def _new(kind: Any, base: Any = None, state: Any = None) -> Any:
    return kind()


def _encoded(text: str, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"bytes in {encoding[:20]!r}")
    return text.encode("latin1")


def _lists(kind: Any = None) -> dict[Any, Any]:
    return {}


_KNOWN: dict[tuple[str, str], Callable[..., Any]] = {
    ("multiarray", "_reconstruct"): _empty_array,
    ("numeric", "_frombuffer"): _frombuffer,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("csr", "csr_matrix"): _Csr,
    ("_csr", "csr_matrix"): _Csr,
    ("collections", "defaultdict"): _lists,
    ("__builtin__", "list"): list,
    ("builtins", "list"): list,
    ("__builtin__", "object"): object,
    ("builtins", "object"): object,
    ("copy_reg", "_reconstructor"): _new,
    ("copyreg", "_reconstructor"): _new,
    ("_codecs", "encode"): _encoded,
}


def _matrix(held: Any) -> Any:
    """The matrix or array of two dimensions of a stand-in."""
    if isinstance(held, _Csr):
        return held.matrix
    if not isinstance(held, _Array) or held.values.ndim != 2 or not held.values.size or not np.isfinite(held.values).all():
        raise ValueError("no matrix of numbers")
    return held.values


def _graph(held: Any) -> defaultdict[int, list[int]]:
    """Node → its neighbours."""
    made: defaultdict[int, list[int]] = defaultdict(list)
    if not isinstance(held, dict):
        raise ValueError("no dictionary of neighbours")
    for node, neighbours in held.items():
        if not isinstance(neighbours, list) or not all(type(n) is int and 0 <= n < 1 << 31 for n in (node, *neighbours)):
            raise ValueError("neighbours that are no lists of nodes")
        made[node] = list(neighbours)
    return made


def _numbers(path: Path, title: str) -> NDArray[np.int64]:
    try:
        found: NDArray[np.int64] = np.loadtxt(path, dtype=np.int64, ndmin=1)
    except (ValueError, OverflowError) as error:
        raise DataError(f"dataset {title}: {path.name}: no whole numbers ({' '.join(str(error).split())[:100]}); copy it anew") from None
    if found.ndim != 1 or not found.size:
        raise DataError(f"dataset {title}: {path.name}: shape {found.shape}, must be one number a line; copy it anew")
    return found


def _check(parts: dict[str, Any], tests: NDArray[np.int64], title: str) -> None:
    """Sizes that PyG relies on: rows of x and y, columns of all, and test nodes right behind the others (a few may be missing there)."""
    rows, columns = ({part: parts[part].shape[axis] for part in _PARTS} for axis in (0, 1))
    first, last = rows["allx"], rows["allx"] + 2 * rows["tx"] + 1000
    fits = (
        all(rows[a] == rows[b] for a, b in (("x", "y"), ("tx", "ty"), ("allx", "ally")))
        and len({columns[part] for part in ("x", "tx", "allx")}) == len({columns[part] for part in ("y", "ty", "ally")}) == 1
        and rows["tx"] == len(tests) == len(np.unique(tests))
        and first <= tests.min() <= tests.max() < last
        and rows["x"] <= first
        and last * max(columns.values()) <= MOST_DENSE
    )
    nodes = max(parts["graph"], default=0)
    if not fits or nodes >= last or any(n >= last for neighbours in parts["graph"].values() for n in neighbours):
        raise DataError(
            f"dataset {title}: its parts do not fit each other (rows {rows}, columns {columns}, test nodes {tests.min()} to {tests.max()}, "
            f"neighbours of node {nodes}); copy them anew"
        )
    if any(sp.issparse(parts[part]) and not np.isfinite(parts[part].data).all() for part in _PARTS):
        raise DataError(f"dataset {title}: features that are NaN or infinite; copy them anew")
