"""Start and end of every command: options for all of them, errors to one line, the exit status."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Sequence
from itertools import pairwise

import typer

from neurograph.cli import catalogue, chips, demo, export, inspect, run, train
from neurograph.errors import NeurographError

__all__ = ["app", "main"]

app = typer.Typer(
    name="neurograph",
    help="Carry spiking graph networks from Norse and PyTorch to Lava, check every spike, report the energy.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (train, export, run, chips, inspect, catalogue, demo):
    module.register(app)


def _version(value: bool) -> None:
    if value:
        from importlib import metadata

        print(f"neurograph {metadata.version('neurograph')}")
        raise typer.Exit


@app.callback()
def _options(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(run_command(list(sys.argv[1:] if arguments is None else arguments)))


def run_command(arguments: list[str]) -> int:
    """Run one command line and return its exit status; whatever goes wrong is one line on stderr."""
    debug = "--debug" in arguments
    # Of several processes the first one speaks; it knows what went wrong in the others.
    silent = "--sharded" in arguments and os.environ.get("RANK", "0") != "0"
    command = typer.main.get_command(app)
    try:
        # --debug may stand anywhere: it is about the whole command.
        result = command.main(["--debug"] * debug + [a for a in arguments if a != "--debug"], prog_name="neurograph", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except NeurographError as error:
        return _failed(str(error), debug, silent)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _failed("out of memory: use a smaller graph or a machine with more", debug, silent)
    except OSError as error:
        return _failed(f"{error.filename or 'file'}: {error.strerror or error}; choose another path or make room", debug, silent)
    except Exception as error:
        if hasattr(error, "format_message"):  # a usage error of the parser
            message = str(error.format_message())
            if not message and hasattr(error, "ctx"):  # no arguments at all: the help was printed
                return 2
            return _failed(f"{_with_value(message, arguments)} ('neurograph --help' lists commands and options)", debug, silent)
        if type(error).__name__ == "Abort":
            print("interrupted", file=sys.stderr)
            return 130
        raise


def _with_value(message: str, arguments: list[str]) -> str:
    """The parser's message with the value that was given, which it leaves out for numbers."""
    option = re.search(r"Invalid value for '[^']*?(--[\w-]+)'", message)
    if option is None:
        return message
    given = dict(argument.split("=", 1) for argument in arguments if "=" in argument) | dict(pairwise(arguments))
    value = given.get(option[1])
    return message if value is None or value in message else message.replace(": ", f": {value}: ", 1)


def _failed(message: str, debug: bool, silent: bool = False) -> int:
    if debug:
        traceback.print_exc()
    if silent:
        return 2
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return 2
