"""reproduce and tune: tables of accuracies, and the settings that they are trained with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurograph.cli.declare import argument, option
from neurograph.cli.output import check_output, log, print_json, write_text
from neurograph.errors import InputError

__all__ = ["reproduce", "tune"]


def reproduce(
    table: str = argument(help="accuracy, ablations, ablations-paper or ablations-sghormer."),
    datasets: str | None = option(None, "--datasets", help="Names with commas between them; those of the table if not given."),
    rows: str | None = option(None, "--rows", help="Names of rows with commas between them; all if not given."),
    seeds: int | None = option(None, "--seeds", min=1, help="Runs a row; those of the dataset's protocol if not given."),
    epochs: int | None = option(None, "--epochs", min=1, help="At most a run; to try a table out."),
    data_root: Path | None = option(None, "--data-root", help="Folder that holds the raw files already; never written to."),
    into: Path = option(
        Path("reproduced"), "--into", help="Folder of the runs that are done; a table that was stopped goes on from there."
    ),
    as_json: bool = option(False, "--json", help="Print one JSON object."),
) -> None:
    """Print an accuracy table over datasets and seeds beside the published figures."""
    from neurograph import data
    from neurograph.reproduce import Store
    from neurograph.reproduce.show import as_text, measured
    from neurograph.reproduce.tables import table as find

    chosen = find(table).only(_names(rows)) if rows else find(table)
    names = _names(datasets) if datasets else chosen.datasets
    for name in names:
        data.describe(name)
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--into {into}: cannot be made ({error.strerror}); choose another folder") from None
    store, found = Store(into / "runs.jsonl"), []
    for name in names:
        found.append(measured(chosen, name, store, data_root, seeds, epochs, log))
        if not as_json:
            print(as_text(found[-1]))
    if as_json:
        print_json({"table": table, "datasets": found})


def tune(
    model: str = argument(help="Model: 'neurograph train' has the names."),
    dataset: str = option(..., "--dataset", help="'neurograph datasets list' has the names."),
    data_root: Path | None = option(None, "--data-root", help="Folder that holds the raw files already; never written to."),
    trials: int = option(50, "--trials", min=1, help="In all, those in the study included."),
    seeds: int = option(2, "--seeds", min=1, help="Runs a trial; the mean validation accuracy is what counts."),
    epochs: int | None = option(None, "--epochs", min=1, help="At most a run."),
    study: Path | None = option(None, "--study", help="SQLite file that keeps the trials; a search goes on from there."),
    output: Path = option(Path("settings.toml"), "-o", "--output", help="Settings to write, for train --config."),
    as_json: bool = option(False, "--json", help="Print one JSON object."),
) -> None:
    """Search the settings of a model on a dataset with Optuna, by validation accuracy alone."""
    check_output(output)
    if study is not None:
        check_output(study)
    from neurograph import data
    from neurograph.training.search import search, to_toml

    data.describe(dataset)
    found = search(model, dataset, data_root, trials=trials, seeds=seeds, epochs=epochs, study=study, report=log)
    write_text(to_toml(found.settings), output)
    said: dict[str, Any] = {"settings": str(output), "val_accuracy": found.val_accuracy, "trials": found.trials}
    if as_json:
        print_json(said)
        return
    print(f"validation {found.val_accuracy:.2%}, the mean of {seeds} seeds, the best of {found.trials} trials")
    print(f"settings {output}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
