"""Sizes of memory on the command line."""

from __future__ import annotations

from fractions import Fraction

from neurograph.errors import InputError

__all__ = ["read_size"]

_UNITS = {"b": 1, **{f"{p}b": 1000**i for i, p in enumerate("kmgt", 1)}, **{f"{p}ib": 1024**i for i, p in enumerate("kmgt", 1)}}


def read_size(option: str, text: str) -> int:
    """Bytes of a size such as ``2GB``, ``1.5 GiB`` or ``500MiB``; a unit is needed, for a bare number is more often meant in another one.

    Raises:
        InputError: it is none, or less than a byte.
    """
    number = text.strip().rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    unit = _UNITS.get(text.strip()[len(number) :].lower())
    number = number.strip()
    plain = number.count(".") <= 1 and set(number) <= set("0123456789.") and number not in ("", ".")
    size = int(Fraction(number) * unit) if plain and unit else 0
    if size < 1:
        raise InputError(
            f"{option} {text!r}: is no size of memory; give a number above 0 and a unit (B, kB, MB, GB, TB, KiB, MiB, GiB, TiB), as in 2GB"
        )
    return size
