"""Two exports into one folder at once: one wins whole."""

import json
import multiprocessing
import os
import random
import time

from fault_runs import at_once

from neurograph.files import atomic_folder, write_file


def write_often(folder, name, rounds=150):
    for number in range(rounds):
        with atomic_folder(folder, marker="a") as temporary:
            for part in "ab":
                write_file(temporary / part, json.dumps([name, number]).encode())


def test_writers_of_one_folder_take_turns(tmp_path):
    """At every moment there is a whole folder, whoever wrote it."""
    target = tmp_path / "target"
    write_often(target, "first", 1)
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_often, args=(target, name)) for name in "xyz"]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        opened = os.open(target, os.O_RDONLY)  # never missing
        try:
            held = [os.open(part, os.O_RDONLY, dir_fd=opened) for part in "ab"]
        except FileNotFoundError:  # replaced, and being removed
            continue
        finally:
            os.close(opened)
        texts = [os.read(part, 100) for part in held]
        for part in held:
            os.close(part)
        assert texts[0] == texts[1]
        seen.add(texts[0])
        time.sleep(0.001)
    assert [writer.exitcode for writer in writers] == [0, 0, 0] and len(seen) > 10
    assert os.listdir(tmp_path) == ["target"]


def test_two_exports_at_once_and_a_run_of_what_is_there(place):
    dice = random.Random(0)
    assert [at_once(place, dice, 0.2) for _ in range(2)] == ["", ""]


def test_a_bundle_that_was_replaced_while_it_was_read_is_refused(place, tmp_path):
    import shutil

    import pytest

    from neurograph.errors import BundleError
    from neurograph.export.bundle import open_bundle

    shutil.copytree(place.folder / "bundle", tmp_path / "b")
    found = open_bundle(tmp_path / "b", whole=False)
    shutil.rmtree(tmp_path / "b")
    status, said, _ = place.run(["export", "other.pt", "--target", "loihi2", "--no-verify", "-o", str(tmp_path / "b")])
    assert status == 0, said
    before = (tmp_path / "b" / "manifest.json").read_text()
    for read in (lambda: found.network, lambda: found.inputs, lambda: found.mark_verified([], True)):
        with pytest.raises(BundleError, match="another export put its own in this place meanwhile; run the command again"):
            read()
    assert (tmp_path / "b" / "manifest.json").read_text() == before
