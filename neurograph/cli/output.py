"""Printing: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neurograph.cli.declare import option
from neurograph.errors import InputError
from neurograph.files import refuse_special, write_file
from neurograph.plain_text import printable

__all__ = [
    "JSON",
    "check_output",
    "command_name",
    "comparison_line",
    "log",
    "print_fields",
    "print_json",
    "print_spikes",
    "say",
    "say_nothing_spiked",
    "say_rounding",
    "say_silence",
    "write_text",
]

JSON: bool = option(False, "--json", help="Print one JSON object.")


def command_name() -> str:
    """How this program is called from where the user stands: its name if a shell finds it by that, else the path of its script."""
    import shutil

    own = Path(sys.executable).with_name("neurograph")
    found = shutil.which("neurograph")
    if found is not None and Path(found).resolve() == own.resolve():
        return "neurograph"
    if not own.exists():
        return f"{sys.executable} -m neurograph"
    return str(own.relative_to(Path.cwd()) if own.is_relative_to(Path.cwd()) else own)


def log(message: str) -> None:
    """A line of progress, to stderr."""
    print(printable(message), file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """One JSON object to stdout."""
    print(json.dumps(value, indent=1, default=float))


def say(text: str) -> None:
    """A line, or lines, of the result: whatever stands in names, a terminal obeys none of it."""
    print(printable(text), flush=True)


def say_silence(populations: Mapping[str, Any], silent: Sequence[str], *, compared: bool = True) -> None:
    """Warn of populations that never spiked, to stderr."""
    if silent:
        from neurograph.silence import silence_warnings

        for warning in silence_warnings(populations, silent, compared=compared):
            log(f"warning: {warning}")


def say_nothing_spiked(populations: Mapping[str, Any], counts: Mapping[str, int]) -> bool:
    """Warn where no neuron spiked at all, and say whether that is so."""
    from neurograph.silence import nothing_spiked, silent_populations

    nothing = nothing_spiked(populations, counts)
    if nothing:
        say_silence(populations, silent_populations(populations, counts), compared=False)
    return nothing


def say_rounding(bits: int, mismatch: Mapping[str, float]) -> None:
    """How far integers are from floats: share of spike slots that differ, by population. One sample says little of others."""
    worst = max(mismatch, key=mismatch.__getitem__)
    share = f"at most {mismatch[worst]:.2%} of the spikes of a population differ ({worst!r})"
    log(f"float against fixed, {bits}-bit weights, this sample: {share}")


def print_fields(found: dict[str, Any]) -> None:
    """A dict for a person: lists of dicts as tables, the rest line by line."""
    for key, value in found.items():
        if isinstance(value, dict):
            say(f"{key}:")
            for name, item in value.items():
                if isinstance(item, list) and item and isinstance(item[0], dict):
                    _print_table(f"  {name}", item)
                else:
                    say(f"  {name}: {_plain(item)}")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            _print_table(key, value)
        elif isinstance(value, list):
            say(f"{key}:")
            for item in value:
                say(f"  {item}")
        else:
            say(f"{key}: {_plain(value)}")


def _plain(value: Any) -> str:
    """A value in a line: no brackets, no quotes, six digits."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return "; ".join(map(_plain, value)) or "none"
    return "none" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _print_table(title: str, rows: list[dict[str, Any]]) -> None:
    columns = list(rows[0])
    cells = [[f"{v:,}" if isinstance(v, int) else "" if v is None else str(v) for v in row.values()] for row in rows]
    widths = [max(len(c), *(len(row[i]) for row in cells)) for i, c in enumerate(columns)]
    right = [isinstance(v, int) for v in rows[0].values()]
    say(f"{title}:")
    for row in [columns, *cells]:
        say("  " + "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)).rstrip())


def print_spikes(result: dict[str, Any]) -> None:
    """How often each population spiked in a run, and in what run."""
    for name, count in result["spikes"].items():
        say(f"{count:>12,}  {name}")
    say(
        f"{sum(result['spikes'].values()):>12,}  spikes in {result['samples']} inference(s) of {result['ticks']} ticks, "
        f"engine {result['engine']}, {result['wall_s']:.2f} s"
    )


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
        InputError: its folder does not exist or cannot be written to, or it is a folder, a device or a pipe itself.
    """
    if path.is_dir():
        raise InputError(f"output {path}: is a folder, must be a file; choose another -o")
    refuse_special(path)
    if not path.parent.is_dir():
        raise InputError(f"output {path}: the folder {path.parent} does not exist; make it or choose another -o")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"output {path}: the folder {path.parent} cannot be written to; choose another -o")


def write_text(text: str, path: Path) -> None:
    """Write a text file atomically.

    Raises:
        InputError: it cannot be written.
    """
    write_file(path, text.encode())
