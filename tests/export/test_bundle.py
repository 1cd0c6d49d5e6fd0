import errno
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from neurograph.cli.main import run_command
from neurograph.errors import BundleError, InputError
from neurograph.export.bundle import open_bundle, write_bundle
from neurograph.export.run_onnx import run_onnx
from neurograph.export.targets import TARGETS, check_target, find
from neurograph.nn import as_features
from neurograph.sim import fixed, floating

TARGET = TARGETS["loihi2"]


@pytest.fixture(scope="module")
def bundle(compiled, tmp_path_factory):
    return write_bundle(compiled, TARGET, tmp_path_factory.mktemp("b") / "bundle")


def test_networks_come_back_and_spike_as_expected(bundle, compiled):
    for engine, run in (("float", floating.run(bundle.network, bundle.inputs)), ("fixed", fixed.run(bundle.quantized, bundle.inputs))):
        for name, spikes in bundle.expected(engine).spikes.items():
            np.testing.assert_array_equal(run.spikes[name], spikes)
    assert set(bundle.expected("torch").spikes) == {p.name for p in bundle.network.neurons}


def test_paths_may_be_strings(bundle):
    assert open_bundle(str(bundle.path)).manifest == bundle.manifest


def test_exporting_twice_gives_identical_bytes(bundle, compiled, tmp_path):
    again = write_bundle(compiled, TARGET, tmp_path / "bundle")
    assert again.manifest == bundle.manifest
    for name in bundle.manifest["files"]:
        assert (again.path / name).read_bytes() == (bundle.path / name).read_bytes(), name


def test_host_parts_agree_with_torch(bundle, checkpoint):
    model = checkpoint.model.double()
    x = as_features(checkpoint.graph.x, torch.float64)
    with torch.no_grad():
        current, logits = model.encode(x).numpy(), model(x).numpy()
    features = np.asarray(checkpoint.graph.x.todense() if hasattr(checkpoint.graph.x, "todense") else checkpoint.graph.x)
    (encoded,) = bundle.encode(features).values()
    np.testing.assert_allclose(encoded, current, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(bundle.logits(bundle.expected("float")), logits, rtol=1e-5, atol=1e-5)
    wanted = (logits.argmax(1) == checkpoint.graph.y)[checkpoint.graph.test_mask].mean()
    assert bundle.accuracy(bundle.expected("float")) == pytest.approx(wanted)


def test_features_of_another_shape_are_refused(bundle):
    with pytest.raises(InputError, match=r"features: shape \(3, 4\), must be \(34, 34\)"):
        bundle.encode(np.zeros((3, 4)))


def test_a_damaged_file_is_found_by_its_hash(bundle, tmp_path):
    copy = Path(shutil.copytree(bundle.path, tmp_path / "b"))
    with (copy / "network.h5").open("r+b") as file:
        file.seek(1000)
        file.write(b"\xff")
    with pytest.raises(BundleError, match=r"network\.h5 is not what was exported"):
        open_bundle(copy)
    (copy / "network.h5").unlink()
    with pytest.raises(BundleError, match=r"network\.h5 is missing"):
        open_bundle(copy)
    (copy / "manifest.json").write_text("{")
    with pytest.raises(BundleError, match=r"manifest\.json is damaged"):
        open_bundle(copy)


def test_what_is_read_is_checked_and_nothing_else(bundle, tmp_path):
    copy = Path(shutil.copytree(bundle.path, tmp_path / "b"))
    for name in ("network.h5", "model.nir", "host/readout.onnx"):
        with (copy / name).open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\xff")
    opened = open_bundle(copy, whole=False)
    assert opened.inputs.keys() == bundle.inputs.keys()
    with pytest.raises(BundleError, match=r"network\.h5 is not what was exported"):
        _ = opened.integers
    shutil.copy(bundle.path / "network.h5", copy / "network.h5")
    with pytest.raises(BundleError, match=r"host/readout\.onnx is not what was exported"):
        opened.accuracy(fixed.run(opened.quantized, opened.inputs))
    with pytest.raises(BundleError, match=r"is not what was exported"):
        open_bundle(copy)
    (copy / "lava" / "run.py").unlink()
    with pytest.raises(BundleError, match=r"lava/run\.py is missing"):
        open_bundle(copy, whole=False)


def test_another_version_is_refused(bundle, tmp_path):
    copy = Path(shutil.copytree(bundle.path, tmp_path / "b"))
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, "version": 9}))
    with pytest.raises(BundleError, match="version 9, this neurograph reads"):
        open_bundle(copy)


def test_a_foreign_folder_is_not_replaced(compiled, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(BundleError, match=r"is not empty and holds no manifest\.json"):
        write_bundle(compiled, TARGET, tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years of work"


def test_somebody_elses_file_in_a_bundle_is_kept(compiled, tmp_path):
    write_bundle(compiled, TARGET, tmp_path / "b")
    (tmp_path / "b" / "notes.txt").write_text("what I saw")
    with pytest.raises(BundleError, match=r"holds notes\.txt, which the bundle there does not"):
        write_bundle(compiled, TARGET, tmp_path / "b")
    assert (tmp_path / "b" / "notes.txt").read_text() == "what I saw"


def test_failure_on_the_way_leaves_the_old_bundle_whole(compiled, tmp_path, monkeypatch):
    first = write_bundle(compiled, TARGET, tmp_path / "b")
    monkeypatch.setattr("neurograph.export.bundle.write._manifest", _disk_full)
    with pytest.raises(BundleError, match="cannot be written \\(No space left on device\\)"):
        write_bundle(compiled, TARGET, tmp_path / "b")
    assert open_bundle(tmp_path / "b").manifest == first.manifest
    assert os.listdir(tmp_path) == ["b"]


def _disk_full(*args):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_in_the_way(compiled, tmp_path):
    (tmp_path / "b").write_text("x")
    with pytest.raises(BundleError, match="is a file, must be a folder"):
        write_bundle(compiled, TARGET, tmp_path / "b")


def test_broken_host_model_is_named(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"not a model")
    with pytest.raises(BundleError, match=r"host model .*x\.onnx"):
        run_onnx(tmp_path / "x.onnx", {})


def test_targets(compiled):
    with pytest.raises(InputError, match="target 'tpu': does not exist; there are generic, lava, loihi1, loihi2"):
        find("tpu")
    check_target(compiled.network, find("loihi1"))


@pytest.fixture(scope="module")
def lava_alone(lava, tmp_path_factory):
    """An environment with lava-nc and what it brings, made by the command that users have for it."""
    from neurograph.sim.lava import runtime

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        assert run_command(["lava", "install"]) == 0
        return runtime.cache_folder() / "bin" / "python"


@pytest.mark.lava
def test_the_lava_folder_runs_with_nothing_but_lava(lava_alone, bundle, tmp_path):
    copy = Path(shutil.copytree(bundle.path / "lava", tmp_path / "lava"))
    listed = subprocess.run([lava_alone, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, timeout=60).stdout
    assert "lava-nc==" in listed and not any(name in listed for name in ("neurograph", "torch", "nir", "h5py"))
    done = subprocess.run([lava_alone, "lava/run.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    for population in bundle.quantized.neurons:
        assert f"{population.name}: {int(bundle.expected('fixed').spikes[population.name].sum())} spikes, 0 of" in done.stdout
    _spoil(copy / "program.npz")
    done = subprocess.run([lava_alone, "lava/run.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and ", 1 of " in done.stdout, done.stdout + done.stderr


def _spoil(path):
    """Flip one expected spike of the last population in a program."""
    with np.load(path) as file:
        arrays = dict(file)
    about = json.loads(str(arrays["program"]))
    name = about["populations"][-1]["expected"]["array"]
    arrays[name][0] ^= 128
    np.savez_compressed(path, **arrays)
