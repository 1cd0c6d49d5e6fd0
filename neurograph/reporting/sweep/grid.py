"""What is swept: keys and their values, as the command line says them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from neurograph.errors import InputError

__all__ = ["KEYS", "Grid", "parse"]

KEYS = ("width", "seed", "ticks", "bits", "profile")  # the order of the points: what takes longest to make changes last
_RANGES: Mapping[str, tuple[int, int | None]] = {"width": (1, None), "seed": (0, 2**63 - 1), "ticks": (1, None), "bits": (2, 8)}
Values = Mapping[str, int | str]


@dataclass(frozen=True)
class Grid:
    """Every combination of the values of some keys.

    Args:
        numbers: "width", "seed", "ticks" and "bits", those that are swept → values.
        profiles: names, or paths of TOML files; empty where profile is not swept.
    """

    numbers: Mapping[str, tuple[int, ...]]
    profiles: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Those that are swept, in the order of :data:`KEYS`."""
        return tuple(key for key in KEYS if key in self.numbers or (key == "profile" and self.profiles))

    def networks(self) -> list[dict[str, int]]:
        """Every combination of the numbers."""
        names = [key for key in KEYS if key in self.numbers]
        return [dict(zip(names, values, strict=True)) for values in product(*(self.numbers[name] for name in names))]


def parse(texts: Sequence[str]) -> Grid:
    """A grid from texts ``key=value,value,…``, one a key.

    Raises:
        InputError: a key that does not exist or stands there twice; values that are missing, no numbers, out of range or twice there.
    """
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        key, equals, values = text.partition("=")
        key = key.strip()
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, n=1)
            hint = f"did you mean {near[0]}?" if near else "choose one of them"
            raise InputError(f"--sweep {text}: {key!r} is no key, must be {', '.join(KEYS[:-1])} or {KEYS[-1]}; {hint}")
        if key in found:
            raise InputError(f"--sweep {text}: {key} is given twice, must be given once; put all of its values behind one {key}=")
        found[key] = tuple(value.strip() for value in values.split(",")) if equals else ()
        if not found[key] or "" in found[key]:
            example = "profile=loihi1,loihi2" if key == "profile" else f"{key}=2,4,8"
            raise InputError(f"--sweep {text}: {key} has an empty value, must have one or more with commas between them; e.g. {example}")
    numbers = {key: tuple(_number(key, value) for value in values) for key, values in found.items() if key != "profile"}
    for key, given in {**numbers, "profile": found.get("profile", ())}.items():
        twice = [value for value in given if given.count(value) > 1]
        if twice:
            raise InputError(f"--sweep {key}: {twice[0]} stands there {given.count(twice[0])} times, must be there once; leave one")
    return Grid(numbers, found.get("profile", ()))


def _number(key: str, text: str) -> int:
    low, high = _RANGES[key]
    limits = f"{low} to {high}" if high is not None else f"at least {low}"
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise InputError(f"--sweep {key}: {text!r} is no whole number, must be {limits}; e.g. {key}=2,4,8")
    value = int(text) if len(digits) < 20 else 10**20
    if value < low or (value > high if high is not None else value >= 10**20):
        raise InputError(f"--sweep {key}: {text} is out of range, must be {limits}; change it")
    return value
