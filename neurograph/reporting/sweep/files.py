"""The files of a sweep beside its rows."""

from __future__ import annotations

from pathlib import Path

from neurograph.files import write_file
from neurograph.reporting.sweep.plan import Plan
from neurograph.reporting.sweep.run import Sweep
from neurograph.reporting.sweep.table import to_csv, to_markdown

__all__ = ["write_files"]


def write_files(plan: Plan, found: Sweep, folder: Path) -> list[str]:
    """Write table.md, table.csv, and pareto.svg and pareto.png where there is something to draw; their names.

    A picture of earlier rows that these rows do not give is removed.

    Raises:
        InputError: a file that cannot be written.
    """
    from neurograph.reporting.sweep.plot import pareto  # brings matplotlib, which workers do without

    files = {"table.md": to_markdown(plan, found.rows).encode(), "table.csv": to_csv(found.rows).encode()}
    pictures = pareto(found.rows, plan.grid.keys, f"{plan.source.about}, target {plan.target}") or {}
    files |= {f"pareto.{form}": content for form, content in pictures.items()}
    for name, content in files.items():
        write_file(folder / name, content)
    for name in ("pareto.svg", "pareto.png"):
        if name not in files:
            (folder / name).unlink(missing_ok=True)
    return list(files)
