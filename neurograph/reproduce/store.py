"""Runs that are done, one JSON line each, so that a table goes on where it was stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from neurograph.errors import InputError
from neurograph.files import cannot_write
from neurograph.reproduce.run import Run

__all__ = ["Store"]


class Store:
    """A file of runs.

    Args:
        path: of the file, which is made with the first run.

    Raises:
        InputError: a line in it that is no run; a last line that was cut off is left out, and its run is done again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._runs: dict[str, Run] = {}
        try:
            lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"runs {path}: cannot be read ({error}); choose another folder") from None
        self._cut = bool(lines) and not lines[-1].endswith("\n")
        for number, line in enumerate(lines[: len(lines) - self._cut], 1):
            try:
                held = json.loads(line)
                self._runs[_key(held["identity"])] = Run(**held["run"])
            except (ValueError, KeyError, TypeError):
                raise InputError(
                    f"runs {path}: line {number} is no run of 'neurograph reproduce'; mend it, or choose another folder"
                ) from None

    def find(self, identity: Mapping[str, Any]) -> Run | None:
        """The run of this identity, if it is done."""
        return self._runs.get(_key(identity))

    def add(self, identity: Mapping[str, Any], run: Run) -> None:
        """Write a run, at once.

        Raises:
            InputError: it cannot be written.
        """
        line = json.dumps({"identity": dict(identity), "run": asdict(run)}) + "\n"
        try:
            if self._cut:
                os.truncate(self._path, self._path.read_bytes().rfind(b"\n") + 1)
                self._cut = False
            with self._path.open("a") as file:
                file.write(line)
        except OSError as error:
            raise cannot_write(f"runs {self._path}", error, InputError) from None
        self._runs[_key(identity)] = run


def _key(identity: Mapping[str, Any]) -> str:
    return json.dumps(dict(identity), sort_keys=True)
