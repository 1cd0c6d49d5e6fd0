"""Fixtures that several folders use."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_leftovers import Counter, hear_signals
from hypothesis import settings

settings.register_profile("neurograph", deadline=None)  # a time limit an example would make slow machines fail
settings.load_profile("neurograph")

ROOT = Path(__file__).resolve().parent.parent
hear_signals()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared folder: $NEUROGRAPH_SHARED, else ../shared beside the checkout."""
    folder = Path(os.environ.get("NEUROGRAPH_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the shared data folder: {folder} does not exist (set NEUROGRAPH_SHARED)")
    return folder


@pytest.fixture(scope="session")
def lava() -> None:
    """Skips by name where no interpreter has Lava."""
    from neurograph.errors import LavaMissingError
    from neurograph.sim.lava import runtime

    try:
        runtime.find()
    except LavaMissingError as error:
        pytest.skip(f"needs Lava: {error}")


@pytest.fixture
def counter(monkeypatch) -> Iterator[Counter]:
    """Counts what a test leaves behind: processes, open files, shared memory, sockets, folders."""
    found = Counter()
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(tempfile, "tempdir", None)  # which keeps what TMPDIR said when it was first asked
    yield found
    found.close()


@pytest.fixture(scope="session")
def sanafe_python() -> str:
    """An interpreter with SANA-FE; skips by name where there is none."""
    from neurograph.errors import InputError
    from neurograph.reporting import sanafe_child

    try:
        return str(sanafe_child.sanafe_python()[0])
    except InputError as error:
        pytest.skip(f"needs SANA-FE: {error}")
