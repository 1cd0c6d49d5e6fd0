"""Runs that are done, one JSON line each, so that a table goes on where it was stopped."""

from __future__ import annotations

from pathlib import Path

from neurograph.kept_lines import KeptLines
from neurograph.reproduce.run import Run

__all__ = ["Store"]


class Store(KeptLines[Run]):
    """A file of runs.

    Args:
        path: of the file, which is made with the first run.

    Raises:
        InputError: see :class:`~neurograph.kept_lines.KeptLines`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, Run, "run", "neurograph reproduce")
