"""report --sweep: points are what report says of an export, sweeps go on where they stopped, nothing odd is taken."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from neurograph import training
from neurograph.cli.main import run_command
from neurograph.data import load
from neurograph.errors import InputError
from neurograph.export.bundle import open_bundle
from neurograph.reporting import report_of
from neurograph.reporting.sweep import Row, make_plan, parse, run_sweep, write_files
from neurograph.reporting.sweep import run as running
from neurograph.reporting.sweep.row import row_of
from neurograph.reporting.sweep.work import price

KARATE = ("--sweep", "bits=2,4", "--sweep", "profile=loihi1,horowitz45")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "karate.pt"
    graph = load("karate")
    config, recipe = training.preset(graph)
    training.save(path, training.train(config, graph, 0, recipe, 10).model, graph)
    return path


@pytest.fixture(scope="module")
def bundle(model) -> Path:
    path = model.with_name("bundle")
    assert (
        run_command(["export", str(model), "--target", "loihi2", "--no-verify", "--weight-bits", "3", "--ticks", "2", "-o", str(path)]) == 0
    )
    return path


@pytest.fixture(scope="module")
def swept(model) -> Path:
    """A sweep of two networks under two profiles, by the command line and two processes."""
    folder = model.with_name("swept")
    assert run_command(["report", str(model), *KARATE, "-o", str(folder), "--jobs", "2"]) == 0
    return folder


def here(work, tasks, jobs):
    """An engine of this process, for tests of what engines are given."""
    yield from ((index, work(task)) for index, task in enumerate(tasks))


def test_a_point_is_what_report_says_of_that_export(model, bundle) -> None:
    plan = make_plan(model, parse(["bits=3", "ticks=2", "profile=loihi1-sanafe"]), ())
    (point,) = plan.points()
    (row,) = price(plan.pricing(point, list(plan.profiles), None))
    report = report_of(open_bundle(bundle), ["loihi1-sanafe"])
    weights = "trained for T = 4"
    assert row == row_of(
        {"width": 16, "seed": 0, "ticks": 2, "bits": 3, "weights": weights, "profile": "loihi1-sanafe"}, report, report["profiles"][0]
    )
    assert row.error is None and row.accuracy == report["accuracy"] and row.on_chip_j == report["profiles"][0]["on_chip_j"]["total"]


def test_a_sweep_over_a_bundle_is_its_report(bundle, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(running, "processes", here)
    plan = make_plan(bundle, parse(["profile=loihi1,loihi2"]), ())
    rows = run_sweep(plan, tmp_path / "out", 1).rows
    report = report_of(open_bundle(bundle), ["loihi1", "loihi2"])
    assert [row.energy_j for row in rows] == [p["energy_j"]["total"] for p in report["profiles"]]
    assert {(row.ticks, row.bits, row.weights) for row in rows} == {(2, 3, "as trained")}


def test_the_folder_holds_rows_tables_and_a_plot(swept) -> None:
    assert {path.name for path in swept.iterdir()} == {"rows.jsonl", "table.md", "table.csv", "pareto.svg", "pareto.png"}
    rows = [json.loads(line)["row"] for line in (swept / "rows.jsonl").read_text().splitlines()]
    assert [(row["profile"], row["bits"]) for row in rows] == [("loihi1", 2), ("loihi1", 4), ("horowitz45", 2), ("horowitz45", 4)]
    with (swept / "table.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [float(line["energy_j"]) for line in lines] == [row["energy_j"] for row in rows]
    assert (swept / "table.md").read_text().count("\n| loihi1 |") == 2
    table = (swept / "table.md").read_text()
    assert lines[2]["on_chip_j"] == "" and "★" in table
    assert "with host, µJ (low–high) |" in table and "The price of the host's multiply-adds, in the figures with host alone, is " in table
    at = next(line for line in table.splitlines() if line.startswith("| loihi1 |")).split(" | ")
    assert re.fullmatch(r"[\d.,]+ \([\d.,]+–[\d.,]+\)", at[4]), at


def test_a_sweep_that_was_cut_off_goes_on(model, swept, tmp_path, monkeypatch) -> None:
    whole = (swept / "rows.jsonl").read_text()
    lines = whole.splitlines(keepends=True)
    (tmp_path / "rows.jsonl").write_text(lines[0] + lines[3] + lines[1][:70])  # stopped while a row was written
    asked: list[object] = []

    def engine(work, tasks, jobs):
        asked.extend((task.point["bits"], list(task.profiles)) for task in tasks)
        yield from here(work, tasks, jobs)

    monkeypatch.setattr(running, "processes", engine)
    plan = make_plan(model, parse([KARATE[1], KARATE[3]]), ())
    found = run_sweep(plan, tmp_path, 1)
    assert asked == [(2, ["horowitz45"]), (4, ["loihi1"])] and found.kept == 2
    assert (tmp_path / "rows.jsonl").read_text() == whole
    asked.clear()
    assert run_sweep(plan, tmp_path, 1).kept == 4 and asked == []


def test_a_failing_point_is_a_row_and_is_tried_again(model, tmp_path, monkeypatch, capsys) -> None:
    def breaks(work, tasks, jobs):
        for index, task in enumerate(tasks):
            yield index, work(task) if task.point["bits"] == 4 else None

    monkeypatch.setattr(running, "processes", breaks)
    words = ["report", str(model), *KARATE, "-o", str(tmp_path / "out"), "--json"]
    assert run_command(words) == 1
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert said["failed"] == 2 and [row["error"] is None for row in said["rows"]] == [False, True] * 2
    assert "bits 2, loihi1: its process was killed" in err
    assert "failed: its process" in (tmp_path / "out" / "table.md").read_text()
    monkeypatch.setattr(running, "processes", here)
    assert run_command(words) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["failed"] == 0 and said["kept"] == 2
    assert len((tmp_path / "out" / "rows.jsonl").read_text().splitlines()) == 4


def test_an_error_of_the_compiler_is_the_row(model, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(running, "processes", here)
    plan = make_plan(model, parse(["profile=loihi1", "bits=8"]), ())
    model_file = Path(plan.source.path)
    content = model_file.read_bytes()
    try:
        model_file.write_bytes(content + b"\0")
        (row,) = run_sweep(plan, tmp_path / "out", 1).failures
    finally:
        model_file.write_bytes(content)
    assert row.error is not None and "is another file on this machine" in row.error and row.accuracy is None
    assert "pareto.svg" not in write_files(plan, running.Sweep([row], 0, 0), tmp_path / "out")


def test_a_folder_of_another_sweep_is_refused(model, bundle, swept, tmp_path) -> None:
    same = parse([KARATE[1]])
    with pytest.raises(InputError, match=r"holds rows of another sweep \(target loihi2, here lava\)"):
        run_sweep(make_plan(model, same, ["loihi1"], "lava"), swept, 1)
    with pytest.raises(InputError, match="holds rows of another sweep .model"):
        run_sweep(make_plan(bundle, parse(["profile=loihi1"]), ()), swept, 1)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(Exception, match="is not empty and holds no rows.jsonl"):
        run_sweep(make_plan(model, same, ["loihi1"]), tmp_path, 1)


def test_rows_that_are_not_asked_for_stay(model, swept, monkeypatch, capsys) -> None:
    monkeypatch.setattr(running, "processes", here)
    before = (swept / "rows.jsonl").read_text()
    assert run_command(["report", str(model), "--sweep", "bits=4", "--sweep", "profile=loihi1", "-o", str(swept), "--json"]) == 0
    out, err = capsys.readouterr()
    assert len(json.loads(out)["rows"]) == 1 and "3 more rows" in err
    assert sorted((swept / "rows.jsonl").read_text().splitlines()) == sorted(before.splitlines())


def test_retraining_gives_other_widths_seeds_and_ticks(model, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(running, "processes", here)
    told: list[tuple[int, int, str]] = []
    grid = parse(["width=8,32", "ticks=2", "bits=4,8", "profile=loihi1"])
    plan = make_plan(model, grid, (), retrain=True, epochs=3)
    found = run_sweep(plan, tmp_path, 1, progress=lambda *what: told.append(what))
    assert [(row.width, row.ticks, row.bits) for row in found.rows] == [(8, 2, 4), (8, 2, 8), (32, 2, 4), (32, 2, 8)]
    assert not found.failures and {row.weights for row in found.rows} == {"trained anew"}
    assert found.rows[0].neurons < found.rows[2].neurons
    files = sorted((tmp_path / "models").iterdir())
    assert len(files) == 2 and (2, 2, "models trained") in told  # rows that differ in bits alone share a model
    config = training.load(plan.training(plan.points()[2], tmp_path / "models").output).config
    assert (config.gnn_width, config.attention_width, config.ticks) == (32, 16, 2)  # attention keeps its ratio to the GNN branch


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["bit=2"], "'bit' is no key, must be width, seed, ticks, bits or profile; did you mean bits?"),
        (["colour=2"], "choose one of them"),
        (["bits"], "bits has an empty value"),
        (["bits="], "bits has an empty value"),
        (["bits=2,,4"], "bits has an empty value"),
        (["ticks=two"], "'two' is no whole number, must be at least 1"),
        (["ticks=2.5"], "no whole number"),
        (["ticks=0"], "0 is out of range, must be at least 1"),
        (["ticks=-3"], "-3 is out of range"),
        (["bits=9"], "9 is out of range, must be 2 to 8"),
        (["bits=1"], "1 is out of range, must be 2 to 8"),
        (["width=99999999999999999999999"], "out of range"),
        (["bits=2", "bits=4"], "bits is given twice"),
        (["bits=4,4"], "4 stands there 2 times"),
        (["profile=loihi1,loihi1"], "loihi1 stands there 2 times"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(texts, says) -> None:
    with pytest.raises(InputError) as caught:
        parse(texts)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["MODEL", "--sweep", "profile=loihi3", "-o", "OUT"], "profile 'loihi3'"),
        (["MODEL", "--sweep", "width=8", "-o", "OUT"], "needs models trained anew, must be given with --retrain"),
        (["MODEL", "--sweep", "seed=1", "-o", "OUT"], "--retrain"),
        (["MODEL", "--sweep", "bits=2"], "no -o is given"),
        (["MODEL", "--sweep", "bits=2", "--profile", "loihi1", "--profile", "loihi1", "-o", "OUT"], "profile loihi1: is given twice"),
        (["MODEL", "--sweep", "bits=2", "-o", "OUT", "--engine", "ray"], "must be processes or dask"),
        (["MODEL", "--sweep", "bits=2", "-o", "OUT", "--scheduler", "tcp://x:1"], "is for --engine dask only"),
        (["MODEL", "--sweep", "bits=2", "-o", "OUT", "--target", "loihi9"], "target 'loihi9'"),
        (["MODEL", "--sweep", "bits=2", "-o", "OUT", "--target", "onnx"], "choose a chip"),
        (["MODEL", "--sweep", "bits=2", "-o", "OUT", "--epochs", "3"], "is for --retrain only"),
        (["MODEL", "--sweep", "profile=loihi1", "--profile", "loihi2", "-o", "OUT"], "are both given"),
        (["BUNDLE", "--sweep", "bits=2", "-o", "OUT"], "is a bundle, must be a checkpoint (.pt) for that"),
        (["BUNDLE", "--sweep", "profile=loihi1", "--retrain", "-o", "OUT"], "--retrain"),
        (["BUNDLE", "--sweep", "profile=loihi1", "--measure", "-o", "OUT"], "--measure: is for a report of one bundle"),
        (["BUNDLE", "--jobs", "2"], "--jobs: is for --sweep only"),
        (["nothing.pt", "--sweep", "bits=2", "-o", "OUT"], "does not exist"),
        (["MODEL", "--sweep", "bits=2", "-o", "MODEL"], "is a file, must be a folder"),
    ],
)
def test_what_cannot_be_swept_is_refused_before_anything_runs(words, says, model, bundle, tmp_path, capsys) -> None:
    names = {"MODEL": model, "BUNDLE": bundle, "OUT": tmp_path / "out"}
    capsys.readouterr()
    assert run_command(["report", *(str(names.get(word, word)) for word in words)]) == 2
    out, err = capsys.readouterr()
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert out == "" and len(errors) == 1 and says in errors[0], err
    assert not (tmp_path / "out").exists()


def test_every_field_of_a_row_is_plain(swept) -> None:
    for line in (swept / "rows.jsonl").read_text().splitlines():
        row = Row(**json.loads(line)["row"])
        assert row.error is None and row.neurons and row.spikes and row.synaptic_events
        low, high = row.cost_range_j
        assert low is not None and high is not None and low <= row.cost_j <= high
