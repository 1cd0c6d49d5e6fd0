"""stdout and stderr as they may be found: closed, or of an encoding that lacks some of our characters."""

from __future__ import annotations

import codecs
import os
import sys

__all__ = ["prepare"]

# In words where the terminal has no such character: a ? in place of µ would be a wrong unit. Columns keep their width where one will do.
_PLAIN = {"µ": "u", "μ": "u", "–": "-", "−": "-", "—": "-", "‘": "'", "’": "'", "×": "x", "·": "*"}
_PLAIN |= {"…": "...", "±": "+-", "→": "->", "≥": ">=", "≤": "<="}


def prepare() -> None:
    """Make both streams such that no print fails: to nowhere where they are closed, spelled out where a character is missing."""
    codecs.register_error("neurograph", _spelled)
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:  # else the next file that is opened would take the number, and a library's message land in it
            _take(number)
            setattr(sys, name, open(number, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
        else:
            stream.reconfigure(errors="neurograph")


def _take(number: int) -> None:
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)


def _spelled(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return b"".join(_bytes(c) for c in error.object[error.start : error.end]), error.end


def _bytes(character: str) -> bytes:
    if "\udc80" <= character <= "\udcff":  # a byte of a file's name that is no text: as it is
        return bytes([ord(character) - 0xDC00])
    return _PLAIN.get(character, character).encode("ascii", "backslashreplace")
