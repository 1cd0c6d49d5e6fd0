"""The layers of a lava-dl `.net` file, checked: what slayer's blocks write (``export_hdf5``), and the older files that netx still reads.

Nothing in a file is executed, no other file is opened, and sizes are checked before anything is allocated
(:mod:`neurograph.export.hdf5_tree`, and at most :data:`MOST_NEURONS` neurons a layer and :data:`MOST_LAYERS` layers).

    shape             as torch has it: (channels, height, width) or (neurons,)
    weight            whole numbers, 64 to one volt of slayer's: dense (out, in); conv (out, in/groups, height, width[, 1]); pool
                      (1, 1, height, width[, 1])
    bias              whole numbers, by neuron or by channel; of an input layer, with its weight, z = weight·x + bias for values x
    delay             ticks: one, by output neuron (slayer's), or by input
    neuron            iDecay, vDecay of 4096; vThMant; numbers, or one a channel

Source: lava-dl 0.6.0, ``slayer/block/base.py`` and ``netx/hdf5.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from neurograph.errors import GraphError
from neurograph.export.hdf5_tree import quoted, read_tree

__all__ = ["KINDS", "MOST_LAYERS", "MOST_NEURONS", "Cuba", "Layer", "read_layers"]

Array = NDArray[Any]
MOST_LAYERS = 1000
MOST_NEURONS = 1 << 22
KINDS = ("input", "dense", "dense_rec", "conv", "pool", "flatten", "concat")
_AGAIN = "export it again with lava-dl"
_LARGEST = 1 << 24  # of any whole number: float32, in which slayer writes, holds no larger ones exactly


@dataclass(frozen=True, eq=False)
class Cuba:
    """Parameters of a CUBA (or LOIHI) neuron: numbers, or (channels,)."""

    i_decay: Array
    v_decay: Array
    v_th: Array

    @property
    def is_cuba(self) -> bool:
        """Whether its synaptic current outlasts a tick."""
        return bool((self.i_decay < 4096).any())

    @property
    def never_spikes(self) -> bool:
        """v is clipped at 2²³ − 1, which 64·131072 lies above."""
        return bool((self.v_th >= 1 << 17).all())


@dataclass(frozen=True, eq=False)
class Layer:
    """One entry of the file.

    Args:
        index: its number in the file; kind: its type.
        shape: as the file has it, or None.
        neuron: None where it has none, or none that is CUBA (``reasons`` says so then).
        arrays: weight, weight_rec, bias, delay: int64, where there are any.
        stride, padding, dilation: (height, width); groups.
        layers: of a concat, the layers that it adds to the one before.
        reasons: why it cannot run, where the file says so.
    """

    index: int
    kind: str
    shape: tuple[int, ...] | None
    neuron: Cuba | None = None
    arrays: dict[str, Array] = field(default_factory=dict)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    layers: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.index}"

    @property
    def where(self) -> str:
        return f"layer {self.index} ({self.kind})"


def read_layers(path: Path) -> tuple[list[Layer], dict[str, float]]:
    """Read a file.

    Returns:
        The layers in order, and the numbers of its ``simulation`` group (Ts, tSample), if it has one.

    Raises:
        GraphError: not such a file, cut off, too large, or with values that make no sense; the first of them.
    """
    if not path.is_file():
        raise GraphError(f"network {path}: no such file; give the path of a .net file")
    try:
        with h5py.File(path, "r") as file:
            trees = {name: read_tree(file[name], path, _AGAIN) for name in ("layer", "simulation") if _is_group(file, name)}
    except GraphError as error:
        raise GraphError(f"network {path}: {error}") from None
    except (
        OSError,
        RuntimeError,
        KeyError,
        ValueError,
        TypeError,
        MemoryError,
        OverflowError,
    ) as error:  # h5py turns damage into any of them
        line = " ".join(str(error).split())
        raise GraphError(f"network {path}: not HDF5, or cut off ({line}); export it again with lava-dl") from None
    try:
        if "layer" not in trees:
            raise GraphError("has no group 'layer', so it is no lava-dl network; export it with the blocks' export_hdf5")
        simulation = {k: float(v) for k, v in trees.get("simulation", {}).items() if np.ndim(v) == 0 and not isinstance(v, (str, dict))}
        return _layers(trees["layer"]), simulation
    except GraphError as error:
        raise GraphError(f"network {path}: {error}") from None


def _is_group(file: h5py.File, name: str) -> bool:
    return isinstance(file.get(name, getlink=True), h5py.HardLink) and isinstance(file[name], h5py.Group)


def _layers(tree: dict[str, Any]) -> list[Layer]:
    if not 1 <= len(tree) <= MOST_LAYERS:
        raise GraphError(f"{len(tree)} layers, must be 1 to {MOST_LAYERS}; split the network")
    made = []
    for index in range(len(tree)):
        fields = tree.get(str(index))
        if not isinstance(fields, dict):
            raise GraphError(f"has {len(tree)} layers, but no group 'layer/{index}'; number them from 0 without a gap")
        kind = fields.get("type")
        kind = kind.ravel()[0] if isinstance(kind, np.ndarray) and kind.size == 1 else kind
        if not isinstance(kind, str):
            raise GraphError(f"layer {index}: has no type, must be text like {', '.join(KINDS)}; export it again with lava-dl")
        try:
            made.append(_layer(index, kind, fields))
        except GraphError as error:
            raise GraphError(f"layer {index} ({quoted(kind)[1:-1]}): {error}") from None
    return made


def _layer(index: int, kind: str, fields: dict[str, Any]) -> Layer:
    shape = None
    if "shape" in fields:
        shape = tuple(int(n) for n in np.atleast_1d(_whole("shape", fields["shape"], 1, _LARGEST)).ravel())
        if not 1 <= len(shape) <= 3 or np.prod(shape, dtype=object) > MOST_NEURONS:
            raise GraphError(f"shape {shape[:4]}, must be one to three sizes of {MOST_NEURONS:,} neurons together at most; split the layer")
    if kind not in KINDS:
        return Layer(index, quoted(kind)[1:-1], shape)
    reasons: list[str] = []
    neuron = None
    if isinstance(fields.get("neuron"), dict):
        neuron, reasons = _neuron(fields["neuron"])
    if isinstance(fields.get("weight"), dict):
        reasons.append("complex weights")
    named: tuple[str, ...] = ("weight", "weight_rec", "bias", "delay")
    names = [name for name in named if name in fields and not isinstance(fields[name], dict)]
    arrays = {name: _whole(name, fields[name], 0 if name == "delay" else -_LARGEST, _LARGEST) for name in names}
    sizes = {name: _pair(name, fields.get(name, default)) for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))}
    groups = _whole("groups", fields.get("groups", 1), 1, _LARGEST)
    layers = tuple(int(n) for n in np.ravel(_whole("layers", fields.get("layers", []), 0, MOST_LAYERS)))
    return Layer(index, kind, shape, neuron, arrays, groups=int(groups.ravel()[0]), layers=layers, reasons=tuple(reasons), **sizes)


def _neuron(fields: dict[str, Any]) -> tuple[Cuba | None, list[str]]:
    """The neuron, or why there is none to run."""
    kind = fields.get("type")
    kind = kind.ravel()[0] if isinstance(kind, np.ndarray) and kind.size == 1 else kind
    if not isinstance(kind, str) or kind not in ("CUBA", "LOIHI"):
        return None, [f"neuron {quoted(str(kind))}, which is no spiking CUBA neuron"]
    reasons = []
    for key, allowed, what in (
        ("gradedSpike", 0, "graded spikes"),
        ("messageBits", 0, "graded messages"),
        ("refDelay", 1, "a refractory delay other than 1"),
        ("wgtExp", 0, "a weight exponent, which netx drops"),
        ("weight_exp", 0, "a weight exponent, which netx drops"),
    ):
        if key in fields and (_whole(key, fields[key], -_LARGEST, _LARGEST) != allowed).any():
            reasons.append(what)
    decays = []
    for key in ("iDecay", "vDecay", "vThMant"):
        if key not in fields:
            raise GraphError(f"neuron has no {key}; export it again with lava-dl")
        decays.append(_whole(key, fields[key], 0, 4096 if key != "vThMant" else _LARGEST))
    return Cuba(*decays), reasons


def _whole(name: str, value: Any, low: int, high: int) -> Array:
    """An array of whole numbers in a range."""
    array = np.asarray(value)
    if isinstance(value, (str, dict)) or array.dtype.kind not in "biuf":
        raise GraphError(f"{name} holds no numbers; export it again with lava-dl")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise GraphError(f"{name} holds NaN or infinity; mend the model and export it again")
    if array.dtype.kind == "f" and (array != np.rint(array)).any():
        bad = array[array != np.rint(array)].flat[0]
        raise GraphError(
            f"{name} holds {bad:g}, must be whole numbers (netx cuts the rest off); export it with slayer's 8-bit quantisation"
        )
    if array.size and (array.min() < low or array.max() > high):
        bad = array.min() if array.min() < low else array.max()
        raise GraphError(f"{name} holds {bad:g}, must be {low} to {high}; mend the model and export it again")
    return array.astype(np.int64)


def _pair(name: str, value: Any) -> tuple[int, int]:
    array = _whole(name, value, 0 if name == "padding" else 1, 1 << 16).ravel()
    if array.size not in (1, 2):
        raise GraphError(f"{name} has {array.size} entries, must be one or two (height, width); export it again with lava-dl")
    return int(array[0]), int(array[-1])
