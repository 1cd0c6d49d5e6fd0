"""Reading a bundle, with its hashes checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import BundleError, InputError, NetworkError
from neurograph.export.bundle.manifest import FORMAT, MANIFEST, VERSION, Files, open_files
from neurograph.export.bundle.stored import checked_array, checked_features, checked_recording
from neurograph.export.plain_onnx import run_plain
from neurograph.hdf5_guard import DAMAGE, line_of
from neurograph.host_products import dense_macs, static_macs
from neurograph.network import Network
from neurograph.onnx_files import read_onnx
from neurograph.silence import silent_populations
from neurograph.sim.recording import Recording
from neurograph.storage import load_network

__all__ = ["FORMAT", "MANIFEST", "VERSION", "Bundle", "files_of", "open_bundle"]

Array = NDArray[Any]
_AGAIN = "export it again"


def open_bundle(path: str | Path, *, whole: bool = True) -> Bundle:
    """Open a bundle and check that every file is there, and its hash; if not ``whole``, a file's hash when the file is first read.

    Raises:
        BundleError: no bundle, another version, or a file that is missing or changed.
    """
    path = Path(path)
    files = open_files(path, whole=whole)
    return Bundle(path, files.manifest, files)


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk; its parts are read when they are asked for."""

    path: Path
    manifest: Mapping[str, Any]
    files: Files

    def __repr__(self) -> str:
        return f"<Bundle {self.path} for {self.manifest['target']}, {len(self.manifest['files'])} files>"

    def mark_verified(self, pairs: Sequence[Mapping[str, Any]], ok: bool) -> None:
        """Note in the manifest that the engines were compared, and what came out; it holds null where they were not.

        Raises:
            BundleError: another bundle was put in this one's place meanwhile, or the manifest cannot be written.
        """
        verification = {
            "ok": ok,
            "pairs": [{key: pair[key] for key in ("a", "b", "compared", "mismatched_spikes", "ties")} for pair in pairs],
        }
        text = json.dumps({**self.manifest, "verification": verification}, indent=1) + "\n"
        self.files.rewrite(text)

    def rounding(self) -> dict[str, float]:
        """Share of spike slots in which float and fixed engine differ on the sample, by population; empty without integers."""
        a, b = self.expected("float"), self.expected("fixed")
        if a is None or b is None:
            return {}
        shared = [p.name for p in self.network.neurons if p.name in a.spikes and p.name in b.spikes]
        return {name: float(np.mean(a.spikes[name] != b.spikes[name])) for name in shared}

    def silent(self) -> list[str]:
        """Populations of neurons that never spiked on the sample at export, in integers where there are any."""
        recorded = self._recorded("float" if self.integers is None else "fixed")
        return silent_populations((self.integers or self.network).populations, recorded.counts())

    @cached_property
    def network(self) -> Network:
        """The float Network.

        Raises:
            BundleError: it is damaged, or the manifest says otherwise of it.
        """
        found = self._network("float")
        self._refuse_other({"ticks": found.ticks, "dt_s": found.dt, "steps_per_tick": found.steps_per_tick, "outputs": list(found.outputs)})
        return found

    def _refuse_other(self, own: Mapping[str, Any]) -> None:
        """Refuse a manifest that says otherwise of a network."""
        for key, value in own.items():
            if self.manifest[key] != value:
                raise BundleError(f"bundle {self.path}: {MANIFEST} says {key} {self.manifest[key]}, network.h5 {value}; {_AGAIN}")

    @cached_property
    def quantized(self) -> Network:
        """The integer Network.

        Raises:
            InputError: there is none, with the reason.
        """
        if self.integers is None:
            raise InputError(f"bundle {self.path}: holds no integer network ({self.manifest['no_integers']})")
        return self.integers

    @cached_property
    def integers(self) -> Network | None:
        """The integer Network; None in a bundle for target onnx that does without."""
        if self.manifest.get("no_integers") is not None:
            return None
        found = self._network("integer")
        self._refuse_other({"ticks": found.ticks, "outputs": list(found.outputs)})
        return found

    @cached_property
    def readout(self) -> Network | None:
        """What is real-valued behind the last spikes, as a network that hears their spikes; None where there is nothing."""
        with self.files.hdf5("network.h5") as file:
            there = "readout" in file
        return self._network("readout") if there else None

    def values(self, recording: Recording) -> dict[str, Array]:
        """What the readout on the host gives for a recording's spikes: population → (samples, T, *shape), float64."""
        if self.readout is None:
            return {}
        from neurograph.sim import onnx_engine

        heard = {s.name: recording.spikes[s.name] for s in self.readout.sources}
        run = onnx_engine.run(self.files.path_of("host/output.onnx"), self.readout, heard)
        return {name: run.spikes[name] for name in self.readout.outputs}

    def check_values(self) -> tuple[int, float]:
        """The host's readout on the spikes recorded at export, against the torch model's own values, or ours where there are none; without
        a readout of its own, what the float network's real-valued populations gave at export.

        Returns:
            How many values were compared, and the largest |a − b| / max(1, |b|).
        """
        spikes = self.expected("torch") or self._recorded("float")
        if self.readout is None:
            ours = self._recorded("float")
            return _differ([(ours.spikes[name], values[None]) for name, values in self.torch_values.items()])
        wanted: Mapping[str, Array] = {name: values[None] for name, values in self.torch_values.items()}
        if not wanted.keys() >= set(self.readout.outputs):
            from neurograph.sim import floating

            wanted = floating.run(self.readout, {s.name: spikes.spikes[s.name] for s in self.readout.sources}).spikes
        pairs = [(values, wanted[name].reshape(values.shape)) for name, values in self.values(spikes).items()]
        return _differ(pairs)

    @property
    def torch_values(self) -> dict[str, Array]:
        """What the torch model's own real-valued readout gave at export, (T, *shape)."""
        with self.files.hdf5("check.h5") as file:
            return {name: checked_array(data) for name, data in file["torch_values"].items()} if "torch_values" in file else {}

    @property
    def onnx_file(self) -> Path | None:
        """The float Network as ONNX, in a bundle for target onnx."""
        return self._optional("onnx/network.onnx")

    def _network(self, kind: str) -> Network:
        with self.files.hdf5("network.h5") as file:
            try:
                return load_network(file[kind])
            except NetworkError as error:
                raise BundleError(f"bundle {self.path}: {error}") from None

    def _optional(self, name: str) -> Path | None:
        """Path of a file that not every bundle has."""
        return self.files.path_of(name) if name in self.files else None

    @cached_property
    def inputs(self) -> dict[str, Array]:
        """The sample input, source → values."""
        with self.files.hdf5("check.h5") as file:
            return {name: checked_array(data) for name, data in file["input"].items()}

    @property
    def features(self) -> Array:
        """Of the sample, (N, F) float32.

        Raises:
            InputError: the bundle has none.
        """
        with self.files.hdf5("check.h5") as file:
            if "features" not in file:
                raise InputError(f"bundle {self.path}: holds no features of its sample; export it from a model file")
            return checked_features(file["features"])

    def expected(self, engine: str) -> Recording | None:
        """The spikes that "torch", "float" or "fixed" gave at export."""
        with self.files.hdf5("check.h5") as file:
            if engine not in file["expected"]:
                return None
            return checked_recording(file["expected"][engine], engine, self.network)

    def _recorded(self, engine: str) -> Recording:
        found = self.expected(engine)
        if found is None:
            raise BundleError(f"bundle {self.path}: check.h5 holds no spikes of engine {engine!r}; {_AGAIN}")
        return found

    def encode(self, features: Array) -> dict[str, Array]:
        """Turn features into the input of the one static source, on the host.

        Raises:
            InputError: no encoder in this bundle, or features of another shape.
        """
        encoder = self._optional("host/encoder.onnx")
        static = [source for source in self.network.sources if source.is_static]
        if encoder is None or len(static) != 1:
            raise InputError(f"bundle {self.path}: has no encoder, so it takes currents and no features; give arrays by source name")
        from neurograph.export.run_onnx import input_width, run_onnx

        width = input_width(encoder)
        if features.shape != (static[0].shape[0], width):
            raise InputError(
                f"features: shape {features.shape}, must be {(static[0].shape[0], width)} for this bundle; give one row a node"
            )
        return {static[0].name: run_onnx(encoder, {"features": features}).astype(np.float64)}

    def logits(self, recording: Recording, sample: int = 0) -> Array | None:
        """What the host's readout makes of the output spikes, and a GNN on the host of the sample's features; None without a readout.

        Shape (N, C), or (G, C) where graphs are classified.
        """
        readout = self._optional("host/readout.onnx")
        if readout is None:
            return None
        rates = {name: recording.spikes[name][sample].mean(axis=0) for name in self.manifest["outputs"]}
        plain = run_plain(readout, rates)
        if plain is not None:
            return plain
        from neurograph.export.run_onnx import run_onnx

        gnn = self._optional("host/gnn.onnx")
        if gnn is not None:
            rates["seen"] = run_onnx(gnn, {"features": self.features})
        return run_onnx(readout, rates)

    def accuracy(self, recording: Recording) -> float | None:
        """Share of test nodes, or graphs, that are classified right, 0 to 1; None where labels or readout are not known."""
        with self.files.hdf5("check.h5") as file:
            if "labels" not in file:
                return None
            labels, mask = checked_array(file["labels"]), checked_array(file["test_mask"]).astype(bool)
        logits = self.logits(recording)
        if logits is not None and (logits.ndim != 2 or {labels.shape, mask.shape} != {logits.shape[:1]}):
            raise BundleError(
                f"bundle {self.path}: labels of shape {labels.shape} and test mask {mask.shape} for a readout of {logits.shape}; {_AGAIN}"
            )
        return None if logits is None or not mask.any() else float((logits.argmax(axis=1) == labels)[mask].mean())

    @cached_property
    def host_macs(self) -> dict[str, int]:
        """Multiply-adds of all that is off chip, one inference, by name: host parts of a trained model; of any other the products that turn
        static inputs into currents, by projection, once; and ``output``, a real-valued readout, in every tick. Dense products in full; what
        goes over a sparse matrix is a part of its own, ``{name}, propagation``."""
        from neurograph.export.host import PROPAGATION, macs_by_matrix

        nodes = next((s.shape[0] for s in self.network.sources), 1)
        parts = {Path(name).stem: self.files.path_of(name) for name in sorted(self.manifest["files"]) if name.startswith("host/")}
        parts.pop("output", None)
        found: dict[str, int] = {}
        for name, path in parts.items():
            dense, sparse = self._macs(path, lambda model: macs_by_matrix(model, nodes))
            found |= {name: dense, **({f"{name}, {PROPAGATION}": sparse} if sparse else {})}
        if "encoder" not in found:  # one of ours gives the currents themselves: what is behind it in the network hands them on
            found |= static_macs(self.network)
        if self.readout is not None:
            once = sum(static_macs(self.readout).values())
            heard = [p for p in self.readout.projections if not self.readout.populations[p.source].is_static]
            found["output"] = once + self.readout.ticks * sum(dense_macs(p.weights) for p in heard)
        return found

    def effective_macs(self, nonzeros: int) -> dict[str, int]:
        """Of :attr:`host_macs`, the encoder's whose input is not 0, for features with so many nonzeros."""
        from neurograph.export.host import effective_macs

        encoder = self._optional("host/encoder.onnx")
        return {} if encoder is None else {"encoder": self._macs(encoder, lambda model: effective_macs(model, nonzeros))}

    def _macs(self, path: Path, count: Callable[[Any], Any]) -> Any:
        try:
            return count(read_onnx(path))
        except DAMAGE as error:
            raise BundleError(f"bundle {self.path}: its operations of {path.name} cannot be counted ({line_of(error)}); {_AGAIN}") from None


def _differ(pairs: Sequence[tuple[Array, Array]]) -> tuple[int, float]:
    return sum(a.size for a, _ in pairs), max(float(np.max(np.abs(a - b) / np.maximum(1.0, np.abs(b)))) for a, b in pairs)


def files_of(folder: Path) -> list[str]:
    """Names of the files of a bundle that the manifest has hashes of."""
    names = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return sorted(name for name in names if name != MANIFEST)
