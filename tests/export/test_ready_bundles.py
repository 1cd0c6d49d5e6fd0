"""Ready runs of bundles in the user's cache."""

import json
import os
import shutil

import numpy as np
import pytest

from neurograph.cli.main import run_command
from neurograph.errors import BundleError
from neurograph.export.bundle import open_bundle, ready_cache, write_bundle
from neurograph.export.bundle.manifest import open_files
from neurograph.export.bundle.ready_make import keep_ready
from neurograph.export.targets import TARGETS
from neurograph.sim import fixed
from neurograph.sim.compiled import library


@pytest.fixture(scope="module")
def bundle(compiled, tmp_path_factory):
    if not library.available():
        pytest.skip("needs a C compiler: ready runs are run by the compiled library")
    return write_bundle(compiled, TARGETS["loihi2"], tmp_path_factory.mktemp("ready") / "bundle").path


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache but for the library."""
    folder = tmp_path / "cache" / "neurograph"
    folder.mkdir(parents=True)
    shutil.copy(library._path(), folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def simulated(capsys, bundle, *options):
    """Standard output of `simulate`, without its seconds."""
    assert run_command(["simulate", str(bundle), *options]) == 0
    out, err = capsys.readouterr()
    if "--json" in options:
        return {key: value for key, value in json.loads(out).items() if key != "wall_s"}, err
    lines = [line.rsplit(", ", 1)[0] if "engine fixed" in line else line for line in out.splitlines()]
    return lines, err


def test_the_second_run_says_what_the_first_one_said(capsys, bundle, cache, monkeypatch):
    first = [simulated(capsys, bundle), simulated(capsys, bundle, "--json")]
    assert len(list(cache.glob("ready-*"))) == 1

    def none(*args, **more):
        raise AssertionError("the bundle was opened as a whole")

    monkeypatch.setattr("neurograph.cli.run.opened", none)
    assert [simulated(capsys, bundle), simulated(capsys, bundle, "--json")] == first
    opened = open_bundle(bundle)
    assert first[1][0]["accuracy"] == opened.accuracy(opened.expected("fixed"))
    assert first[1][0]["spikes"] == opened.expected("fixed").counts()


def test_other_runs_do_not_take_it(capsys, bundle, cache, tmp_path):
    simulated(capsys, bundle)
    (ready,) = cache.glob("ready-*")
    ready.unlink()
    for options in (("--engine", "float"), ("--rules", "brian2loihi"), ("-o", str(tmp_path / "r.h5"))):
        simulated(capsys, bundle, *options)
    assert not list(cache.glob("ready-*"))


def test_what_it_was_made_of_is_checked(capsys, bundle, cache, tmp_path):
    copy = shutil.copytree(bundle, tmp_path / "b")
    before = simulated(capsys, copy)
    for name in ("network.h5", "check.h5", "host/readout.onnx"):
        whole = (copy / name).read_bytes()
        (copy / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert run_command(["simulate", str(copy)]) == 2
        assert f"{name} is not what was exported" in capsys.readouterr().err
        (copy / name).write_bytes(whole)
    assert simulated(capsys, copy) == before
    (copy / "lava" / "run.py").unlink()
    with pytest.raises(BundleError, match="run.py is missing"):
        open_files(copy, whole=False)


def test_a_damaged_one_is_made_again(capsys, bundle, cache):
    before = simulated(capsys, bundle)
    (ready,) = cache.glob("ready-*")
    whole = ready.read_bytes()
    for damaged in (whole[:-1], whole[:5000] + bytes([whole[5000] ^ 0xFF]) + whole[5001:], b""):
        ready.write_bytes(damaged)
        assert ready_cache.run_ready(open_files(bundle, whole=False)) is None
        assert simulated(capsys, bundle) == before
        assert ready.read_bytes() == whole


def test_without_a_compiler_or_a_cache_nothing_is_kept(capsys, bundle, cache, monkeypatch):
    before = simulated(capsys, bundle)
    monkeypatch.setenv("CC", "no-such-compiler")
    library.library.cache_clear()
    try:
        assert simulated(capsys, bundle) == before
        for ready in cache.glob("ready-*"):
            ready.unlink()
        assert simulated(capsys, bundle) == before and not list(cache.glob("ready-*"))
    finally:
        library.library.cache_clear()
    monkeypatch.delenv("CC")
    shutil.rmtree(cache)
    cache.parent.rmdir()
    cache.parent.write_text("in the way")
    assert simulated(capsys, bundle) == before


def test_the_oldest_are_thrown_away(bundle, cache):
    for i in range(20):
        (cache / f"ready-{i:02d}").write_bytes(b"x")
        os.utime(cache / f"ready-{i:02d}", (i, i))
    opened = open_bundle(bundle)
    run = fixed.run(opened.quantized, opened.inputs)
    keep_ready(opened, run, opened.accuracy(run))
    kept = sorted(path.name for path in cache.glob("ready-*"))
    assert len(kept) == 16 and kept[:15] == [f"ready-{i:02d}" for i in range(5, 20)]


def test_what_does_not_give_the_same_is_not_kept(bundle, cache):
    opened = open_bundle(bundle)
    run = fixed.run(opened.quantized, opened.inputs)
    accuracy = opened.accuracy(run)
    keep_ready(opened, run, accuracy + 0.01)
    name, spikes = next(iter(run.spikes.items()))
    keep_ready(opened, fixed.Recording("fixed", run.ticks, {**run.spikes, name: np.zeros_like(spikes)}, notes=run.notes), accuracy)
    assert not list(cache.glob("ready-*"))
    keep_ready(opened, run, accuracy)
    assert len(list(cache.glob("ready-*"))) == 1
