"""Writing a bundle, whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.errors import BundleError, InputError, UnsupportedError
from neurograph.export import nir_io, placement
from neurograph.export.bundle.read import FORMAT, MANIFEST, VERSION, Bundle, files_of, open_bundle
from neurograph.export.compile import Compiled
from neurograph.export.placement.files import summary
from neurograph.export.placement.picture import core_map
from neurograph.export.portable import portable
from neurograph.export.targets import Target, refuse_a_name
from neurograph.export.targets.onnx import onnx_model, to_bytes
from neurograph.files import atomic_folder, sha256, write_file, write_hdf5
from neurograph.network import Network
from neurograph.sim import fixed, floating
from neurograph.sim.inputs import prepare
from neurograph.sim.lava import program
from neurograph.sim.lava.net_file import write_net
from neurograph.sim.recording import Recording
from neurograph.storage import save_network

__all__ = ["refuse_others", "write_bundle"]

Array = NDArray[Any]


def write_bundle(compiled: Compiled, target: Target, path: str | Path, *, nir_form: str = "auto") -> Bundle:
    """Write a bundle, whole or not at all.

    Args:
        compiled: from :mod:`neurograph.export.compile`.
        target: that it was compiled for. One with limits is a chip, and the integer network is placed on it.
        path: folder; replaced if it is a bundle already.
        nir_form: "graph", "portable" (beside the graph form), or "auto" (portable where the network has such a form; not for target onnx).

    Raises:
        BundleError: the folder cannot be written. UnsupportedError: ``portable`` asked for and impossible.
        InputError: a target's name in place of a target, or another than it was compiled for.
        PlacementError: the network fits no number of chips of the target.
    """
    path = Path(path)
    refuse_a_name(target)
    _refuse_other_target(compiled.target, target)
    refuse_others(path)
    expected = _expected(compiled)
    placed = _placed(compiled, target, expected)
    with atomic_folder(path, marker=MANIFEST) as folder:
        nir_io.write(compiled.graph, folder / "model.nir")
        if nir_form == "portable" or (nir_form == "auto" and not target.onnx):
            _write_portable(compiled, folder / "portable.nir", must=nir_form == "portable")
        _write_networks(compiled, folder / "network.h5")
        _write_check(compiled, expected, folder / "check.h5")
        if target.onnx:
            write_file(_made(folder / "onnx") / "network.onnx", to_bytes(onnx_model(compiled.network, record="all")), error=BundleError)
        elif compiled.quantized is not None:
            _write_lava(compiled.quantized, compiled.inputs, expected["fixed"], _made(folder / "lava"))
            if target.name == "netx":
                write_net(compiled.quantized, folder / "model.net", compiled.inputs)
        for name, model in compiled.host.items():
            write_file(_made(folder / "host") / name, model.SerializeToString(), error=BundleError)
        if placed is not None:
            placement.save(placed, folder / "placement.json")
            core_map(placed, folder / "core_map.svg")
        manifest = _manifest(compiled, target, expected.get("fixed"), placed, folder)
        write_file(folder / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode(), error=BundleError)
    return open_bundle(path)


def refuse_others(path: Path) -> None:
    """Refuse to replace a bundle together with files that somebody else put into it.

    Raises:
        BundleError: there are some.
    """
    if not (path / MANIFEST).is_file():
        return
    try:
        known = set(json.loads((path / MANIFEST).read_text())["files"])
    except (ValueError, KeyError, TypeError, OSError):  # damaged: it says nothing
        return
    others = [name for name in files_of(path) if name not in known]
    if others:
        raise BundleError(f"output {path}: holds {', '.join(others[:3])}, which the bundle there does not; move it, or choose another -o")


def _refuse_other_target(made_for: Target | None, target: Target) -> None:
    """What one target's delays, resets and sums were made for need not run on another, or on the same with other limits."""
    if made_for is None:
        return
    if target.name != made_for.name:
        raise InputError(
            f"target {target.name}: this was compiled for {made_for.name}, must be the same; "
            f"write it for {made_for.name}, or compile it for {target.name}"
        )
    # Without limits nothing is placed, and nothing was made to fit any.
    if target.limits is not None and made_for.limits is not None and target.limits != made_for.limits:
        raise InputError(
            f"target {target.name} of profile {target.profile}: this was compiled for the limits of profile {made_for.profile}, "
            "must be the same; compile and write with one target"
        )


def _expected(compiled: Compiled) -> dict[str, Recording]:
    """What each engine gives on the sample."""
    found = {"float": floating.run(compiled.network, compiled.inputs)}
    if compiled.quantized is not None:
        found["fixed"] = fixed.run(compiled.quantized, compiled.inputs)
    if compiled.torch is not None:
        found["torch"] = compiled.torch
    return found


def _placed(compiled: Compiled, target: Target, expected: Mapping[str, Recording]) -> placement.Placement | None:
    if target.limits is None or compiled.quantized is None:
        return None
    return placement.place(compiled.quantized, target.limits, recording=expected["fixed"])


def _write_networks(compiled: Compiled, path: Path) -> None:
    networks = {"float": compiled.network, "integer": compiled.quantized, "readout": compiled.readout}
    with write_hdf5(path, error=BundleError) as file:
        for name, network in networks.items():
            if network is not None:
                save_network(network, file.create_group(name))


def _write_portable(compiled: Compiled, path: Path, *, must: bool) -> None:
    try:
        made = portable(compiled.network, compiled.inputs)
    except UnsupportedError:
        if must:
            raise
        return
    nir_io.write(made.graph, path)


def _write_check(compiled: Compiled, expected: Mapping[str, Recording], path: Path) -> None:
    with write_hdf5(path, error=BundleError) as file:
        for name, values in compiled.inputs.items():
            file.create_dataset(f"input/{name}", data=values, compression="gzip", compression_opts=1)
        for engine, recording in expected.items():
            for name, spikes in recording.spikes.items():
                file.create_dataset(f"expected/{engine}/{name}", data=spikes, compression="gzip", compression_opts=1)
        for name, values in compiled.torch_values.items():
            file.create_dataset(f"torch_values/{name}", data=values, compression="gzip", compression_opts=1)
        if compiled.labels is not None and compiled.test_mask is not None:
            file.create_dataset("labels", data=compiled.labels)
            file.create_dataset("test_mask", data=compiled.test_mask.astype(np.uint8))
        if compiled.features is not None:
            features = sp.csr_matrix(compiled.features)
            file.create_group("features").attrs["shape"] = features.shape
            for part in ("data", "indices", "indptr"):
                file.create_dataset(f"features/{part}", data=getattr(features, part), compression="gzip", compression_opts=1)


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _write_lava(quantized: Network, inputs: Mapping[str, Array], expected: Recording, folder: Path) -> None:
    program.write(quantized, prepare(quantized, inputs), folder / "program.npz", expected=expected.spikes)
    for name, source in program.SCRIPTS.items():
        shutil.copyfile(source, folder / name)


def _manifest(
    compiled: Compiled, target: Target, run: Recording | None, placed: placement.Placement | None, folder: Path
) -> dict[str, Any]:
    network = compiled.network
    packages = ("neurograph", "nir", "nirtorch", "norse", "numpy", "scipy", "torch")
    return {
        "format": FORMAT,
        "version": VERSION,
        "target": target.name,
        "profile": target.profile,
        "profile_sha256": target.profile_sha256,
        "ticks": network.ticks,
        "dt_s": network.dt,
        "steps_per_tick": network.steps_per_tick,
        "depth": max(p.depth or 1 for p in network.populations.values()),
        "outputs": list(network.outputs),
        "origin": dict(compiled.origin),
        "quantization": None if compiled.report is None else compiled.report.to_json(),
        "no_integers": compiled.no_integers,
        "placement": None if placed is None else summary(placed),
        "verification": None,
        "wraps": {} if run is None else dict(run.notes["wraps"]),
        "clips": {} if run is None else dict(run.notes["clips"]),
        "versions": {name: metadata.version(name) for name in packages},
        "files": {name: sha256(folder / name) for name in files_of(folder)},
    }
