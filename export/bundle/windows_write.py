"""Writing the bundle of a dynamic model (:mod:`neurograph.export.bundle.windows`), whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from neurograph.errors import BundleError
from neurograph.export.bundle.manifest import DYNAMIC_FORMAT, DYNAMIC_VERSION, MANIFEST
from neurograph.export.bundle.read import files_of
from neurograph.export.bundle.windows import DynamicBundle, Labels, open_dynamic
from neurograph.export.bundle.write import refuse_others
from neurograph.export.dynamic import CompiledWindows
from neurograph.export.targets import Target
from neurograph.files import atomic_folder, sha256, write_file, write_hdf5
from neurograph.sim.inputs import prepare
from neurograph.sim.lava import program
from neurograph.sim.recording import Recording
from neurograph.sim.windows import WindowRun, overflow, run_windows
from neurograph.storage import save_network
from neurograph.windows import DynamicNetwork, Window, host_work

__all__ = ["write_dynamic"]


def write_dynamic(
    compiled: CompiledWindows, target: Target, path: Path, *, labels: Labels | None = None, origin: Mapping[str, Any] | None = None
) -> DynamicBundle:
    """Write a bundle, whole or not at all.

    Args:
        compiled: from :func:`neurograph.export.dynamic.compile_windows`.
        target: that it was compiled for.
        path: folder; replaced if it is a bundle already.
        labels: where all windows of the model are there.
        origin: where it came from, for the manifest.

    Raises:
        BundleError: the folder cannot be written.
    """
    refuse_others(path)
    runs = {"float": list(run_windows(compiled.network, "float")), "fixed": list(run_windows(compiled.quantized, "fixed"))}
    with atomic_folder(path, marker=MANIFEST) as folder:
        with write_hdf5(folder / "network.h5", error=BundleError) as file:
            for kind, dynamic in (("float", compiled.network), ("integer", compiled.quantized)):
                for at, window in _there(dynamic):
                    assert window.network is not None
                    save_network(window.network, file.create_group(f"{kind}/{at:05d}"))
        recordings = {engine: [run.recording for run in found] for engine, found in runs.items()}
        _write_check(compiled, {**recordings, "torch": list(compiled.torch)}, labels, folder / "check.h5")
        _write_lava(runs["fixed"], folder / "lava")
        manifest = _manifest(compiled, target, runs["fixed"], dict(origin or {}), folder)
        write_file(folder / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode(), error=BundleError)
    return open_dynamic(path)


def _there(dynamic: DynamicNetwork) -> list[tuple[int, Window]]:
    return [(at, window) for at, window in enumerate(dynamic.windows) if window.network is not None]


def _write_check(
    compiled: CompiledWindows, recordings: Mapping[str, Sequence[Recording | None]], labels: Labels | None, path: Path
) -> None:
    packed: dict[str, Any] = {"compression": "gzip", "compression_opts": 1}
    with write_hdf5(path, error=BundleError) as file:
        for at, window in enumerate(compiled.network.windows):
            group = file.create_group(f"windows/{at:05d}")
            group.create_dataset("nodes", data=window.nodes)
            for name, values in window.inputs.items():
                group.create_dataset(f"input/{name}", data=values, **packed)
            for engine, found in recordings.items():
                one = found[at]
                for name, spikes in {} if one is None else one.spikes.items():
                    group.create_dataset(f"expected/{engine}/{name}", data=spikes, **packed)
        host = file.create_group("host")
        if compiled.network.tick_weights is not None:
            host.create_dataset("tick_weights", data=compiled.network.tick_weights)
        feedback = host.create_group("feedback")
        for source, (population, weights) in compiled.network.feedback.items():
            feedback.create_dataset(source, data=weights).attrs["population"] = population
        for name, values in {} if labels is None else vars(labels).items():
            file.create_dataset(f"labels/{name}", data=values)


def _write_lava(runs: Sequence[WindowRun], folder: Path) -> None:
    folder.mkdir()
    for run in runs:
        if run.network is not None and run.recording is not None:
            prepared = prepare(run.network, run.inputs)
            program.write(run.network, prepared, folder / f"window_{run.at:05d}.npz", expected=run.recording.spikes)
    for name, source in program.SCRIPTS.items():
        shutil.copyfile(source, folder / name)


def _manifest(compiled: CompiledWindows, target: Target, runs: Sequence[WindowRun], origin: dict[str, Any], folder: Path) -> dict[str, Any]:
    network, dynamic = compiled.network.network, compiled.network
    wraps, clips = overflow(runs)
    return {
        "format": DYNAMIC_FORMAT,
        "version": DYNAMIC_VERSION,
        "target": target.name,
        "nodes": dynamic.nodes,
        "windows": len(dynamic.windows),
        "ticks": network.ticks,
        "dt_s": network.dt,
        "steps_per_tick": network.steps_per_tick,
        "outputs": list(network.outputs),
        "start": {"float": dict(dynamic.start), "integer": dict(compiled.quantized.start)},
        "swapped": sorted(dynamic.swapped),
        "host_work": [asdict(work) for work in host_work(compiled.quantized)],
        "dropped": [run.dropped for run in runs],
        "origin": origin,
        "quantization": compiled.report.to_json(),
        "wraps": wraps,
        "clips": clips,
        "verification": None,
        "versions": {name: metadata.version(name) for name in ("neurograph", "numpy", "scipy", "torch")},
        "files": {name: sha256(folder / name) for name in files_of(folder)},
    }
