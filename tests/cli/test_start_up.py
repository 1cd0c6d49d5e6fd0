"""What a command loads before it answers: a library that it does not need costs more than many an inference."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from neurograph.cli.commands import COMMANDS, Command
from neurograph.cli.main import run_command
from neurograph.sim.compiled import library

HEAVY = {"torch", "torch_geometric", "norse", "nir", "onnx", "onnxruntime", "matplotlib", "networkx", "pydantic", "pymetis", "lava"}
PARSERS = {"typer", "click", "rich"}
NUMBERS = {"numpy", "scipy", "h5py", "numba"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("start_up")
    assert run_command(["train", "spikegraphormer", "--epochs", "3", "-o", str(folder / "model.pt")]) == 0
    assert run_command(["export", str(folder / "model.pt"), "--target", "loihi2", "-o", str(folder / "b"), "--no-verify"]) == 0
    return folder / "b"


def child(*arguments, **environment):
    """Exit status and output of a command in a process of its own, and what it had loaded at its end."""
    code = (
        "import atexit, json, sys\n"
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))\n"
        f"sys.argv = ['neurograph', *{[str(a) for a in arguments]!r}]\n"
        "from neurograph.cli import main\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env={**os.environ, **environment})
    *errors, loaded = done.stderr.splitlines()
    return done.returncode, done.stdout, errors, set(json.loads(loaded))


@pytest.fixture
def cache(tmp_path):
    """An empty cache, but for the compiled library where it can be had."""
    folder = tmp_path / "neurograph"
    folder.mkdir()
    if library.available():
        shutil.copy(library._path(), folder)
    return {"XDG_CACHE_HOME": str(tmp_path)}


def test_simulate_loads_little_and_the_second_time_not_even_numpy(bundle, cache):
    status, out, errors, loaded = child("simulate", bundle, **cache)
    assert status == 0 and "test accuracy" in out and not errors
    assert not (HEAVY | PARSERS | {"numba", "scipy.linalg", "scipy.sparse.linalg"}) & loaded
    assert not {name for name in loaded if name.startswith("neurograph.export.")} - {
        "neurograph.export.bundle",
        "neurograph.export.bundle.manifest",
        "neurograph.export.bundle.read",
        "neurograph.export.bundle.ready_cache",
        "neurograph.export.bundle.ready_make",
        "neurograph.export.bundle.stored",
        "neurograph.export.plain_onnx",
    }
    if not library.available():
        pytest.skip("needs a C compiler: ready runs are run by the compiled library")
    status, again, errors, loaded = child("simulate", bundle, **cache)
    assert status == 0 and not errors and again.splitlines()[-1] == out.splitlines()[-1]
    assert not (HEAVY | PARSERS | NUMBERS) & loaded


def test_simulate_loads_what_it_is_asked_for_and_no_more(bundle, tmp_path):
    status, _, _, loaded = child("simulate", bundle, "--engine", "float", "-o", tmp_path / "r.h5", "--json")
    assert status == 0 and "h5py" in loaded and not (HEAVY | PARSERS) & loaded
    np.save(tmp_path / "x.npy", np.zeros((34, 34)))
    status, _, _, loaded = child("simulate", bundle, "--input", tmp_path / "x.npy")
    assert status == 0 and "onnxruntime" in loaded and not {"torch", "matplotlib", "networkx"} & loaded


def test_other_commands_that_read(bundle):
    for arguments in (("inspect", bundle), ("check", bundle, "--engines", "torch,float")):
        status, out, _, loaded = child(*arguments)
        assert status == 0 and out and not ((HEAVY - {"networkx"}) | PARSERS) & loaded, arguments
    status, out, _, loaded = child("profiles", "list")
    assert status == 0 and "loihi2" in out and not ((HEAVY - {"pydantic"}) | PARSERS | NUMBERS) & loaded


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate", "no-such-folder"),
        ("simulate", "{bundle}", "--engine", "cuda"),
        ("simulate", "{bundle}", "-o", "no-such-folder/r.h5"),
        ("check", "no-such-folder"),
        ("report", "{bundle}", "--format", "pdf"),
        ("train", "gpt"),
        ("inspect", "nothing.xyz"),
    ],
)
def test_bad_input_is_refused_before_anything_is_loaded(bundle, arguments):
    status, out, errors, loaded = child(*(a.format(bundle=bundle) for a in arguments))
    assert status == 2 and out == "" and len(errors) == 1 and errors[0].startswith("error: ")
    assert not (HEAVY | PARSERS | NUMBERS) & loaded


@pytest.mark.parametrize(
    "arguments", [("--help",), ("simulate", "--help"), ("profiles", "show", "-h"), ("simulate", "{bundle}", "--fly", "1")]
)
def test_help_and_usage_errors_load_the_parser_alone(bundle, arguments):
    status, out, errors, loaded = child(*(a.format(bundle=bundle) for a in arguments))
    assert (status, bool(out)) == ((2, False) if "--fly" in arguments else (0, True)) and len(errors) == (status == 2)
    assert "typer" in loaded and not (HEAVY | NUMBERS | {"rich.markdown", "typer.rich_utils"}) & loaded
    if arguments == ("--help",):
        assert not {f"neurograph.cli.{item.module}" for item in COMMANDS.values() if isinstance(item, Command)} & loaded


def test_the_version_loads_nothing():
    from importlib import metadata

    status, out, errors, loaded = child("--version")
    assert (status, out, errors) == (0, f"neurograph {metadata.version('neurograph')}\n", [])
    assert not (HEAVY | NUMBERS | PARSERS) & loaded


def test_what_is_postponed_is_whole_when_it_is_used():
    code = """
from neurograph.cli.postpone import postpone
postpone()
import numpy as np, scipy.sparse as sp
assert type(sp.csgraph).__name__ == "_LazyModule" and "scipy.sparse.linalg" not in __import__("sys").modules
from scipy.sparse.csgraph import connected_components
assert connected_components(sp.eye(3))[0] == 3
assert np.ma.masked_equal([1, 2], 2).sum() == 1 and np.polynomial.Polynomial([1, 2])(3) == 7
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
