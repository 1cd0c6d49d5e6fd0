"""Input files of the command line: .npy, or .npz with one array a source."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurograph.cli.output import log
from neurograph.errors import BundleError, InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["check_folder", "for_bundle", "for_graph", "kind_of", "opened", "opened_any", "read_arrays", "without_constants"]


def read_arrays(path: Path) -> dict[str, Array]:
    """Arrays by name; a .npy has the name "".

    Raises:
        InputError: no such file, or not a file of plain arrays.
    """
    if not path.is_file():
        raise InputError(f"input {path}: no such file; give a .npy or .npz file")
    import numpy as np

    from neurograph.array_files import UnsafeArrayError, read_array_file

    try:
        arrays = read_array_file(path)
    except (UnsafeArrayError, OSError) as error:
        raise InputError(f"input {path}: not a whole .npy or .npz file of plain arrays ({error}); save it with numpy.save") from None
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise InputError(f"input {path}: array {name!r} holds {array.dtype}, must be numbers")
        if not np.isfinite(array).all():
            raise InputError(
                f"input {path}: array {name!r} holds {np.count_nonzero(~np.isfinite(array))} NaN or infinite values; mend the data"
            )
    return arrays


def opened(path: Path, *, whole: bool = True) -> Any:
    """A bundle. ``whole``: check all of its files, not just what is read.

    Raises:
        BundleError: no folder, or no unharmed bundle.
    """
    check_folder(path)
    from neurograph.export.bundle import open_bundle

    return open_bundle(path, whole=whole)


def opened_any(path: Path) -> Any:
    """A bundle of one network, or of a dynamic model.

    Raises:
        BundleError: no folder, or no unharmed bundle.
    """
    check_folder(path)
    from neurograph.export.bundle.windows import open_any

    return open_any(path)


def check_folder(path: Path) -> None:
    """See that a bundle's folder is there before a library is loaded.

    Raises:
        BundleError: it is not.
    """
    if not path.is_dir():
        raise BundleError(
            f"bundle {path}: {'is a file' if path.exists() else 'does not exist'}, must be a folder; 'neurograph export' writes one"
        )


def for_bundle(bundle: Any, path: Path | None) -> dict[str, Array]:
    """Source → values: the bundle's own sample, or a file of features, of sources, or of what the model was exported on.

    Raises:
        InputError: no such file, or one with another graph than the bundle's.
    """
    if path is None:
        return dict(bundle.inputs)
    arrays = read_arrays(path)
    if "" not in arrays:
        return without_constants(bundle, arrays, path)
    values = arrays[""]
    sources = [source for source in bundle.network.sources if not source.is_constant]
    encoded = "host/encoder.onnx" in bundle.manifest["files"]
    if len(sources) == 1 and (values.shape[-len(sources[0].shape) :] == sources[0].shape or not encoded):
        return {sources[0].name: values}  # whose shape is looked at where it is run
    return dict(bundle.encode(values))


def without_constants(bundle: Any, arrays: dict[str, Array], path: Path) -> dict[str, Array]:
    """Without what is part of the network already, edge_index for one.

    Raises:
        InputError: it is another one than at export.
    """
    from neurograph.export.constants import digest

    held = bundle.manifest["origin"].get("constants", {})
    found = [name for name in arrays if name in held]
    for name in found:
        if digest(arrays[name]) != held[name]:
            raise InputError(
                f"input {name!r} of {path}: is another one than the bundle was exported on, and the graph is part of its network; "
                "export the model with this one, or leave it out"
            )
    if found:
        log(f"{', '.join(found)}: as at export, where {'it' if len(found) == 1 else 'they'} became part of the network")
    return {name: values for name, values in arrays.items() if name not in found}


def for_graph(graph: Any, path: Path) -> dict[str, Array]:
    """Source → values for a NIR graph, which brings no sample of its own."""
    import nir

    sources = [name for name, node in graph.nodes.items() if isinstance(node, nir.Input)]
    arrays = read_arrays(path)
    return {sources[0]: arrays[""]} if "" in arrays and len(sources) == 1 else arrays


def kind_of(graph: Any, inputs: dict[str, Array], ticks: int | None) -> tuple[str, int]:
    """What a sample is, from its shape and values, and the number of ticks.

    Per source of shape S: (T, *S) of zeros and ones is "spikes", other numbers are "values"; (*S) is "static" and does not say T.

    Raises:
        InputError: sources of different kinds or lengths, a shape that is neither, a static sample without --ticks.
    """
    import nir
    import numpy as np

    shapes = {
        name: tuple(int(n) for n in np.atleast_1d(node.output_type["output"]))
        for name, node in graph.nodes.items()
        if isinstance(node, nir.Input)
    }
    kinds, lengths = set(), set()
    for name, value in inputs.items():
        if name not in shapes:
            raise InputError(f"input {name!r}: no such source; the graph has {', '.join(shapes)}")
        if not value.size:
            raise InputError(f"input {name!r}: shape {value.shape} is empty; give a sample of at least one tick")
        shape = shapes[name]
        if value.shape[value.ndim - len(shape) :] != shape or value.ndim - len(shape) not in (0, 1):
            raise InputError(f"input {name!r}: shape {value.shape}, must be {shape} or (ticks, {', '.join(map(str, shape))})")
        static = value.ndim == len(shape)
        kinds.add("static" if static else "spikes" if np.isin(value, (0, 1)).all() else "values")
        lengths |= set() if static else {len(value)}
    if kinds == {"spikes", "values"}:
        kinds = {"values"}
    if len(kinds) != 1 or len(lengths) > 1:
        raise InputError(f"input: sources that are {', '.join(sorted(kinds)) or 'missing'} over {sorted(lengths)} ticks; give all alike")
    given = lengths.pop() if lengths else ticks
    if given is None:
        raise InputError("input: one value a neuron does not say how long an inference is; give --ticks")
    if ticks is not None and ticks != given:
        raise InputError(f"input: {given} ticks, but --ticks is {ticks}; give the same")
    return kinds.pop(), given
