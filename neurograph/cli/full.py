"""The command line as typer has it: help, completion, and every line that is not plain or is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, cast

import typer

from neurograph.cli.commands import COMMANDS, Group
from neurograph.cli.declare import declared

__all__ = ["app", "run"]

_HELP = {"help_option_names": ["-h", "--help"]}


def app() -> typer.Typer:
    """All commands with their options."""
    made = typer.Typer(
        name="neurograph",
        help="Carry spiking graph networks from Norse and PyTorch to Lava, check every spike, report the energy.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings=_HELP,
    )
    made.callback()(_options)
    for name, item in COMMANDS.items():
        if isinstance(item, Group):
            made.add_typer(_group(item), name=name)
        else:
            made.command(name)(_as_typer(item.load()))
    return made


def run(words: Sequence[str], *, debug: bool) -> Any:
    """Run one command line; what the command returns, or the status of a help page.

    Raises:
        Exception: typer's own usage errors, which have a ``format_message``.
    """
    # --debug may stand anywhere: it is about the whole command.
    return typer.main.get_command(app()).main(["--debug"] * debug + list(words), prog_name="neurograph", standalone_mode=False)


def _group(group: Group) -> typer.Typer:
    made = typer.Typer(help=group.help, no_args_is_help=True, context_settings=_HELP)
    for name, command in group.commands.items():
        made.command(name)(_as_typer(command.load()))
    return made


def _as_typer(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function with typer's declarations for defaults."""
    original = cast(FunctionType, function)
    defaults = []
    for item in declared(original).values():
        if item.names:
            defaults.append(typer.Option(item.default, *item.names, help=item.help, min=item.min, max=item.max))
        else:
            defaults.append(typer.Argument(item.default, help=item.help))
    made = FunctionType(original.__code__, original.__globals__, original.__name__, tuple(defaults), original.__closure__)
    made.__annotations__, made.__doc__ = original.__annotations__, original.__doc__
    return made


def _version(value: bool) -> None:
    if value:
        from importlib import metadata

        print(f"neurograph {metadata.version('neurograph')}")
        raise typer.Exit


def _options(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass
