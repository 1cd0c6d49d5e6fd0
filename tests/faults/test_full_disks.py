"""A full or read-only file system under every writer: status 2, one line, nothing half-written. A cache is an aid: without it all goes on."""

import pytest
from fault_commands import CASES
from fault_runs import no_room, size_of, small_disk, without_cache

WRITERS = ("train", "export", "simulate", "report", "place", "inspect", "tune", "reproduce")


@pytest.fixture(autouse=True)
def mounts(tmp_path):
    try:
        with small_disk(tmp_path / "disk", 4096):
            pass
    except PermissionError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_said_and_leaves_nothing_half_written(place, seconds, name):
    seconds(name)
    whole = sum(
        size_of(place.out / output) if (place.out / output).is_dir() else (place.out / output).stat().st_size
        for output in CASES[name].outputs
    )
    assert no_room(place, name, whole * 6 // 10) == ""


@pytest.mark.parametrize("name", WRITERS)
def test_a_read_only_disk_is_said(place, name):
    assert no_room(place, name, 1 << 20, read_only=True) == ""


@pytest.mark.parametrize("form", ["json", "csv", "latex", "bibtex", "html"])
def test_a_report_of_every_format_on_a_full_disk(place, form):
    with small_disk(place.out, 4096):
        (place.out / "r").write_text("old")
        status, said, _ = place.run(["report", "bundle", "--format", form, "-o", "out/r"])
        assert status == 2 and said.count("\n") == 1 and "output out/r: cannot be written (No space left on device)" in said
        assert [path.name for path in place.out.iterdir()] == ["r"] and (place.out / "r").read_text() == "old"


@pytest.mark.parametrize(("name", "read_only"), [("simulate, nothing cached", False), ("simulate, nothing cached", True), ("report", True)])
def test_without_a_cache_commands_go_on(place, name, read_only):
    assert without_cache(place, name, read_only=read_only) == ""
