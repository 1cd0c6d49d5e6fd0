"""Start and end of every command: options for all of them, errors to one line, the exit status."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import Any

from neurograph import stopping
from neurograph.cli.plain import plain_call
from neurograph.cli.postpone import postpone
from neurograph.cli.streams import prepare
from neurograph.errors import NeurographError
from neurograph.plain_text import printable

__all__ = ["main", "run_command"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    prepare()
    postpone()
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        stopping.by_exception()
        status = run_command(words)
        stopping.at_once()
    except KeyboardInterrupt as error:  # in the moment before or after
        status = _stopped(error)
        stopping.at_once()
    if "torch" not in sys.modules:  # with torch comes triton, whose binding lists on stderr whatever the interpreter leaves behind
        gc.freeze()  # all memory goes back at once: without it the interpreter looks through every object for cycles before it ends
    sys.exit(status)


def run_command(arguments: list[str]) -> int:
    """Run one command line and return its exit status; whatever goes wrong is one line on stderr."""
    debug = "--debug" in arguments
    words = [a for a in arguments if a != "--debug"]
    # Of several processes the first one speaks; it knows what went wrong in the others.
    silent = "--sharded" in arguments and os.environ.get("RANK", "0") != "0"
    try:
        call = plain_call(words)
        result = _with_typer(words) if call is None else call()
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except Exception as error:
        if stopping.asked() is not None:  # a library made another exception of it
            return _stopped(error, silent)
        return _ended(error, arguments, debug, silent)
    except KeyboardInterrupt as error:
        return _stopped(error, silent)


def _ended(error: Exception, arguments: list[str], debug: bool, silent: bool) -> int:
    """Say what a command ended with; the exit status."""
    if isinstance(error, NeurographError):
        return _failed(str(error), debug, silent)
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, MemoryError):
        return _failed("out of memory: use a smaller graph, --max-memory, or a machine with more", debug, silent)
    if isinstance(error, OSError):
        return _failed(f"{error.filename or 'file'}: {error.strerror or error}; choose another path or make room", debug, silent)
    if hasattr(error, "format_message"):  # a usage error of the parser
        message = str(error.format_message())
        if type(error).__name__ == "NoArgsIsHelpError":  # no arguments at all: the message is the help
            print(message, file=sys.stderr)
            return 2
        where = getattr(getattr(error, "ctx", None), "command_path", "neurograph")
        return _failed(f"{_with_value(message, arguments)} ('{where} --help' lists what there is)", debug, silent)
    if type(error).__name__ == "Abort":  # what the parser makes of an interrupt
        return _stopped(error, silent)
    raise error


def _stopped(error: BaseException, silent: bool = False) -> int:
    """Say that a command was stopped; the exit status."""
    stopped = error if isinstance(error, stopping.Stopped) else stopping.asked() or stopping.Stopped()
    if not silent:
        print(stopped.word, file=sys.stderr, flush=True)
    # Frames that were left in a moment in which nobody had their files in hand yet end with the last word of them, and put all in order.
    stopped.__traceback__ = error.__traceback__ = error.__context__ = None
    return stopped.status


def _with_typer(words: list[str]) -> Any:
    from neurograph.cli import full

    return full.run([*words[1:], "--help"] if words[:1] == ["help"] else words)


def _with_value(message: str, arguments: list[str]) -> str:
    """The parser's message with the value that was given, which it leaves out for numbers."""
    import re
    from itertools import pairwise

    option = re.search(r"Invalid value for '[^']*?(--[\w-]+)'", message)
    if option is None:
        return message
    given = dict(argument.split("=", 1) for argument in arguments if "=" in argument) | dict(pairwise(arguments))
    value = given.get(option[1])
    return (
        message
        if value is None or re.search(rf"(?<![\w.]){re.escape(value)}(?![\w.])", message)
        else message.replace(": ", f": {value}: ", 1)
    )


def _failed(message: str, debug: bool, silent: bool = False) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    if silent:
        return 2
    print(f"error: {printable(' '.join(message.split()))}", file=sys.stderr)
    return 2
