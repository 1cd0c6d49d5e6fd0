from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from neurograph.errors import ProfileError
from neurograph.hw_profiles.schema import load, names, vocabulary

GOOD = """
name = "mine"
title = "My chip"
level = "chip events"
scope = "everything else"

[energy.synaptic_event]
value = 2.0
unit = "pJ"
low = 1.0
high = 4.0
status = "measured"
source = "me, today"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_four_profiles_are_there() -> None:
    assert {"horowitz45", "loihi1", "loihi1-sanafe", "loihi2"} <= set(names())


@pytest.mark.parametrize("name", names())
def test_every_constant_says_where_it_comes_from(name: str) -> None:
    profile = load(name)
    assert profile.name == name
    for section in vocabulary():
        for key, constant in getattr(profile, section).items():
            assert constant.url.startswith("https://"), f"{name}: {section}.{key}"
            value, low, high = constant.si
            assert low <= value <= high


def test_published_values() -> None:
    loihi, fitted, arithmetic = load("loihi1"), load("loihi1-sanafe"), load("horowitz45")
    assert loihi.energy["synaptic_event"].si[0] == pytest.approx(23.6e-12)
    assert loihi.time["neuron_update_active"].si[0] == pytest.approx(8.4e-9)
    assert fitted.energy["message"].si[0] == pytest.approx(111e-12)
    assert fitted.time["barrier"].si == pytest.approx((1.8e-6, 0.6e-6, 1.8e-6))
    assert arithmetic.energy["mac_fp32"].si[0] == pytest.approx(4.6e-12)
    assert loihi.limit("neurons_per_core") == 1024
    assert loihi.limit("synapses_per_chip") is None


def test_loihi2_claims_nothing_that_was_not_published() -> None:
    profile = load("loihi2")
    assert "No energy per operation has been published" in profile.scope
    assert {c.status for c in profile.energy.values()} == {"assumed"}
    for key, constant in profile.energy.items():
        if key != "host_mac":
            low, high = constant.bounds
            assert low < constant.value < high
            assert "NOT a published figure" in constant.note


def test_a_file_of_the_users_own_works_by_path(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    for form in (path, str(path)):
        profile = load(form)
        assert profile.energy["synaptic_event"].si == pytest.approx((2e-12, 1e-12, 4e-12))
        assert profile.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_value_without_a_range_is_its_own_range(tmp_path: Path) -> None:
    constant = load(write(tmp_path, GOOD.replace("low = 1.0\nhigh = 4.0\n", ""))).energy["synaptic_event"]
    assert constant.bounds == (2.0, 2.0)
    assert not constant.has_range


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('unit = "pJ"\n', "", ["energy.synaptic_event.unit", "missing", "add it"]),
        ('source = "me, today"', "", ["energy.synaptic_event.source", "missing"]),
        ('"me, today"', '""', ["energy.synaptic_event.source", "''", "comes from"]),
        ('"me, today"', '"  "', ["energy.synaptic_event.source", "comes from"]),
        ('"pJ"', '"ns"', ["energy.synaptic_event.unit", "'ns'", "pJ"]),
        ('"measured"', '"guessed"', ["energy.synaptic_event.status", "'guessed'", "measured"]),
        ("value = 2.0", "value = -2.0", ["energy.synaptic_event.value", "-2.0"]),
        ("value = 2.0", "value = nan", ["energy.synaptic_event.value", "nan"]),
        ("value = 2.0", 'value = "two"', ["energy.synaptic_event.value", "'two'"]),
        ("value = 2.0", "value = 9.0", ["energy.synaptic_event", "9", "1 to 4"]),
        ("[energy.synaptic_event]", "[energy.synaptic_evnt]", ["energy.synaptic_evnt", "synaptic_event"]),
        ("[energy.synaptic_event]", "[energy.spike]", ["energy.synaptic_event", "missing"]),
        ("[energy.synaptic_event]", "[enrgy.synaptic_event]", ["enrgy", "remove it"]),
        ("[energy.synaptic_event]", "colour = 3\n[energy.synaptic_event]", ["colour", "3", "remove it"]),
        ('scope = "everything else"', "", ["scope", "missing"]),
        ('"chip events"', '"operations"', ["energy.mac_fp32", "missing"]),
        ('name = "mine"', 'name = "mine"\nsha256 = "0"', ["sha256", "remove it"]),
        ("[energy", "[[energy", ["is not TOML"]),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, old: str, new: str, said: list[str]) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ProfileError) as caught:
        load(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    for part in said:
        assert part in message


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ProfileError, match=r"'loihi3'.*horowitz45.*loihi1"):
        load("loihi3")


def test_a_missing_file_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"none\.toml: cannot be read"):
        load(tmp_path / "none.toml")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProfileError, match="is not TOML"):
        load(path)
