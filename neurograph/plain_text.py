"""Texts that others may have made: JSON and TOML read with bounds, and names made fit to print."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["DEEPEST", "is_name", "is_plain", "line_of", "misfit", "parse_json", "parse_toml", "plain_markdown", "printable", "read_json"]

MOST_BYTES = 16 << 20
DEEPEST = 100
"""Lists within lists, keys within keys."""


def read_json(path: Path, most: int = MOST_BYTES) -> Any:
    """What stands in a JSON file.

    Raises:
        ValueError: not JSON, of more than ``most`` bytes, or nested too deep. OSError: it cannot be read.
    """
    with path.open("rb") as file:
        text = file.read(most + 1)
    if len(text) > most:
        raise ValueError(f"more than {most:,} bytes of JSON")
    return parse_json(text)


def parse_json(text: bytes | str) -> Any:
    """What a JSON text says.

    Raises:
        ValueError: not JSON, or nested too deep.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def parse_toml(data: bytes, most: int = 1 << 20) -> dict[str, Any]:
    """What a TOML text says.

    Raises:
        ValueError: not TOML, not UTF-8, of more than ``most`` bytes, or nested deeper than :data:`DEEPEST`.
    """
    import sys

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    if len(data) > most:
        raise ValueError(f"{len(data):,} bytes, at most {most:,}")
    text = data.decode("utf-8")
    # Before the parser, which may go as deep as the text does: brackets that are open, and keys with many dots.
    if _depth(text) > DEEPEST or any(line.partition("=")[0].count(".") > DEEPEST for line in text.splitlines()):
        raise ValueError(f"nested deeper than {DEEPEST}")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def line_of(error: BaseException) -> str:
    """What an exception says, on one line of bounded length."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _depth(text: str) -> int:
    """At least how deep brackets lie in one another, those in texts and comments counted too."""
    depth = deepest = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}" and depth:
            depth -= 1
    return deepest


def printable(text: str) -> str:
    r"""The text with every character that a terminal might obey, or that hides or turns others, as its escape: ``\x1b``, ``\u202e``.

    Ends of lines and tabs stay, and spaces of any width (category Zs), which neither hide nor turn anything.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _is_shown(c) else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def plain_markdown(text: str) -> str:
    """Markdown without HTML and without links, whatever names stand in it: our own reports have neither."""
    import re

    return re.sub(r"<(?=[A-Za-z/!?])", r"\\<", text).replace("](", r"]\(")


def is_plain(text: str) -> bool:
    """Whether nothing in a text is escaped by :func:`printable`."""
    return text.isprintable() or all(map(_is_shown, text))


def _is_shown(character: str) -> bool:
    return character.isprintable() or character in "\n\t" or unicodedata.category(character) == "Zs"


def is_name(value: Any) -> bool:
    """Whether a value is a text of one line of at most 1,000 characters that can be printed."""
    return isinstance(value, str) and 0 < len(value) <= 1000 and value.isprintable()


def misfit(value: Any, kind: Any, where: str = "") -> str | None:
    """Where a value of JSON is not of a kind, and what must stand there; None where it is.

    A kind is ``str``, ``int``, ``float`` (finite, whole or not), ``bool`` or ``None``; ``[kind]``, a list; ``{"*": kind}``, any keys;
    ``{"key": kind, "?key": kind}``, these keys, the second if it is there, and others; a tuple: one of several kinds.
    """
    if isinstance(kind, tuple):
        problems = [misfit(value, one, where) for one in kind]
        return None if None in problems else problems[-1]
    if isinstance(kind, list):
        if not isinstance(value, list):
            return f"{where} must be a list"
        return next((found for i, item in enumerate(value) if (found := misfit(item, kind[0], f"{where}[{i}]"))), None)
    if isinstance(kind, Mapping):
        return _misfit_keys(value, kind, where)
    return None if _PLAIN[kind](value) else f"{where} must be {_NAMES[kind]}"


def _misfit_keys(value: Any, kind: Mapping[str, Any], where: str) -> str | None:
    if not isinstance(value, dict):
        return f"{where or 'all'} must be keys and values"
    prefix = f"{where}." if where else ""
    if "*" in kind:
        return next((found for key, item in value.items() if (found := misfit(item, kind["*"], f"{prefix}{key}"))), None)
    for key, inner in kind.items():
        name = key.removeprefix("?")
        if name not in value:
            if name == key:
                return f"{prefix}{name} is missing"
            continue
        found = misfit(value[name], inner, f"{prefix}{name}")
        if found:
            return found
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e300 < value < 1e300


_PLAIN: dict[Any, Callable[[Any], bool]] = {
    str: lambda value: isinstance(value, str) and is_plain(value),
    int: lambda value: isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63,
    float: _is_number,
    bool: lambda value: isinstance(value, bool),
    None: lambda value: value is None,
}
_NAMES = {str: "a text that can be printed", int: "a whole number", float: "a finite number", bool: "true or false", None: "null"}
