"""What a command takes, declared as the defaults of its parameters.

Declarations load no library: a plain command line is read from them alone (:mod:`neurograph.cli.plain`), and typer is made of the same
ones where help or a usage error is wanted (:mod:`neurograph.cli.full`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Declared", "argument", "declared", "option"]


class Declared:
    """One argument (no names) or option of a command.

    Args:
        default: value where it is not given; ``...`` where it must be.
        names: "--engine", or "-o" and "--output"; "--verify/--no-verify" of a flag that can be switched off.
        help: one line.
        min, max: smallest and largest value of a number.
    """

    __slots__ = ("default", "help", "max", "min", "names")

    def __init__(self, default: Any, names: tuple[str, ...], help: str | None, min: float | None, max: float | None) -> None:
        self.default, self.names, self.help, self.min, self.max = default, names, help, min, max


def argument(default: Any = ..., *, help: str | None = None) -> Any:
    """A positional argument, which must be given where it has no default; a list takes all that come, and stands last."""
    return Declared(default, (), help, None, None)


def option(default: Any, *names: str, help: str | None = None, min: float | None = None, max: float | None = None) -> Any:
    """An option; ``...`` for a default says that it must be given."""
    return Declared(default, names, help, min, max)


def declared(function: Callable[..., Any]) -> dict[str, Declared]:
    """Parameter → declaration, in order; a command declares all of its parameters."""
    code = function.__code__
    return dict(zip(code.co_varnames[: code.co_argcount], function.__defaults__ or (), strict=True))
