"""Kill -9 at every call to the file system that a writer makes: files, HDF5 files and folders are there whole, old or new."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def kills(tmp_path_factory):
    program = Path(__file__).with_name("killed_writers.py")
    command = [sys.executable, "-W", "error", str(program), str(tmp_path_factory.mktemp("killed"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["file", "hdf5", "folder"])
def test_a_killed_writer_leaves_the_old_or_the_new(kills, kind):
    ours = [kill for kill in kills if kill["kind"] == kind]
    assert len(ours) > 12 and {kill["left"] for kill in ours} == {None, "old", "new"}
    assert all(kill["left"] in (kill["old"], "new") for kill in ours)
    assert any(kill["beside"] > (kill["left"] is not None) for kill in ours)  # something was being written


def test_without_an_exchange_of_names_the_old_is_never_lost(kills):
    ours = [kill for kill in kills if kill["kind"] == "folder in two steps" and kill["old"]]
    assert {kill["left"] for kill in ours} == {None, "old", "new"}
    assert all(kill["beside"] >= 2 for kill in ours if kill["left"] is None)


def test_the_next_writer_ends_well_and_removes_what_dead_ones_left(kills):
    assert all(kill["again"] == "two" and kill["after"] == ["target"] for kill in kills)


def test_siblings_of_living_processes_and_of_other_targets_stay(tmp_path):
    from neurograph.files import write_file
    from neurograph.siblings import sibling

    others = [".target.txt", ".target.0123.partial", ".target.0123456g.partial", ".other.01234567.partial", "target.01234567.partial"]
    for name in others:
        (tmp_path / name).write_text("")
    (tmp_path / ".target.01234567.partial").write_text("")
    with sibling(tmp_path / "target") as mine, sibling(tmp_path / "target", folder=True) as another:
        write_file(tmp_path / "target", b"text")
        assert sorted(os.listdir(tmp_path)) == sorted([*others, "target", mine.name, another.name])
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "target"])


def test_messages_name_the_target_and_not_its_sibling(tmp_path):
    from neurograph.errors import BundleError
    from neurograph.files import atomic_folder, write_file

    with pytest.raises(BundleError) as raised, atomic_folder(tmp_path / "b", marker="m") as folder:
        write_file(folder / "no" / "file", b"", error=BundleError)
    assert str(raised.value).startswith(f"output {tmp_path}/b/no/file: cannot be written") and os.listdir(tmp_path) == []
