"""The bundle of a dynamic model, read with its hashes checked.

manifest.json  versions, target, rounding, the host's work in each window, sha256 of every other file
network.h5     the float and the integer Network of each window
check.h5       of each window its nodes, input and expected spikes (torch, float, fixed); how the host feeds rates back; the readout,
               labels, test nodes
lava/          python lava/run.py lava/window_00000.npz: one window, with the membranes or rates that those before it left
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import BundleError, NetworkError
from neurograph.export.bundle.manifest import DYNAMIC_FORMAT, DYNAMIC_VERSION, Files, is_dynamic, open_files
from neurograph.export.bundle.read import Bundle, open_bundle
from neurograph.export.bundle.stored import checked_array, checked_recording
from neurograph.hdf5_guard import DAMAGE, line_of
from neurograph.silence import silent_populations
from neurograph.sim.recording import Recording
from neurograph.sim.windows import WindowRun, disagreement, spikes_of
from neurograph.storage import load_network
from neurograph.windows import DynamicNetwork, Window, rates_of

__all__ = ["DynamicBundle", "Labels", "open_any", "open_dynamic"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Labels:
    """What the host needs to tell the accuracy after the last window.

    Args:
        weight, bias: of the readout over the rates of all windows, (C, T·K·D) and (C,).
        y: classes, (N,). test_mask: test nodes, (N,).
    """

    weight: Array
    bias: Array
    y: Array
    test_mask: Array

    @classmethod
    def of(cls, checkpoint: Any) -> Labels:
        """Of a :class:`neurograph.training.dynamic_checkpoint.DynamicCheckpoint`; a readout of the last window alone has weights 0 for
        those before it."""
        readout = checkpoint.model.readout
        weight, bias = (part.detach().double().numpy() for part in readout.linear.parameters())
        return cls(np.pad(weight, ((0, 0), (readout.first * readout.width, 0))), bias, checkpoint.graph.y, checkpoint.masks[2])

    def check(self, nodes: int, windows: int) -> None:
        """See that they are of so many nodes and windows.

        Raises:
            ValueError: they are not.
        """
        shapes = [part.shape for part in (self.weight, self.bias, self.y, self.test_mask)]
        wanted = shapes[0][:1], (nodes,), (nodes,)
        if len(shapes[0]) != 2 or tuple(shapes[1:]) != wanted or not windows or shapes[0][1] % windows or self.test_mask.dtype != np.bool_:
            raise ValueError(f"labels of shapes {shapes} for {nodes} nodes and {windows} windows")

    def accuracy(self, dynamic: DynamicNetwork, runs: Iterable[Recording | None]) -> float:
        """Share of test nodes, 0 to 1, that the rates of the outputs are classified right by; a node that takes no part keeps its rates."""
        width = self.weight.shape[1] // len(dynamic.windows)
        rates = np.zeros((dynamic.nodes, width))
        logits = np.broadcast_to(self.bias, (dynamic.nodes, len(self.bias)))
        outputs = dynamic.network.outputs
        for at, (window, run) in enumerate(zip(dynamic.windows, runs, strict=True)):
            if run is not None:
                rates[window.nodes] = np.concatenate([rates_of(dynamic, run.spikes[name][0]) for name in outputs], axis=-1)
            logits = logits + rates @ self.weight[:, at * width : (at + 1) * width].T
        return float((logits.argmax(axis=1) == self.y)[self.test_mask].mean())


def open_dynamic(path: Path, *, whole: bool = True) -> DynamicBundle:
    """Open a bundle of a dynamic model.

    Raises:
        BundleError: no such bundle, another version, or a file that is missing or changed.
    """
    files = open_files(path, whole=whole, form=DYNAMIC_FORMAT, version=DYNAMIC_VERSION)
    return DynamicBundle(path, files.manifest, files)


def open_any(path: Path) -> Bundle | DynamicBundle:
    """Open a bundle of one network, or of a dynamic model.

    Raises:
        BundleError: no bundle, another version, or a file that is missing or changed.
    """
    return open_dynamic(path) if is_dynamic(path) else open_bundle(path)


@dataclass(frozen=True)
class DynamicBundle:
    """A bundle of a dynamic model on disk; its parts are read when they are asked for."""

    path: Path
    manifest: Mapping[str, Any]
    files: Files

    def __repr__(self) -> str:
        return f"<DynamicBundle {self.path} for {self.manifest['target']}, {len(self.manifest['files'])} files>"

    @cached_property
    def network(self) -> DynamicNetwork:
        """The float networks."""
        return self._networks("float")

    @cached_property
    def quantized(self) -> DynamicNetwork:
        """The integer networks."""
        return self._networks("integer")

    def _networks(self, kind: str) -> DynamicNetwork:
        about = self.manifest
        windows = []
        try:
            with self.files.hdf5("network.h5") as networks, self.files.hdf5("check.h5") as file:
                for at in range(about["windows"]):
                    held, key = file[f"windows/{at:05d}"], f"{kind}/{at:05d}"
                    network = load_network(networks[key]) if key in networks else None
                    inputs = {} if network is None else {name: checked_array(data) for name, data in held.get("input", {}).items()}
                    windows.append(Window(_nodes(held["nodes"]), network, inputs))
                host = file["host"]
                weights = checked_array(host["tick_weights"]) if "tick_weights" in host else None
                feedback = {name: (str(data.attrs["population"]), checked_array(data)) for name, data in host["feedback"].items()}
            swapped = frozenset((source, target) for source, target in about["swapped"])
            dynamic = DynamicNetwork(about["nodes"], tuple(windows), about["start"][kind], swapped, weights, feedback)
            _check(dynamic)
            return dynamic
        except (NetworkError, *DAMAGE) as error:
            raise BundleError(f"bundle {self.path}: its windows are damaged ({line_of(error)}); export it again") from None

    def expected(self, engine: str) -> list[WindowRun]:
        """The spikes that "torch", "float" or "fixed" gave at export."""
        runs = []
        network = self.quantized if engine == "fixed" else self.network
        with self.files.hdf5("check.h5") as file:
            for at, window in enumerate(network.windows):
                if window.network is None:
                    runs.append(WindowRun(at, None, None, 0))
                    continue
                recording = checked_recording(file[f"windows/{at:05d}/expected/{engine}"], engine, window.network, of_all=engine != "torch")
                runs.append(WindowRun(at, window.network, recording, 0))
        return runs

    @cached_property
    def labels(self) -> Labels | None:
        """What tells the accuracy; None in a bundle of some of the windows of a model."""
        with self.files.hdf5("check.h5") as file:
            if "labels" not in file:
                return None
            labels = Labels(**{name: checked_array(data) for name, data in file["labels"].items()})
            labels.check(self.manifest["nodes"], self.manifest["windows"])
            return labels

    def silent(self) -> list[str]:
        """Populations of neurons that spiked in no window at export, in integers."""
        return silent_populations(self.quantized.network.populations, spikes_of(self.expected("fixed")))

    def rounding(self) -> dict[str, float]:
        """Share of spike slots in which the float and the fixed engine differed at export, over all windows, by population."""
        return disagreement(self.expected("float"), self.expected("fixed"))

    def first(self, windows: int, kind: str) -> DynamicNetwork:
        """The first so many windows, "float" or "integer"."""
        whole = self.quantized if kind == "integer" else self.network
        return replace(whole, windows=whole.windows[:windows])

    def mark_verified(self, pairs: Sequence[Mapping[str, Any]], ok: bool) -> None:
        """Note in the manifest that the engines were compared, and what came out; it holds null where they were not."""
        keys = ("a", "b", "windows", "compared", "mismatched_spikes", "compared_voltages", "mismatched_voltages", "ties")
        verification = {"ok": ok, "pairs": [{key: pair[key] for key in keys} for pair in pairs]}
        text = json.dumps({**self.manifest, "verification": verification}, indent=1) + "\n"
        self.files.rewrite(text)


def _nodes(data: Any) -> Array:
    nodes = np.asarray(data[()])
    if nodes.ndim != 1 or nodes.dtype.kind not in "iu":
        raise ValueError(f"{data.name}: nodes of {nodes.dtype} and shape {nodes.shape}")
    return nodes


def _check(dynamic: DynamicNetwork) -> None:
    """What the run relies on: populations of one kind in all windows, and a readback of rates that fits them.

    Raises:
        ValueError: the first that does not fit.
    """
    first = dynamic.network
    for window in dynamic.windows:
        network = window.network
        if network is None:
            continue
        kinds = {name: (type(p.neuron), p.shape[1:]) for name, p in network.populations.items()}
        if kinds != {name: (type(p.neuron), p.shape[1:]) for name, p in first.populations.items()} or network.ticks != first.ticks:
            raise ValueError("windows of other populations or ticks than the first")
    if not set(dynamic.start) <= set(first.populations) or dynamic.nodes < 1:
        raise ValueError(f"voltages at the start of {', '.join(dynamic.start)}")
    weights = dynamic.tick_weights
    if weights is not None and (weights.shape != (first.ticks,) or not weights.sum() > 0):
        raise ValueError(f"weights of ticks of shape {weights.shape}")
    for source, (name, matrix) in dynamic.feedback.items():
        wanted = (first.populations[source].shape[-1], first.populations[name].shape[-1])
        if matrix.shape != wanted:
            raise ValueError(f"feedback {name!r} of shape {matrix.shape}, must be {wanted}")
