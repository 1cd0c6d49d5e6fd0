"""Reading a plain command line, from the declarations alone.

typer takes a tenth of a second to load and to build its parsers, as long as an inference may take. What is read here is read as typer
reads it; whatever is not plain, or is wrong, is left to typer, which has the help and the messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from neurograph.cli.commands import COMMANDS, Command
from neurograph.cli.declare import Declared, declared

__all__ = ["Call", "parse", "plain_call", "say_version"]

Call = Callable[[], Any]
_READ: dict[str, Callable[[str], Any]] = {"str": str, "Path": Path, "int": int, "float": float}


def plain_call(words: Sequence[str]) -> Call | None:
    """What a command line calls; None where typer has to say."""
    if list(words) == ["--version"]:
        return say_version
    found, rest = COMMANDS.get(words[0]) if words else None, list(words[1:])
    if found is not None and not isinstance(found, Command):
        found, rest = found.commands.get(rest[0]) if rest else None, rest[1:]
    if found is None:
        return None
    function = found.load()
    values = parse(function, rest)
    return None if values is None else lambda: function(**values)


def say_version() -> None:
    """Print the version."""
    from importlib import metadata

    print(f"neurograph {metadata.version('neurograph')}")


def parse(function: Callable[..., Any], words: Sequence[str]) -> dict[str, Any] | None:
    """Parameter → value of a command's words, defaults included; None where they are not plain.

    Plain are all positional arguments in their places, and options as ``--name value``, ``--name=value`` or ``--flag``, at most once
    unless they are lists, with values that do not begin with a dash and that are numbers in range where numbers are wanted.
    """
    options, flags, places = _names(function)
    given: dict[str, Any] = {}
    lists: dict[str, list[Any]] = {}
    waiting = iter(words)
    for word in waiting:
        name, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
        if equals and not name.startswith("--"):  # of a short option it would be part of the value
            return None
        if name in flags and not equals and flags[name][0] not in given:
            given[flags[name][0]] = flags[name][1]
            continue
        parameter = options.get(name) if name else next(places, None)
        if parameter is None or parameter.name in given:
            return None
        try:
            made = parameter.read(value if equals or not name else next(waiting))
        except (ValueError, StopIteration):
            return None
        if parameter.is_list:
            lists.setdefault(parameter.name, []).append(made)
        else:
            given[parameter.name] = made
    values = {name: item.default for name, item in declared(function).items()} | given | lists
    return None if any(value is ... for value in values.values()) else values


class _Parameter:
    """How the text of one parameter is read."""

    def __init__(self, name: str, annotation: str, item: Declared) -> None:
        kind = annotation.removesuffix(" | None")
        self.name, self.item, self.is_list = name, item, kind.startswith("list[")
        self._read = _READ[kind.removeprefix("list[").removesuffix("]")]

    def read(self, text: str) -> Any:
        """The value.

        Raises:
            ValueError: one that typer has to read, or to refuse.
        """
        if not text or text.startswith("-"):
            raise ValueError(text)
        value, low, high = self._read(text), self.item.min, self.item.max
        if (low is not None and not value >= low) or (high is not None and not value <= high):
            raise ValueError(text)
        return value


_Tables = tuple[dict[str, _Parameter], dict[str, tuple[str, bool]], Any]


def _names(function: Callable[..., Any]) -> _Tables:
    """Option → parameter, flag → (parameter, value), and the positional ones in order."""
    options: dict[str, _Parameter] = {}
    flags: dict[str, tuple[str, bool]] = {}
    places = []
    for name, item in declared(function).items():
        annotation = function.__annotations__[name]
        if annotation == "bool":
            for names in item.names:
                on, _, off = names.partition("/")
                flags |= {on: (name, True)} | ({off: (name, False)} if off else {})
        elif item.names:
            options |= dict.fromkeys(item.names, _Parameter(name, annotation, item))
        else:
            places.append(_Parameter(name, annotation, item))
    return options, flags, chain(places, repeat(places[-1])) if places and places[-1].is_list else iter(places)
