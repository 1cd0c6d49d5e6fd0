"""The log of a training run: CSV, one line an epoch, there as soon as the epoch is done."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from neurograph.errors import TrainingError
from neurograph.files import cannot_write, write_file

__all__ = ["COLUMNS", "Log"]

FIRST = "float"  # stage
COLUMNS = ("stage", "epoch", "loss", "val_loss", "val_accuracy", "best_epoch", "wall_s")


class Log:
    """Appends rows of :data:`COLUMNS` to a file; the test nodes are not in it, for nothing may be chosen by them.

    Args:
        path: of the file; None: no log.
        stage: first column.
        after: the epoch after which the stage goes on; with its first row, those past that one go, and those of stages behind it.

    Raises:
        TrainingError: it cannot be written, or is no such log.
    """

    def __init__(self, path: Path | None, stage: str, after: int = 0) -> None:
        self._path = path
        self._stage = stage
        self._after = after
        self._begun = False
        if path is not None:
            self._rows(path)
            self._append(path, [])  # a folder that is not there is known before the work is done

    def add(self, **values: Any) -> None:
        """One epoch."""
        if self._path is None:
            return
        if not self._begun:
            write_file(self._path, _text([list(COLUMNS), *self._kept(self._path)]).encode(), "log", TrainingError)
            self._begun = True
        self._append(self._path, [[self._stage, *(_short(values[key]) for key in COLUMNS[1:])]])

    def _kept(self, path: Path) -> list[list[str]]:
        """What was logged before the first line of this call: earlier stages whole, and this one's epochs up to ``after``."""
        rows = self._rows(path)
        first = next((i for i, row in enumerate(rows) if row[0] == self._stage), len(rows))
        earlier = [] if self._stage == FIRST else rows[:first]
        return earlier + [row for row in rows[first:] if row[0] == self._stage and int(row[1]) <= self._after]

    def _rows(self, path: Path) -> list[list[str]]:
        if not path.is_file():
            return []
        with path.open(newline="") as file:
            header, *rows = list(csv.reader(file)) or [list(COLUMNS)]
        whole = [row for row in rows if len(row) == len(COLUMNS)]
        if tuple(header) != COLUMNS or not all(row[1].isdigit() for row in whole):
            raise TrainingError(f"log {path}: is no log of a training run, must begin with {','.join(COLUMNS)}; choose another file")
        return whole

    def _append(self, path: Path, rows: list[list[Any]]) -> None:
        try:
            with path.open("a", newline="") as file:
                file.write(_text(rows))
        except OSError as error:
            raise cannot_write(f"log {path}", error, TrainingError) from None


def _text(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _short(value: Any) -> Any:
    return f"{value:.9g}" if isinstance(value, float) else value
