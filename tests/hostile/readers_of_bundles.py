"""Good bundles of each kind, and what reads them."""

from __future__ import annotations

import io
import json
import shutil
from contextlib import redirect_stdout

from readers_of_models import make_checkpoint, make_dynamic


def _command(*words):
    """A command line that must not fail in here; its errors are raised."""
    from neurograph.cli.main import run_command

    with redirect_stdout(io.StringIO()):
        assert run_command([str(word) for word in words]) in (0, 1)


def make_bundle(folder):
    make_checkpoint(folder)
    _export(folder, "k.pt")


def _export(folder, checkpoint):
    """Put the bundle of a checkpoint in the place of the checkpoint, without its programs for Lava, which nobody reads."""
    _command("export", folder / checkpoint, "--target", "loihi2", "-o", folder / "b", "--no-verify")
    (folder / checkpoint).unlink()
    shutil.rmtree(folder / "b" / "lava")
    manifest = json.loads((folder / "b" / "manifest.json").read_text())
    manifest["files"] = {name: digest for name, digest in manifest["files"].items() if not name.startswith("lava/")}
    for path in (folder / "b").iterdir():
        shutil.move(path, folder / path.name)
    (folder / "b").rmdir()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def use_bundle(folder):
    """What inspect, simulate, check and report read of a bundle."""
    from neurograph.cli.inputs import opened_any
    from neurograph.cli.inspect import _bundle
    from neurograph.export.placement.files import load
    from neurograph.sim import fixed, floating

    _bundle(folder)
    bundle = opened_any(folder)
    inputs = bundle.inputs
    run = fixed.run(bundle.quantized, inputs)
    bundle.accuracy(run)
    floating.run(bundle.network, inputs)
    bundle.rounding()
    bundle.values(run)
    bundle.expected("torch")
    bundle.encode(bundle.features)
    bundle.effective_macs(5)
    assert bundle.host_macs is not None
    load(folder / "placement.json", bundle.quantized)


def make_windows(folder):
    make_dynamic(folder)
    _export(folder, "d.pt")


def use_windows(folder):
    from neurograph.cli.inputs import opened_any
    from neurograph.sim.windows import run_windows

    bundle = opened_any(folder)
    runs = run_windows(bundle.quantized, "fixed")
    bundle.rounding()
    if bundle.labels is not None:
        bundle.labels.accuracy(bundle.quantized, [run.recording for run in runs])


def make_onnx(folder):
    """A bundle for target onnx."""
    make_checkpoint(folder)
    _command("export", folder / "k.pt", "--target", "onnx", "-o", folder / "b", "--no-verify")
    (folder / "k.pt").unlink()
    for path in (folder / "b").iterdir():
        shutil.move(path, folder / path.name)
    (folder / "b").rmdir()


def use_onnx(folder):
    from neurograph.cli.inputs import opened_any
    from neurograph.sim import onnx_engine

    bundle = opened_any(folder)
    onnx_engine.run(bundle.onnx_file, bundle.network, bundle.inputs)
