"""The wheel: all of the package and nothing else, runs outside the checkout, is typed for who imports it, and is made again from the sdist."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"export": "neurograph/export", "sim": "neurograph/sim", "hw_profiles": "neurograph/hw_profiles", "neurograph": "neurograph"}
SOURCES = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", *FOLDERS)

USER = """
from pathlib import Path

from neurograph import Bundle, Comparison, compile_checkpoint, open_bundle, rendered, report_of, target, training, verify, write_bundle


def deploy(checkpoint: Path, folder: Path) -> bool:
    compiled = compile_checkpoint(training.load(checkpoint), target("loihi2"))
    bundle: Bundle = write_bundle(compiled, target("loihi2"), folder)
    found: list[Comparison] = verify(open_bundle(bundle.path))
    text: str = rendered(report_of(bundle), "md")
    return all(comparison.ok for comparison in found) and bool(text)
"""


def outside(folder, *command, **environment):
    """A command run far from the checkout, with the installed wheel before everything else."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "site"), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    environment.pop("NG_TREE", None)
    return subprocess.run([sys.executable, *map(str, command)], cwd=folder, env=environment, capture_output=True, text=True, timeout=280)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with sdist/, wheel/ made from that sdist, and the wheel in site/."""
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    tree.mkdir()
    for name in SOURCES:
        source = ROOT / name
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(source, tree / name, ignore=ignored) if source.is_dir() else shutil.copy(source, tree / name)
    command = [sys.executable, "-m", "build", "--no-isolation"]
    done = subprocess.run([*command, "--sdist", "-o", folder / "sdist", tree], capture_output=True, text=True, timeout=200)
    if done.returncode != 0 and "Missing dependencies" in done.stdout + done.stderr:
        pytest.skip("needs setuptools 77 in this environment")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "absent from the `packages`" not in done.stdout + done.stderr
    with tarfile.open(next((folder / "sdist").iterdir())) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    done = subprocess.run([*command, "--wheel", "-o", folder / "wheel", unpacked], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (folder / "wheel").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder


def test_the_sdist_builds_a_wheel_that_holds_the_packages_and_nothing_else(made):
    expected = set()
    for folder, package in FOLDERS.items():
        files = (file for file in (ROOT / folder).rglob("*") if file.is_file() and "__pycache__" not in file.parts)
        expected |= {f"{package}/{file.relative_to(ROOT / folder).as_posix()}" for file in files}
    found = {file.relative_to(made / "site").as_posix() for file in (made / "site").rglob("*") if file.is_file()}
    about = {name for name in found if name.startswith("neurograph-")}
    assert found - about == expected
    assert {name.partition("/")[2] for name in about} >= {"METADATA", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    assert {"neurograph/py.typed", "neurograph/sim/compiled/engine.c", "neurograph/hw_profiles/sources.bib"} <= found


def test_the_sdist_holds_no_half_of_the_tests(made):
    (unpacked,) = (made / "unpacked").iterdir()
    assert not (unpacked / "tests").exists() and (unpacked / "README.md").is_file() and (unpacked / "LICENSE").is_file()


def test_the_wheel_runs_outside_the_checkout(made, tmp_path):
    where = "import neurograph, neurograph.sim.compiled as c; print(neurograph.__file__, c.__file__)"
    assert outside(made, "-c", where).stdout.count(str(made / "site")) == 2
    done = outside(made, "-m", "neurograph", "--version")
    assert done.returncode == 0 and done.stdout.startswith("neurograph ")
    assert "loihi2" in outside(made, "-m", "neurograph", "profiles", "list").stdout
    assert "export" in outside(made, "-m", "neurograph", "--help").stdout
    model, bundle, page = tmp_path / "m.pt", tmp_path / "b", tmp_path / "r.html"
    for arguments in (
        ("train", "spikegraphormer", "--epochs", "2", "-o", model),
        ("export", model, "--target", "loihi2", "--no-verify", "-o", bundle),
        ("simulate", bundle),
        ("report", bundle, "--format", "html", "-o", page),
    ):
        done = outside(made, "-m", "neurograph", *arguments, XDG_CACHE_HOME=str(tmp_path))
        assert done.returncode == 0, done.stderr
    assert page.read_text(encoding="utf-8").startswith("<!")
    from neurograph.sim.compiled import library

    if library.available():  # the C sources are in the wheel, and were compiled from there
        assert list((tmp_path / "neurograph").glob("engine-*"))


def test_a_user_of_the_public_names_has_types(made):
    pytest.importorskip("mypy")
    script = made / "user.py"
    script.write_text(USER)
    config = made / "mypy.ini"
    config.write_text(
        "[mypy]\nstrict = True\n[mypy-torch.*,torch_geometric.*,norse.*]\nfollow_imports = skip\nignore_missing_imports = True\n"
    )
    command = ("-m", "mypy", "--config-file", config, "--cache-dir", made / "mypy", script)
    done = outside(made, *command)
    assert done.returncode == 0, done.stdout
    script.write_text(USER.replace('target("loihi2"))', "target(2))"))
    assert 'Argument 1 to "target" has incompatible type "int"' in outside(made, *command).stdout
