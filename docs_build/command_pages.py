"""The command reference, made from the declarations of the commands: what stands there is what the parser takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from neurograph.cli.commands import COMMANDS, Command
from neurograph.cli.declare import Declared, declared

__all__ = ["commands_page", "every_command"]

_HEAD = """# Commands

Made from the declarations that the command line itself is read by.

`neurograph COMMAND --help` prints the same. stdout carries the result (with `--json` one JSON object and nothing else), progress and
warnings go to stderr. The exit status is 0 good, 1 a check failed, 2 bad input or usage, in one line that says what is wrong and what
to do, 130 interrupted. `--debug`, anywhere on the line, shows the traceback of an error; `neurograph --version` prints the version.
"""
_KINDS = {"str": "text", "Path": "path", "int": "whole number", "float": "number"}


def every_command() -> Iterator[tuple[str, Callable[..., Any]]]:
    """The words of each command with its function, in the order of ``neurograph --help``."""
    for name, item in COMMANDS.items():
        if isinstance(item, Command):
            yield name, item.load()
        else:
            for inner, command in item.commands.items():
                yield f"{name} {inner}", command.load()


def commands_page() -> str:
    """The page, in Markdown."""
    commands = list(every_command())
    index = "\n".join(f"- [`{words}`](#{_anchor(words)}): {_about(function).splitlines()[0]}" for words, function in commands)
    return "\n".join([_HEAD, index, "", *(_section(words, function) for words, function in commands)])


def _section(words: str, function: Callable[..., Any]) -> str:
    items = declared(function)
    places = {name: item for name, item in items.items() if not item.names}
    options = {name: item for name, item in items.items() if item.names}
    usage = [_place(name, item, function) for name, item in places.items()]
    usage += [f"{item.names[0]} {_metavar(name)}" for name, item in options.items() if item.default is ...]
    line = " ".join(["neurograph", words, *usage, *(["[OPTIONS]"] if options else [])])
    parts = [f"## `{words}` {{#{_anchor(words)}}}", _about(function), f"```text\n{line}\n```"]
    if places:
        rows = [
            (f"`{_metavar(name)}`", _kind(name, function), _default(item, name, function), item.help or "") for name, item in places.items()
        ]
        parts.append(_table(("argument", "value", "if not given", "what"), rows))
    if options:
        rows = [
            (", ".join(f"`{name}`" for name in _spelt(item)), _value(name, item, function), _default(item, name, function), item.help or "")
            for name, item in options.items()
        ]
        parts.append(_table(("option", "value", "if not given", "what"), rows))
    return "\n\n".join(parts) + "\n"


def _spelt(item: Declared) -> list[str]:
    return [spelling for names in item.names for spelling in names.split("/")]


def _value(name: str, item: Declared, function: Callable[..., Any]) -> str:
    """What an option takes, with its limits."""
    kind = _kind(name, function)
    if item.min is not None and item.max is not None:
        return f"{kind}, {item.min:,} to {item.max:,}" if item.max < 2**31 else f"{kind}, at least {item.min:,}, below 2⁶³"
    if item.min is not None:
        return f"{kind}, at least {item.min:,}"
    return f"{kind}, at most {item.max:,}" if item.max is not None else kind


def _kind(name: str, function: Callable[..., Any]) -> str:
    annotation = str(function.__annotations__[name]).removesuffix(" | None")
    if annotation == "bool":
        return "flag"
    if annotation.startswith("list["):
        return f"{_KINDS[annotation[5:-1]]}, any number of times"
    return _KINDS[annotation]


def _default(item: Declared, name: str, function: Callable[..., Any]) -> str:
    if item.default is ...:
        return "must be given"
    if item.default is None or item.default == []:
        return "–"
    if isinstance(item.default, bool):
        on, _, off = item.names[0].partition("/")
        return f"`{on}`" if item.default else f"`{off}`" if off else "off"
    if isinstance(item.default, (list, tuple)):
        return ", ".join(f"`{value}`" for value in item.default)
    return f"`{item.default}`"


def _place(name: str, item: Declared, function: Callable[..., Any]) -> str:
    shown = _metavar(name) + ("…" if str(function.__annotations__[name]).startswith("list[") else "")
    return shown if item.default is ... else f"[{shown}]"


def _metavar(name: str) -> str:
    return name.upper()


def _anchor(words: str) -> str:
    return words.replace(" ", "-")


def _about(function: Callable[..., Any]) -> str:
    return inspect.getdoc(function) or ""


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
