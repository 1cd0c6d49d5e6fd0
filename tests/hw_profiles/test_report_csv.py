"""CSV: every figure, exactly, and tidy enough to filter."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_cases import HOSTILE, figures, placed, plain, renamed

from neurograph.export.placement import Placement
from neurograph.hw_profiles.report import rendered, to_json
from neurograph.hw_profiles.report.csv_tables import COLUMNS, Line, written
from neurograph.network import Network
from neurograph.sim.recording import Recording

NUMBERS = ("value", "low", "high")


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def number(cell: str) -> float:
    return int(cell) if cell.lstrip("-").isdigit() else float(cell)


@pytest.fixture(params=["plain", "placed", "hostile names"])
def report(
    request: pytest.FixtureRequest, network: Network, integers: Network, recording: Recording, placements: Callable[..., Placement]
) -> dict[str, Any]:
    if request.param == "plain":
        return plain(network, recording, profiles=["horowitz45", "loihi1"])
    if request.param == "placed":
        return placed(integers, recording, placements(), profiles=["loihi1-sanafe", "loihi2"])
    return plain(*renamed(network, recording, HOSTILE + "_s"), bundle_name='=1+1\r\nb,"c"')


def test_every_figure_of_the_json_is_read_back_exactly(report: dict[str, Any]) -> None:
    rows = read(rendered(report, "csv"))
    found = Counter(number(row[column]) for row in rows for column in NUMBERS if row[column])
    wanted = Counter(figures({key: value for key, value in json.loads(to_json(report)).items() if key != "schema_version"}))
    assert not wanted - found


def test_each_line_is_told_from_the_others(report: dict[str, Any]) -> None:
    rows = read(rendered(report, "csv"))
    keys = [tuple(row[name] for name in ("section", "item", "quantity", "entry", "profile", "text")) for row in rows]
    assert len(set(keys)) == len(keys)
    assert {row["bundle"] for row in rows} == {report["bundle"]}


def test_numbers_have_a_unit_and_a_label(report: dict[str, Any]) -> None:
    for row in read(rendered(report, "csv")):
        assert bool(row["unit"]) == bool(row["value"]), row
        assert not row["value"] or row["label"], row
        assert row["value"] or row["text"], row


def test_units_are_si_and_names_do_not_change_them(report: dict[str, Any]) -> None:
    rows = read(rendered(report, "csv"))
    energies = [row for row in rows if row["section"] == "profiles" and row["quantity"] == "energy_j" and row["item"] == ""]
    priced = [p for p in report["profiles"] if p["energy_j"]["total"] is not None]
    assert [(row["profile"], float(row["value"]), row["unit"]) for row in energies] == [
        (p["name"], p["energy_j"]["total"], "J") for p in priced
    ]
    assert all(float(row["low"]) <= float(row["value"]) <= float(row["high"]) for row in energies)
    assert {row["unit"] for row in rows if row["section"] in ("populations", "projections", "host_macs", "counts")} == {"1", ""}


def test_constants_are_in_si_and_as_published(report: dict[str, Any]) -> None:
    rows = [row for row in read(rendered(report, "csv")) if row["section"] == "constants"]
    for c in report["constants"]:
        both = {row["quantity"]: row for row in rows if (row["profile"], row["item"]) == (c["profile"], c["name"])}
        assert (float(both["as published"]["value"]), both["as published"]["unit"]) == (c["value"], c["unit"])
        assert both["value"]["unit"] in ("J", "s", "W") and both["value"]["label"] == c["status"]
        assert (both["value"]["source"], both["value"]["url"]) == (c["source"], c["url"])
    fp32 = (
        next(row for row in rows if row["item"] == "energy.add_fp32" and row["quantity"] == "value") if "horowitz45" in str(rows) else None
    )
    assert fp32 is None or float(fp32["value"]) == pytest.approx(0.9e-12)


def test_counts_are_labelled_counted_and_joules_modelled(network: Network, recording: Recording) -> None:
    rows = read(rendered(plain(network, recording), "csv"))
    labels = {(row["section"], row["unit"]): row["label"] for row in rows if row["section"] in ("counts", "baselines", "headline")}
    assert labels["counts", "1"] == "counted" and labels["baselines", "J"] == labels["headline", "J"] == "modelled"
    assert {row["label"] for row in rows if row["quantity"] == "macs"} == {"counted"}
    assert {row["label"] for row in rows if row["section"] == "accuracy"} == {"measured"}


def test_chip_time_is_modelled_seconds_and_memory_modelled_bytes(network: Network, recording: Recording) -> None:
    rows = read(rendered(plain(network, recording, profiles=["loihi1"]), "csv"))
    static = next(row for row in rows if row["quantity"] == "per_inference" and "chip_seconds" in row["item"])
    assert (static["unit"], static["label"]) == ("s", "modelled")
    others = [row for row in rows if row["quantity"] == "per_inference" and row is not static]
    assert {(row["unit"], row["label"]) for row in others} == {("1", "counted")}
    assert {(row["unit"], row["label"]) for row in rows if row["section"] == "memory" and row["value"]} == {("B", "modelled")}


def test_lines_end_as_rfc_4180_says(report: dict[str, Any]) -> None:
    text = rendered(report, "csv")
    assert text.startswith(",".join(COLUMNS) + "\r\n") and text.endswith("\r\n")
    assert {len(row) for row in csv.reader(io.StringIO(text, newline=""), strict=True)} == {len(COLUMNS)}


def test_parts_that_others_add_are_in_it(network: Network, recording: Recording) -> None:
    report = plain(network, recording) | {
        "measured": {"reference": {"seconds_per_inference": 0.5, "energy_j": {"total": 2.0, "low": 1.0, "high": 3.0}, "label": "assumed"}},
        "crosscheck": {"lines": [{"name": "energy", "ours": 1e-6, "theirs": 2e-6, "unit": "J"}]},
        "memory": {"weights_bytes": 7},
    }
    rows = {(row["section"], row["quantity"]): row for row in read(rendered(report, "csv"))}
    time, energy = rows["measured", "seconds_per_inference"], rows["measured", "energy_j"]
    assert (time["unit"], time["label"]) == ("s", "measured")
    assert (energy["unit"], energy["label"], energy["low"]) == ("J", "assumed", "1.0")
    assert rows["crosscheck", "theirs"]["unit"] == "J" and rows["memory", "weights_bytes"]["unit"] == "B"


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\0")), st.floats(allow_nan=False), st.integers())))
def test_any_text_and_number_is_read_back(cells: list[tuple[str, float, int]]) -> None:
    lines = [Line(bundle=text, value=value, low=whole) for text, value, whole in cells]
    rows = read(written(iter(lines)))
    assert [(row["bundle"], float(row["value"]), int(row["low"])) for row in rows] == cells
