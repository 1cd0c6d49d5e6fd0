"""What settings made of plain values have in common: each field holds what its annotation says."""

from __future__ import annotations

import math
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, Literal, get_args, get_origin, get_type_hints

from neurograph.plain_text import is_plain

__all__ = ["check_fields", "shown"]


def check_fields(settings: Any, where: str, error: type[Exception] = ValueError, way_out: str = "") -> None:
    """Check a dataclass of numbers, switches and words: whole numbers where it says int, finite ones where float, texts where str, True or
    False where bool, one of the words of a Literal, None where that is allowed; dropouts in [0, 1).

    Args:
        where, way_out: what the message begins and ends with.

    Raises:
        error: name, value and what it must be.
    """
    kinds = get_type_hints(type(settings))
    for field in fields(settings):
        value, kind = getattr(settings, field.name), kinds[field.name]
        wanted = _wanted(value, kind)
        if wanted is None and field.name.endswith("dropout") and not 0 <= value < 1:
            wanted = "at least 0 and below 1"
        if wanted is not None:
            raise error(f"{where}: {field.name} is {shown(value)}, must be {wanted}{way_out}")


def _wanted(value: Any, kind: Any) -> str | None:
    """What a value must be, or None where it is that."""
    if get_origin(kind) is Literal:
        words = get_args(kind)
        return None if any(type(value) is type(word) and value == word for word in words) else f"one of {', '.join(map(repr, words))}"
    choices = get_args(kind)
    if type(None) in choices:
        return None if value is None else _wanted(value, next(choice for choice in choices if choice is not type(None)))
    number = isinstance(value, Real) and not isinstance(value, bool)
    if kind is int:
        return None if number and isinstance(value, Integral) else "a whole number"
    if kind is float:
        return None if number and math.isfinite(value) else "a finite number"
    if kind is str:
        return None if isinstance(value, str) and is_plain(value) else "a text that can be printed"
    if kind is bool:
        return None if isinstance(value, bool) else "True or False"
    return None


def shown(value: Any) -> str:
    """A value for a message; of what is no number, text or nothing only its type."""
    if isinstance(value, (bool, Real, type(None))):
        return repr(value)
    return repr(value[:60]) if isinstance(value, str) else f"a {type(value).__name__}"
