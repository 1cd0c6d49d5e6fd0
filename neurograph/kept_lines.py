"""Results that are done, one JSON line each, so that what was stopped goes on from there."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, TypeVar

from neurograph.errors import InputError
from neurograph.files import cannot_write, write_file
from neurograph.plain_text import parse_json
from neurograph.settings_fields import check_fields

__all__ = ["KeptLines"]

Result = TypeVar("Result")


class KeptLines(Generic[Result]):
    """A file of results, each a dataclass of plain values under the identity that tells it from every other.

    Args:
        path: of the file, which is made with the first result.
        make: the dataclass.
        name: of a result in a line and in messages.
        command: that writes them, for messages.

    Raises:
        InputError: a line in it that is no such result; a last line that was cut off is left out, and its result is made again.
    """

    def __init__(self, path: Path, make: Callable[..., Result], name: str, command: str) -> None:
        self._path, self._name = path, name
        self._results: dict[str, Result] = {}
        try:
            lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{name}s {path}: cannot be read ({error}); choose another folder") from None
        self._cut = bool(lines) and not lines[-1].endswith("\n")
        for number, line in enumerate(lines[: len(lines) - self._cut], 1):
            try:
                held = parse_json(line)
                result = make(**held[name])
                check_fields(result, name)
                self._results[_key(held["identity"])] = result
            except (ValueError, KeyError, TypeError, RecursionError):
                raise InputError(f"{name}s {path}: line {number} is no {name} of '{command}'; mend it, or choose another folder") from None

    @property
    def identities(self) -> list[dict[str, Any]]:
        """Of all results, in the order in which they were made."""
        return [json.loads(key) for key in self._results]

    def find(self, identity: Mapping[str, Any]) -> Result | None:
        """The result of this identity, if it is done."""
        return self._results.get(_key(identity))

    def add(self, identity: Mapping[str, Any], result: Result) -> None:
        """Write a result, at once. One of the same identity is replaced: the last line counts.

        Raises:
            InputError: it cannot be written.
        """
        try:
            if self._cut:
                os.truncate(self._path, self._path.read_bytes().rfind(b"\n") + 1)
                self._cut = False
            _append(self._path, self._line(identity, result))
        except OSError as error:
            raise cannot_write(f"{self._name}s {self._path}", error, InputError) from None
        self._results[_key(identity)] = result

    def sort(self, first: Sequence[Mapping[str, Any]]) -> None:
        """Write the file anew, one line an identity: these in this order, then the others as they were made.

        Raises:
            InputError: it cannot be written.
        """
        keys = [key for key in map(_key, first) if key in self._results]
        order = dict.fromkeys([*keys, *self._results])
        self._results = {key: self._results[key] for key in order}
        text = "".join(self._line(json.loads(key), result) for key, result in self._results.items())
        write_file(self._path, text.encode(), f"{self._name}s")
        self._cut = False

    def _line(self, identity: Mapping[str, Any], result: Any) -> str:
        return json.dumps({"identity": dict(identity), self._name: asdict(result)}) + "\n"


def _append(path: Path, line: str) -> None:
    """A whole line or nothing, as far as the disk lets us."""
    size = path.stat().st_size if path.exists() else 0
    try:
        with path.open("a") as file:
            file.write(line)
    except OSError:
        with contextlib.suppress(OSError):
            os.truncate(path, size)
        raise


def _key(identity: Mapping[str, Any]) -> str:
    return json.dumps(dict(identity), sort_keys=True)
