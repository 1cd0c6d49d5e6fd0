"""reproduce: every row of every table runs, runs are kept, and figures are those of a run by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurograph.data import load, names
from neurograph.errors import InputError
from neurograph.models import BASELINE_NAMES
from neurograph.models.baselines import BASELINES
from neurograph.reproduce import TABLES, Run, Store, published, run
from neurograph.reproduce.run import identity
from neurograph.reproduce.show import as_text, measured
from neurograph.reproduce.tables import table
from neurograph.training import preset, train

EVERY = [(name, row) for name, found in TABLES.items() for row in found.rows]


@pytest.mark.parametrize(("name", "row"), EVERY, ids=[f"{name}: {row.name}" for name, row in EVERY])
def test_every_row_of_every_table_runs(name: str, row: object) -> None:
    found = run(row, "karate", 0, epochs=2)
    assert found.epochs == 2 and 0 <= found.test_accuracy <= 1
    assert (found.fixed_accuracy is not None) == row.fixed


def test_a_run_is_that_of_train() -> None:
    row = TABLES["ablations"].rows[0]
    config, recipe = preset(load("karate"))
    by_hand = train(config, load("karate"), 3, recipe, 30)
    found = run(row, "karate", 3, epochs=30)
    assert (found.val_accuracy, found.test_accuracy, found.mask_alive) == (by_hand.val_accuracy, by_hand.test_accuracy, by_hand.mask_alive)


def test_a_table_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    chosen, lines = TABLES["ablations"].only(("GNN only", "without consistency")), []
    path = tmp_path / "runs.jsonl"
    first = measured(chosen, "karate", Store(path), seeds=2, epochs=3, report=lines.append)
    assert len(lines) == 4
    whole = path.read_text()
    path.write_text(whole[: whole.rfind("{")] + '{"identity": {"row"')  # cut off while the last run was written
    again = measured(chosen, "karate", Store(path), seeds=2, epochs=3, report=lines.append)
    assert len(lines) == 5 and lines[-1].startswith("karate, without consistency, seed 1")
    tests = [[r["test_accuracy"] for r in row["runs"]] for found in (first, again) for row in found["rows"]]
    assert tests[:2] == tests[2:]
    assert [json.loads(line)["identity"]["seed"] for line in path.read_text().splitlines()] == [0, 1, 0, 1]


def test_other_settings_are_another_run() -> None:
    rows = TABLES["ablations"].rows
    keys = {
        json.dumps(identity(row, dataset, seed, epochs))
        for row in rows
        for dataset in ("cora", "karate")
        for seed in (0, 1)
        for epochs in (None, 5)
    }
    assert len(keys) == 8 * len(rows)
    assert identity(rows[0], "cora", 0, None) != identity(replace(rows[0], recipe={"learning_rate": 0.02}), "cora", 0, None)


def test_figures_of_the_table_are_means_over_the_runs(tmp_path: Path) -> None:
    store, row = Store(tmp_path / "runs.jsonl"), TABLES["ablations"].rows[0]
    for seed, (test, fixed) in enumerate([(0.80, 0.79), (0.84, 0.84)]):
        store.add(identity(row, "cora", seed, None), Run(0.8, test, 9, 1.0, fixed_accuracy=fixed))
    found = measured(TABLES["ablations"].only((row.name,)), "cora", store, seeds=2)
    (only,) = found["rows"]
    assert only["test"] == {"mean": pytest.approx(82.0), "std": pytest.approx(np.std([80, 84], ddof=1))}
    text = as_text(found)
    assert "82.00 ± 2.83" in text and "81.50 ± 3.54" in text and "-0.50 ± 0.71" in text
    assert "62.86" in text and "arXiv 2404.17048" in text, "the one published figure in integers"


def test_published_figures_have_sources() -> None:
    for dataset in ("cora", "citeseer", "computers", "cs", "actor", "squirrel"):
        assert published(dataset) and dataset in names()
        assert all(figure.source and figure.protocol and 0 < figure.mean < 100 for figure in published(dataset))


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="table 'speed': there is none of that name; choose from accuracy"):
        table("speed")
    with pytest.raises(InputError, match="row 'gps': the table has none of that name; choose from spikegraphormer"):
        TABLES["accuracy"].only(("gps",))
    (tmp_path / "runs.jsonl").write_text("hello\n")
    with pytest.raises(InputError, match="line 1 is no run"):
        Store(tmp_path / "runs.jsonl")


def test_baselines_are_listed_once_more_without_importing_them() -> None:
    assert tuple(BASELINES) == BASELINE_NAMES


def test_rows_can_be_named_with_commas_between_them() -> None:
    assert not [row.name for _, row in EVERY if "," in row.name or row.name != row.name.strip()]
