"""benchmarks/soak.py in a short form: some hundred inferences in one process."""

from __future__ import annotations

import tempfile

import pytest
import soak
from soak import Soak

MOST_MIB = 6.0  # what an allocator may still take for itself; an inference of the network that is kept would be 0.1 MiB


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path


def test_hundreds_of_inferences_leave_memory_files_and_threads_as_they_were(folder):
    for found in soak.soaks(400, folder):
        assert found.holds(MOST_MIB), found.row
        assert found.compared == 4 and len(found.curve) >= soak.POINTS


def test_a_leak_is_seen():
    leaky = Soak("leaky", 100, curve=[(n, 50 + n) for n in range(10, 101, 10)], compared=2)
    assert leaky.growth_mib == 90 and not leaky.holds(8) and leaky.holds(100)
    assert not Soak("file left", 100, curve=[(100, 50.0)], compared=2, left_files=1).holds(8)
    assert not Soak("nothing compared", 100, curve=[(100, 50.0)]).holds(8)
