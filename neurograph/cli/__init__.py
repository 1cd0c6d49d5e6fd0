"""The command line: `neurograph COMMAND`. Thin: parse, call one function, print.

stdout carries the result (with --json, one JSON object and nothing else), stderr progress and logs. Exit status: 0 good, 1 a check failed,
2 bad input or usage, in one line without a traceback (--debug shows it), 130 interrupted.
"""

from neurograph.cli.main import main

__all__ = ["main"]
