"""The command line as typer has it: help, completion, and every line that is not plain or is wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Sequence
from types import FunctionType
from typing import Any, cast

import typer

from neurograph.cli.commands import COMMANDS, Command, Group
from neurograph.cli.declare import Declared, declared
from neurograph.cli.plain import say_version
from neurograph.cli.values import names_of

__all__ = ["app", "run"]

# What a shell asks for completions with: the line as it stands.
_LINES = ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")


def app(words: Collection[str] | None = None) -> typer.Typer:
    """All commands.

    Args:
        words: load only the commands whose names are among them, the others being there by name and first line; all if None.
    """
    made = typer.Typer(
        help="Carry spiking graph networks from Norse and PyTorch to Lava, check every spike, report the energy.",
        **_settings(),
    )
    made.callback()(_options)
    for name, item in COMMANDS.items():
        if isinstance(item, Group):
            group = typer.Typer(help=item.help, **_settings())
            for sub, command in item.commands.items():
                _add(group, sub, command, words)
            made.add_typer(group, name=name, short_help=item.help)
        else:
            _add(made, name, item, words)
    return made


def run(words: Sequence[str]) -> Any:
    """Run one command line; what the command returns, or the status of a help page.

    Raises:
        Exception: typer's own usage errors, which have a ``format_message``.
    """
    asked = {*words, *(word for line in _LINES for word in os.environ.get(line, "").split())}
    command: Any = typer.main.get_command(app(asked))
    names, rest = ["neurograph"], list(words)
    # A command is run by itself: as part of the whole its groups would convert their own options first, which takes newer typers pydantic.
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest[0]]
        names.append(rest.pop(0))
    return command.main(rest, prog_name=" ".join(names), standalone_mode=False)


def _settings() -> dict[str, Any]:
    """Help as plain text, which wraps at every width, is the same in a pipe, and takes a third of the time of typer's panels to load."""
    return {"no_args_is_help": True, "pretty_exceptions_enable": False, "rich_markup_mode": None, "context_settings": _context()}


def _context() -> dict[str, Any]:
    columns = shutil.get_terminal_size().columns
    width = {"terminal_width": max(columns - 1, 20)} if columns < 60 else {"max_content_width": 100}
    return {"help_option_names": ["-h", "--help"], **width}


def _add(group: typer.Typer, name: str, command: Command, words: Collection[str] | None) -> None:
    function = _as_typer(command.load()) if words is None or name in words else _not_loaded
    group.command(name, short_help=command.help, context_settings=_context())(function)


def _not_loaded() -> None:
    """Stand for a command that is only listed."""


def _as_typer(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function with typer's declarations for defaults."""
    original = cast(FunctionType, function)
    defaults = tuple(_declaration(original.__name__, name, item) for name, item in declared(original).items())
    made = FunctionType(original.__code__, original.__globals__, original.__name__, defaults, original.__closure__)
    made.__annotations__, made.__doc__ = original.__annotations__, original.__doc__
    return made


def _declaration(command: str, parameter: str, item: Declared) -> Any:
    names = names_of(command, parameter)

    def begun(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    more: dict[str, Any] = {"help": item.help, "autocompletion": begun if names else None}
    if item.names:
        return typer.Option(item.default, *item.names, min=item.min, max=item.max, **more)
    return typer.Argument(item.default, **more)


def _version(value: bool) -> None:
    if value:
        say_version()
        raise typer.Exit


def _options(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass
