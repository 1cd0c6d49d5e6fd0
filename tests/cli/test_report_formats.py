"""`neurograph report` in every format, of one bundle and of several."""

import csv
import io
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from calling import call, refused
from latex_runs import skip_without, typeset

from neurograph.cli.main import run_command
from neurograph.cli.report import FORMATS as NAMED
from neurograph.cli.report import OF_SEVERAL
from neurograph.errors import InputError
from neurograph.files import write_file
from neurograph.hw_profiles.report import COMPARISONS, FORMATS
from neurograph.hw_profiles.report.latex import document


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """A small bundle, and the same at other ticks."""
    folder = tmp_path_factory.mktemp("formats")
    assert run_command(["train", "spikegraphormer", "--epochs", "8", "-o", str(folder / "model.pt")]) == 0
    for name, ticks in (("four", "4"), ("two", "2")):
        arguments = ["--target", "loihi2", "--ticks", ticks, "-o", str(folder / name), "--no-verify"]
        assert run_command(["export", str(folder / "model.pt"), *arguments]) == 0
    return folder


def test_the_command_names_the_formats_that_there_are():
    assert set(NAMED) == {*FORMATS, "schema"} and set(OF_SEVERAL) == set(COMPARISONS)


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_every_format_is_printed_and_written(capsys, bundles, tmp_path, form):
    status, out, _ = call(capsys, "report", bundles / "four", "--format", form)
    assert status == 0 and out.endswith("\n")
    assert call(capsys, "report", bundles / "four", "--format", form, "-o", tmp_path / "report")[:2] == (0, "")
    assert (tmp_path / "report").read_bytes() == out.encode()


def test_the_schema_needs_no_bundle_and_is_followed(capsys, bundles):
    status, schema, _ = call(capsys, "report", "--format", "schema")
    assert status == 0
    report = json.loads(call(capsys, "report", bundles / "four", "--json")[1])
    jsonschema.Draft202012Validator(json.loads(schema)).validate(report)
    assert report["figures"]


def test_csv_holds_the_figures_of_the_json(capsys, bundles):
    report = json.loads(call(capsys, "report", bundles / "four", "--json")[1])
    rows = list(csv.DictReader(io.StringIO(call(capsys, "report", bundles / "four", "--format", "csv")[1], newline="")))
    energy = {
        row["profile"]: float(row["value"])
        for row in rows
        if row["section"] == "profiles" and row["quantity"] == "energy_j" and not row["item"]
    }
    assert energy == {p["name"]: p["energy_j"]["total"] for p in report["profiles"]}
    events = [int(row["value"]) for row in rows if row["section"] == "per_sample" and row["quantity"] == "synaptic_events"]
    assert events == report["per_sample"]["synaptic_events"]


def test_a_trained_network_is_typeset_within_the_page(capsys, bundles, tmp_path):
    skip_without("pdflatex", "bibtex", "pdftotext")
    texts = [call(capsys, "report", bundles / "four", "--format", form)[1] for form in ("latex", "bibtex")]
    made = typeset(tmp_path, document(texts[0]), texts[1])
    assert made.overfull_pt < 5 and "undefined" not in made.log and "Float too large" not in made.log
    counts = json.loads(call(capsys, "report", bundles / "four", "--json")[1])["counts"]
    for name in ("synaptic_events", "neuron_updates", "messages"):
        assert f"{counts[name]:,}" in made.text


def test_several_bundles_are_compared(capsys, bundles):
    status, out, _ = call(capsys, "report", bundles / "four", bundles / "two", "--profile", "loihi1", "--json")
    found = json.loads(out)
    assert status == 0 and [b["name"] for b in found["bundles"]] == ["four", "two"]
    assert "ticks differ: four 4, two 2" in found["differences"]
    alone = json.loads(call(capsys, "report", bundles / "two", "--profile", "loihi1", "--json")[1])
    assert found["bundles"][1]["profiles"]["loihi1"]["energy_j"]["total"] == alone["profiles"][0]["energy_j"]["total"]
    for form in OF_SEVERAL:
        status, out, _ = call(capsys, "report", bundles / "four", bundles / "two", "--profile", "loihi1", "--format", form)
        assert status == 0 and "two" in out


def test_bad_input(capsys, bundles, tmp_path):
    four = bundles / "four"
    refused(capsys, "report", four, "--format", "latx", says=["'latx'", "one of md, json, html, csv, latex", "did you mean latex?"])
    refused(capsys, "report", says=["no bundle given", "neurograph export"])
    refused(capsys, "report", four, bundles / "two" / ".." / "four", says=["is the same folder as", "give each bundle once"])
    refused(capsys, "report", four, bundles / "model.pt", says=["model.pt: is a file, must be a folder"])
    refused(capsys, "report", four, bundles / "gone", says=["gone: does not exist"])
    refused(capsys, "report", four, tmp_path, says=str(tmp_path))
    refused(capsys, "report", four, bundles / "two", "--format", "paper", says=["paper: is of one bundle, 2 were given"])
    refused(capsys, "report", four, bundles / "two", "--measure", says="--measure: is for a report of one bundle, 2 were given")


def test_options_that_contradict_each_other_are_refused(capsys, bundles, tmp_path):
    four = bundles / "four"
    refused(capsys, "report", four, "--json", "--format", "csv", says="--json: is the same as --format json, but --format csv is given too")
    refused(capsys, "report", four, "--json", "--format", "md", says="--format md is given too")
    assert call(capsys, "report", four, "--profile", "loihi1", "--json", "--format", "json")[0] == 0
    refused(capsys, "report", four, "--format", "schema", says="bundle: is not for --format schema")
    refused(capsys, "report", "--format", "schema", "--sanafe", says="--sanafe: is not for --format schema")
    refused(capsys, "report", "--format", "schema", "--profile", "loihi1", says="--profile: is not for --format schema")
    refused(capsys, "report", four, "--ann", "gcn", "--ann", "mlp", "--ann", "gcn", says="--ann gcn: is given 2 times")
    sweep = ["--sweep", "profile=loihi1", "-o", tmp_path / "out"]
    refused(capsys, "report", four, *sweep, "--format", "html", says="--format html: is not for --sweep")


def test_the_folder_around_a_bundle_names_the_bundle(capsys, bundles, tmp_path):
    shutil.copytree(bundles / "four", tmp_path / "bundle")
    refused(capsys, "report", tmp_path, says=[f"{tmp_path}: has no manifest.json", f"but {tmp_path / 'bundle'} is one; give that"])


def test_a_pipe_is_not_replaced_by_a_report(capsys, bundles, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    refused(capsys, "report", bundles / "four", "-o", pipe, says=[f"output {pipe}: is a device or pipe, must be a file", "leave -o out"])
    with pytest.raises(InputError, match="graph .*: is a device or pipe"):
        write_file(pipe, b"x", "graph")
    assert stat.S_ISFIFO(pipe.stat().st_mode) and [path.name for path in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.parametrize("form", ["json", "csv", "latex"])
def test_two_processes_write_the_same_bytes(bundles, form):
    made = []
    for seed in ("0", "4321"):
        command = [sys.executable, "-m", "neurograph", "report", str(bundles / "four"), "--format", form]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        made.append(subprocess.run(command, env=environment, capture_output=True, check=True, timeout=120).stdout)
    assert made[0] == made[1] and len(made[0]) > 1000


def test_a_folder_is_named_by_what_tells_it_from_the_others(capsys, bundles, tmp_path):
    for name in ("a", "b"):
        shutil.copytree(bundles / "four", tmp_path / name / "bundle")
    paths = [tmp_path / name / "bundle" for name in ("a", "b")]
    found = json.loads(call(capsys, "report", *paths, "--profile", "horowitz45", "--json")[1])
    assert [b["name"] for b in found["bundles"]] == ["a/bundle", "b/bundle"] and found["differences"] == []
    assert Path(found["bundles"][0]["name"]).name == "bundle"
