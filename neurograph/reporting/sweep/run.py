"""A sweep from plan to rows: what is there is kept, the rest is made, each row is written as it comes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurograph.errors import InputError
from neurograph.files import cannot_write, refuse_foreign
from neurograph.kept_lines import KeptLines
from neurograph.reporting.sweep.engines import LOST, dask, processes
from neurograph.reporting.sweep.plan import Plan
from neurograph.reporting.sweep.row import Row
from neurograph.reporting.sweep.work import SCRATCH, Pricing, failed, price, train_one
from neurograph.siblings import clear

__all__ = ["ROWS", "Sweep", "run_sweep"]

ROWS = "rows.jsonl"
Engine = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[tuple[int, Any]]]


@dataclass(frozen=True)
class Sweep:
    """What a sweep gave.

    Args:
        rows: in the order of the grid.
        kept: how many of them were in the folder before.
        others: rows of the folder that this grid does not ask for.
    """

    rows: list[Row]
    kept: int
    others: int

    @property
    def failures(self) -> list[Row]:
        """Rows that hold an error."""
        return [row for row in self.rows if row.error is not None]


@contextmanager
def _scratch_cleared() -> Iterator[None]:
    """Workers that were ended had no time to remove what they were making."""
    try:
        yield
    finally:
        clear(Path(tempfile.gettempdir()), SCRATCH)


@_scratch_cleared()
def run_sweep(
    plan: Plan,
    folder: Path,
    jobs: int,
    engine: str = "processes",
    scheduler: str | None = None,
    *,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> Sweep:
    """Make the rows of a plan that ``folder/rows.jsonl`` does not hold yet, or holds with an error.

    Args:
        jobs: workers on this machine.
        engine: "processes" or "dask". scheduler: address of a Dask scheduler; workers on this machine if None.
        progress: is told how much is done of how much, and of what ("models trained" or "points").

    Raises:
        InputError: the folder holds another sweep or something else, or cannot be written; the engine cannot be had.
    """
    store = _opened(plan, folder)
    run: Engine = (lambda work, tasks: dask(work, tasks, jobs, scheduler)) if engine == "dask" else (lambda w, t: processes(w, t, jobs))
    wanted = plan.identities()
    kept = sum(_done(store, identity) for identity in wanted)
    missing = _missing(plan, store)
    models, unfit = _trained(plan, [point for point, _ in missing], folder, run, progress)
    count = kept
    progress(count, len(wanted), "points")
    for point, profiles in missing:
        why = unfit.get(_key(point))
        if why is not None:
            _keep(plan, store, point, profiles, failed(plan.pricing(point, profiles, None), why))
            count += len(profiles)
    tasks: list[tuple[dict[str, Any], Pricing]] = []
    for point, profiles in missing:
        if _key(point) not in unfit:
            for part in _parts(profiles, -(-jobs // len(missing))):
                tasks.append((point, plan.pricing(point, part, models.get(_key(point)))))
    progress(count, len(wanted), "points")
    for index, rows in run(price, [task for _, task in tasks]) if tasks else ():
        point, task = tasks[index]
        _keep(plan, store, point, list(task.profiles), rows if rows is not None else failed(task, LOST))
        count += len(task.profiles)
        progress(count, len(wanted), "points")
    store.sort(wanted)
    found = [row for row in map(store.find, wanted) if row is not None]
    return Sweep(found, kept, len(store.identities) - len(found))


def _opened(plan: Plan, folder: Path) -> KeptLines[Row]:
    refuse_foreign(folder, ROWS)
    store = KeptLines(folder / ROWS, Row, "row", "neurograph report --sweep")
    for held in store.identities:
        for key, value in plan.common.items():
            if held.get(key) != value:
                raise InputError(
                    f"output {folder}: holds rows of another sweep ({key} {_short(held.get(key))}, here {_short(value)}), must be one "
                    "that this sweep began; choose another -o"
                )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ROWS).touch()
    except OSError as error:
        raise cannot_write(f"output {folder}", error, InputError) from None
    return store


def _short(value: Any) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) == 64 else text


def _done(store: KeptLines[Row], identity: dict[str, Any]) -> bool:
    row = store.find(identity)
    return row is not None and row.error is None


def _missing(plan: Plan, store: KeptLines[Row]) -> list[tuple[dict[str, Any], list[str]]]:
    """Points with the profiles of which a row is to be made."""
    found = [(point, [p for p in plan.profiles if not _done(store, plan.identity(point, p))]) for point in plan.points()]
    return [(point, profiles) for point, profiles in found if profiles]


def _trained(
    plan: Plan, points: Sequence[dict[str, Any]], folder: Path, run: Engine, progress: Callable[[int, int, str], None]
) -> tuple[dict[Any, str], dict[Any, str]]:
    """Model file, or why there is none, of each point; both empty where nothing is trained anew."""
    if not plan.retrain or not points:
        return {}, {}
    (folder / "models").mkdir(exist_ok=True)
    needed = {_key(point): plan.training(point, folder / "models") for point in points}
    tasks = list({task.output: task for task in needed.values()}.values())  # points that differ in bits alone share a model
    unfit: dict[str, str] = {}
    progress(0, len(tasks), "models trained")
    for done, (index, said) in enumerate(run(train_one, tasks), 1):
        output = tasks[index].output
        if said or said is None:
            unfit[output] = said or LOST
        elif not Path(output).is_file():
            unfit[output] = f"{output}: was written on another machine; put -o on a disk that all workers see, at this path"
        progress(done, len(tasks), "models trained")
    models = {key: task.output for key, task in needed.items()}
    return models, {key: unfit[output] for key, output in models.items() if output in unfit}


def _keep(plan: Plan, store: KeptLines[Row], point: dict[str, Any], profiles: Sequence[str], rows: Sequence[Row]) -> None:
    for profile, row in zip(profiles, rows, strict=True):
        store.add(plan.identity(point, profile), row)


def _parts(profiles: Sequence[str], parts: int) -> list[list[str]]:
    """Where there are more workers than networks, the profiles of a network are priced side by side."""
    size = -(-len(profiles) // parts)
    return [list(profiles[i : i + size]) for i in range(0, len(profiles), size)]


def _key(point: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(point.values())
