"""Printing: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from neurograph.errors import InputError
from neurograph.files import write_file

__all__ = ["check_output", "comparison_line", "log", "print_json", "write_text"]


def log(message: str) -> None:
    """A line of progress, to stderr."""
    print(message, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """One JSON object to stdout."""
    print(json.dumps(value, indent=1, default=float))


def comparison_line(comparison: Any) -> str:
    """One line for a person: which engines, how much was compared, what differed."""
    c = comparison
    values = f", {c.compared_voltages:,} values of u and v" if c.compared_voltages else ""
    line = f"{c.a} = {c.b}: {c.populations} populations, {c.compared:,} spike slots{values}: {c.mismatched_spikes} spikes"
    line += f" and {c.mismatched_voltages} values differ" if c.compared_voltages else " differ"
    if c.ties:
        line += f"; {c.ties} ties, {c.skipped:,} slots behind them not compared"
    return f"{'ok  ' if c.ok else 'FAIL'} {line}" + (f"; first: {c.first_mismatch}" if c.first_mismatch else "")


def check_output(path: Path) -> None:
    """Refuse an output file before the work is done that it is for.

    Raises:
        InputError: its folder does not exist, or it is a folder itself.
    """
    if path.is_dir():
        raise InputError(f"output {path}: is a folder, must be a file; choose another -o")
    if not path.parent.is_dir():
        raise InputError(f"output {path}: the folder {path.parent} does not exist; make it or choose another -o")


def write_text(text: str, path: Path) -> None:
    """Write a text file atomically.

    Raises:
        InputError: it cannot be written.
    """
    write_file(path, text.encode())
