"""Every code block of README.md and of the documentation runs as it stands; benchmarks/code_blocks.py has the convention."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType

import pytest
from code_blocks import PARSED, RUN, SHOWN, Block, begins_with, blocks_of, not_run, pages_with_code

from neurograph import hw_profiles

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_NOT_RUN = 24
SHARED = re.compile(r"""--data-root data|["' ]data["'/]""")
FIRST = (
    "neurograph train spikegraphormer --dataset karate -o karate.pt\nneurograph export karate.pt --target loihi2 -o karate/ --no-verify\n"
)
PAGES = [page for page in pages_with_code() if any(block.language in RUN and block.reason is None for block in blocks_of(page))]


def environment() -> dict[str, str]:
    """This interpreter's commands first, and no colours."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}


@pytest.fixture(scope="session")
def karate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with karate.pt and karate/, which README's first commands make."""
    folder = tmp_path_factory.mktemp("karate")
    subprocess.run(["bash", "-ec", FIRST], cwd=folder, env=environment(), check=True, capture_output=True)
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a page's blocks run; ``data`` is the folder of the shared datasets, if there is one."""
    shared = Path(os.environ.get("NEUROGRAPH_SHARED", Path(__file__).resolve().parents[2].parent / "shared"), "data")
    if shared.is_dir():
        (tmp_path / "data").symlink_to(shared)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs_as_it_stands(page, folder, request):
    blocks = [block for block in blocks_of(page) if block.language in RUN and block.reason is None]
    if not (folder / "data").exists() and any(SHARED.search(block.code) for block in blocks):
        pytest.skip("needs the shared data folder (set NEUROGRAPH_SHARED)")
    for name in begins_with(page):
        made = request.getfixturevalue("karate") / name
        (shutil.copytree if made.is_dir() else shutil.copy)(made, folder / name)
    module = ModuleType("page")
    before = set(sys.modules)
    try:
        for block in blocks:
            if block.language == "sh":
                run_shell(block, folder)
            else:
                run_python(block, module)
    finally:
        for name in set(sys.modules) - before:  # another page may have a module of that name
            if str(getattr(sys.modules[name], "__file__", None)).startswith(str(folder)):
                del sys.modules[name]


def run_python(block: Block, module: ModuleType) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # as a reader has them: libraries that a page loads may warn of themselves
        exec(compile("\n" * (block.line - 1) + block.code, block.page, "exec"), module.__dict__)


def run_shell(block: Block, folder: Path) -> None:
    done = subprocess.run(["bash", "-ec", block.code], cwd=folder, env=environment(), capture_output=True, text=True)
    if done.returncode != 0:
        pytest.fail(
            f"{block.page}:{block.line} ended with status {done.returncode}:\n{block.code}\n{done.stdout}\n{done.stderr}", pytrace=False
        )


@pytest.mark.parametrize("page", pages_with_code())
def test_every_block_has_a_language_that_is_known_and_parses(page, tmp_path):
    for block in blocks_of(page):
        where = f"{page}:{block.line}"
        assert block.language in (*RUN, *PARSED, *SHOWN), f"{where}: a block of {block.language}"
        if block.language == "json":
            json.loads(block.code)
        if block.language == "toml":
            table = tomllib.loads(block.code)
            if {"name", "level", "scope"} <= table.keys():  # a whole hardware profile
                (tmp_path / "profile.toml").write_text(block.code)
                hw_profiles.load(str(tmp_path / "profile.toml"))
        if block.language == "python":
            compile(block.code, where, "exec")


def test_few_blocks_are_not_run_and_each_says_why():
    left_out = list(not_run())
    print(f"{len(left_out)} blocks are not run:", *(f"{block.page}:{block.line}: {block.reason}" for block in left_out), sep="\n  ")
    assert len(left_out) <= MOST_NOT_RUN
