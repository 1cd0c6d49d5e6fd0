"""Input files of the command line: .npy, or .npz with one array a source."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import InputError

__all__ = ["for_bundle", "for_graph", "read_arrays"]

Array = NDArray[Any]


def read_arrays(path: Path) -> dict[str, Array]:
    """Arrays by name; a .npy has the name "".

    Raises:
        InputError: no such file, or not a file of plain arrays.
    """
    if not path.is_file():
        raise InputError(f"input {path}: no such file; give a .npy or .npz file")
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = {"": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"input {path}: not a whole .npy or .npz file of plain arrays ({error}); save it with numpy.save") from None
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise InputError(f"input {path}: array {name!r} holds {array.dtype}, must be numbers")
    return arrays


def for_bundle(bundle: Any, path: Path | None) -> dict[str, Array]:
    """Source → values: the bundle's own sample, or a file of features or of sources."""
    if path is None:
        return dict(bundle.inputs)
    arrays = read_arrays(path)
    if "" not in arrays:
        return arrays
    values = arrays[""]
    sources = bundle.network.sources
    if len(sources) == 1 and values.shape[-len(sources[0].shape) :] == sources[0].shape:
        return {sources[0].name: values}
    return dict(bundle.encode(values))


def for_graph(graph: Any, path: Path | None) -> dict[str, Array]:
    """Source → values for a NIR graph, which brings no sample of its own."""
    import nir

    sources = [name for name, node in graph.nodes.items() if isinstance(node, nir.Input)]
    if path is None:
        raise InputError(
            f"export of a NIR graph: needs a sample input to quantise and verify on; give --input FILE.npy for {', '.join(sources)}"
        )
    arrays = read_arrays(path)
    return {sources[0]: arrays[""]} if "" in arrays and len(sources) == 1 else arrays
