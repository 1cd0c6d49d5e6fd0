"""The published JSON Schema of a report: real reports follow it, wrong ones do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from importlib import metadata
from typing import Any

import jsonschema
import pytest
from report_cases import placed, plain

from neurograph.export.placement import Placement
from neurograph.hw_profiles.report import schema_text, to_json
from neurograph.hw_profiles.report.build import SCHEMA_VERSION
from neurograph.network import Network
from neurograph.sim.recording import Recording

SCHEMA = json.loads(schema_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def problems(report: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(json.loads(to_json(report)))]


@pytest.fixture
def report(network: Network, recording: Recording) -> dict[str, Any]:
    return plain(network, recording)


def test_the_schema_is_a_schema_of_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"].endswith("2020-12/schema") and SCHEMA["properties"]["schema_version"]["const"] == SCHEMA_VERSION


def test_reports_follow_it(
    network: Network,
    integers: Network,
    recording: Recording,
    recordings: Callable[[float], Recording],
    placements: Callable[..., Placement],
) -> None:
    assert problems(plain(network, recording)) == []
    assert problems(plain(network, recordings(0.0), host_macs=None)) == []
    assert problems(placed(integers, recording, placements())) == []
    refused = plain(integers, recording, profiles=["loihi1"], routing_refused={"loihi1": "too large"})
    assert problems(refused) == []
    bare = plain(network, recording, profiles=["generic"], baselines=[], accuracy=None, model_info=None, host_macs={})
    assert problems(bare) == [] and "accuracy" not in bare


def test_a_report_says_which_version_made_it(report: dict[str, Any]) -> None:
    assert report["schema_version"] == 1 and report["neurograph"] == metadata.version("neurograph")


def test_parts_that_are_made_elsewhere_are_objects(report: dict[str, Any]) -> None:
    for key in ("neurobench", "measured", "crosscheck", "figures", "between_windows"):
        assert problems(report | {key: {"anything": 1}}) == []
        assert problems(report | {key: 1})
    assert problems(report | {"surprise": {}})


@pytest.mark.parametrize("key", SCHEMA["required"])
def test_no_promised_key_may_be_missing(report: dict[str, Any], key: str) -> None:
    assert problems({name: value for name, value in report.items() if name != key})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema_version",), 2),
        (("accuracy",), 75),
        (("ticks",), 0),
        (("counts", "spikes"), -1),
        (("counts", "spikes"), None),
        (("per_sample", "spikes"), [1.5]),
        (("per_sample", "spikes"), []),
        (("constants", 0, "unit"), "picojoule"),
        (("constants", 0, "unit"), None),
        (("constants", 0, "source"), ""),
        (("constants", 0, "status"), "guessed"),
        (("constants", 0, "remark"), "x"),
        (("profiles", 0, "level"), "both"),
        (("profiles", 0, "sha256"), "abc"),
        (("profiles", 0, "energy_j", "total"), "1 nJ"),
        (("profiles", 1, "energy_j", "unit"), "J"),
        (("profiles", 1, "latency_range_s"), {"value": 1.0}),
        (("baselines", 0, "level"), "chip events"),
        (("break_even", 0, "spiking_wins"), 1),
        (("headline", 0, "level"), "all"),
    ],
)
def test_wrong_values_are_found(report: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    wrong = deepcopy(report)
    *above, last = path
    place: Any = wrong
    for step in above:
        place = place[step]
    place[last] = value
    assert problems(wrong)


@pytest.mark.parametrize("key", ["unit", "source", "status", "value", "url"])
def test_a_constant_without_its_unit_or_source_is_found(report: dict[str, Any], key: str) -> None:
    del report["constants"][0][key]
    assert problems(report)
