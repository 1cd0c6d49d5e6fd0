"""report --sweep: a table and a Pareto plot over ticks, bits, widths, seeds and profiles."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from neurograph.cli.output import log, print_json
from neurograph.errors import InputError

__all__ = ["sweep_report"]


def sweep_report(
    path: Path,
    texts: Sequence[str],
    profiles: Sequence[str],
    default_profiles: Sequence[str],
    output: Path | None,
    *,
    jobs: int | None,
    engine: str | None,
    scheduler: str | None,
    target: str | None,
    retrain: bool,
    epochs: int | None,
    as_json: bool,
) -> int:
    """Run what a sweep lacks, write its files, print its table; 1 where a point failed."""
    if output is None:
        raise InputError("--sweep: no -o is given, must be a folder for the rows, the table and the plot; name one")
    if not path.exists():
        raise InputError(f"{path}: does not exist, must be a checkpoint (.pt) or a bundle; 'neurograph train' and 'export' write them")
    from neurograph.reporting.sweep.grid import parse

    grid = parse(texts)
    if grid.profiles and list(profiles) != list(default_profiles):
        raise InputError("--profile and --sweep profile: are both given, must be one of them; put all profiles behind --sweep profile=")
    _check_engine(engine, scheduler)
    from neurograph.reporting.sweep import make_plan, run_sweep, write_files

    plan = make_plan(path, grid, profiles, target, retrain=retrain, epochs=epochs)
    with _Bar() as bar:
        found = run_sweep(plan, output, jobs or os.cpu_count() or 1, engine or "processes", scheduler, progress=bar.tell)
    files = write_files(plan, found, output)
    if found.others:
        log(f"{found.others} more rows in {output} are of points that are not asked for now; they stay there and out of the table")
    for row in found.failures:
        log(f"failed: width {row.width}, seed {row.seed}, ticks {row.ticks}, bits {row.bits}, {row.profile}: {row.error}")
    if as_json:
        from neurograph.reporting.sweep import front_of

        rows = [{**asdict(row), "front": on} for row, on in zip(found.rows, front_of(found.rows), strict=True)]
        counts = {"points": len(rows), "kept": found.kept, "failed": len(found.failures)}
        print_json({"folder": str(output), "files": ["rows.jsonl", *files], **counts, "rows": rows})
    else:
        _print_table(plan, found)
        log(f"sweep {output}: {', '.join(['rows.jsonl', *files])}; {found.kept} of {len(found.rows)} points were there before")
    return 1 if found.failures else 0


def _check_engine(engine: str | None, scheduler: str | None) -> None:
    from neurograph.reporting.sweep.engines import ENGINES

    if engine is not None and engine not in ENGINES:
        raise InputError(f"--engine {engine!r}: does not exist, must be {' or '.join(ENGINES)}; choose one")
    if scheduler is not None and engine != "dask":
        raise InputError(f"--scheduler {scheduler}: is for --engine dask only; give that too, or leave --scheduler out")


class _Bar:
    """A progress bar on stderr."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        console = Console(file=sys.stderr)
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def tell(self, done: int, total: int, what: str) -> None:
        """So much of so much is done."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done, total=total)


def _print_table(plan: Any, found: Any) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from neurograph.reporting.sweep.table import about, heads_and_cells

    heads, cells = heads_and_cells(plan, found.rows)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for head in heads:
        table.add_column(head, justify="left" if head in ("profile", "weights", "note") else "right", overflow="fold")
    for line in cells:
        table.add_row(*line)
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 200)
    console.print(table)
    for said in about(plan, found.rows):
        console.print(said, soft_wrap=not sys.stdout.isatty())
