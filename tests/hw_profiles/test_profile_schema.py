from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from neurograph.errors import ProfileError
from neurograph.export.placement import Limits
from neurograph.export.placement.limits import REQUIRED
from neurograph.hw_profiles.schema import load, names, placement_limits
from neurograph.hw_profiles.vocabulary import PLACEMENT_LIMITS, VOCABULARY

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
    for section in VOCABULARY:
        for key, constant in getattr(profile, section).items():
            assert constant.unit and constant.status and constant.source.strip()
            assert constant.url.startswith("https://") or constant.note, f"{name}: {section}.{key} has neither a URL nor a note why not"
            assert "assum" in constant.source or constant.status != "assumed" or constant.note, f"{name}: {section}.{key}"
            value, low, high = constant.si
            assert low <= value <= high


@pytest.mark.parametrize("name", names())
def test_no_constant_is_off_by_a_unit(name: str) -> None:
    """An operation of any chip or host is between a femtojoule and a microjoule, and between a picosecond and some milliseconds."""
    profile = load(name)
    for key, constant in profile.energy.items():
        assert all(1e-15 <= figure <= 1e-6 for figure in constant.si), f"{name}: energy.{key}"
    for key, constant in profile.time.items():
        assert all(1e-12 <= figure <= 2e-3 for figure in constant.si), f"{name}: time.{key}"
    for key, constant in profile.power.items():
        assert constant.si[2] <= 1e3, f"{name}: power.{key}"


def test_all_the_chips_that_are_asked_for_are_there() -> None:
    chips = {"truenorth", "spinnaker", "spinnaker2", "odin", "reckon", "seneca", "microbrain", "tianjic", "neuronflow"}
    assert chips | {"host-cpu", "host-gpu", "host-arm"} <= set(names())
    published = {"truenorth": 26, "odin": 12.7, "reckon": 5.3, "seneca": 2.8, "microbrain": 26, "tianjic": 1.54, "neuronflow": 20}
    for name, picojoules in published.items():
        assert load(name).energy["synaptic_event"].si[0] == pytest.approx(picojoules * 1e-12)


def test_where_sources_disagree_both_figures_are_in_the_range() -> None:
    for name, low, high in (("truenorth", 2.5e-12, 26e-12), ("spinnaker2", 10e-12, 450e-12), ("spinnaker", 13.3e-9, 43e-9)):
        assert load(name).energy["synaptic_event"].si[1:] == pytest.approx((low, high))


def test_hosts_are_priced_as_keras_spiking_prices_them() -> None:
    for name, nanojoules in (("host-cpu", 8.6), ("host-gpu", 0.3), ("host-arm", 0.9)):
        prices = load(name).energy
        assert set(prices) == {"synaptic_event", "neuron_access", "host_mac"}
        assert {constant.si[0] for constant in prices.values()} == {nanojoules * 1e-9}
    host = load("loihi1").energy["host_mac"]
    assert host.si == pytest.approx((0.9e-9, 0.3e-9, 8.6e-9))


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


def test_a_chip_is_placed_on_where_all_its_limits_are_published_and_refused_by_name_where_not() -> None:
    placed = set()
    for name in names():
        profile = load(name)
        missing = [key for key in PLACEMENT_LIMITS if key not in profile.limits]
        if missing:
            with pytest.raises(ProfileError, match=rf"profile {name}: limits\.{missing[0]}"):
                placement_limits(profile)
            continue
        placed.add(name)
        values = placement_limits(profile)
        limits = Limits.of(name, values)
        assert limits.neurons == profile.limit("neurons_per_core")
        assert limits.synaptic_bits == values["synaptic_memory_per_core"] * 8192
        assert limits.cores_per_chip == values["cores_per_chip"]
    assert placed == {"generic", "loihi1", "loihi1-sanafe", "loihi2"}


def test_the_limits_that_placement_needs_are_those_that_it_reads() -> None:
    assert set(PLACEMENT_LIMITS) == set(REQUIRED) <= set(VOCABULARY["limits"])


def test_the_generic_chip_is_made_up_and_says_so() -> None:
    profile = load("generic")
    assert (profile.energy, profile.time, profile.power) == ({}, {}, {})
    assert "No chip of this kind exists" in profile.scope
    for constant in profile.limits.values():
        assert constant.status == "assumed"
        assert "made up" in constant.source


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
        ("[energy.synaptic_event]", "[energy.synaptic_evnt]", ["energy.synaptic_evnt", "near it: 'synaptic_event'"]),
        (
            'source = "me, today"',
            'sorce = "me"',
            ["energy.synaptic_event.sorce = 'me'", "near it: 'source'", "mend its name", "source is missing"],
        ),
        ("scope =", "scpe =", ["scpe = 'everything else'", "near it: 'scope'"]),
        ("low = 1.0", "low = -1.0", ["energy.synaptic_event.low", "-1.0", "0 or more"]),
        ('source = "me, today"', 'source = "me"\nincludes = ["soma"]', ["energy.synaptic_event.includes", "'soma'", "'neuron'"]),
        ("[energy.synaptic_event]\n", "[energy]\nspike = 3\n[energy.synaptic_event]\n", ["energy.spike = 3", "[section.constant]"]),
        ("[energy.synaptic_event]", "[energy.spike]", ["energy.synaptic_event", "missing"]),
        ("[energy.synaptic_event]", "[enrgy.synaptic_event]", ["enrgy", "remove it"]),
        ("[energy.synaptic_event]", "colour = 3\n[energy.synaptic_event]", ["colour", "3", "remove it"]),
        ('scope = "everything else"', "", ["scope", "missing"]),
        ('"chip events"', '"operations"', ["energy.mac_fp32", "missing"]),
        ('name = "mine"', 'name = "mine"\nsha256 = "0"', ["sha256", "remove it"]),
        ("[energy", "[[energy", ["is not TOML"]),
        ("value = 2.0", "value = nan", ["finite", "give a number, or leave the constant out"]),
        ("value = 2.0", 'value = "2.0"', ["energy.synaptic_event.value = '2.0'", "without quotation marks"]),
        ("low = 1.0", 'low = "1.0"', ["energy.synaptic_event.low = '1.0'", "without quotation marks"]),
        ("value = 2.0", "value = true", ["energy.synaptic_event.value = True", "give a number"]),
        ("high = 4.0", "high = 1e305", ["energy.synaptic_event.high = 1e+305 pJ is more than 1 J an event: see to the unit"]),
        (
            'value = 2.0\nunit = "pJ"\nlow = 1.0\nhigh = 4.0',
            'value = 2\nunit = "J"',
            ["value = 2 J is more than 1 J an event: see to the unit"],
        ),
        ('name = "mine"', 'name = "a\\nb"', ["name = ", "letters, digits"]),
        ('name = "mine"', 'name = "mine\\n"', ["letters, digits"]),
        ('name = "mine"', 'name = "a|b"', ["name = 'a|b'", "letters, digits"]),
        ('name = "mine"', 'name = "<b>"', ["letters, digits"]),
        ('name = "mine"', 'name = ".."', ["letters, digits"]),
        ('name = "mine"', 'name = ""', ["letters, digits"]),
        ("[energy.synaptic_event]\nvalue = 2.0", '[energy.synaptic_evnt]\nvalue = "2"', ["near it: 'synaptic_event'", "quotation marks"]),
        ("[energy.synaptic_event]", "[energy]\nspke = 3\n[energy.synaptic_event]", ["energy.spke is not", "near it: 'spike'"]),
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
    with pytest.raises(ProfileError, match=r"'loihi3'.*near it: 'loihi2', 'loihi1'.*take one of .*horowitz45.*truenorth"):
        load("loihi3")
    with pytest.raises(ProfileError, match=r"near it: 'truenorth'"):
        load("TrueNort")
    with pytest.raises(ProfileError, match=r"none of that name; take one of"):
        load("qqqq")


def test_a_missing_file_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"none\.toml: cannot be read"):
        load(tmp_path / "none.toml")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProfileError, match="is not TOML"):
        load(path)


LIMIT = """
[limits.{key}]
value = {value}
unit = "{unit}"
status = "assumed"
source = "me, today"
"""


def own_limits(folder: Path, leave_out: tuple[str, ...] = (), **changes: tuple[object, str]) -> Path:
    """A profile with limits alone: those of loihi2, some changed or left out."""
    limits = {key: (int(c.value), c.unit) for key, c in load("loihi2").limits.items() if key not in leave_out}
    text = GOOD[: GOOD.index("[energy")] + "".join(LIMIT.format(key=k, value=v, unit=u) for k, (v, u) in {**limits, **changes}.items())
    return write(folder, text)


def test_a_profile_of_limits_alone_is_read_by_path_with_its_values(tmp_path: Path) -> None:
    profile = load(own_limits(tmp_path, neurons_per_core=(77, "neurons"), synaptic_memory_per_core=(1.5, "KiB")))
    assert profile.energy == {}
    assert profile.limits["neurons_per_core"].value == 77
    limits = Limits.of(profile.name, placement_limits(profile))
    assert (limits.neurons, limits.synaptic_bits, limits.shared_lists) == (77, 12288, True)


def test_limits_that_placement_lacks_are_all_named(tmp_path: Path) -> None:
    path = own_limits(tmp_path, leave_out=("fan_in_max", "mesh_width"))
    with pytest.raises(
        ProfileError, match=r"limits\.mesh_width, limits\.fan_in_max are missing, placement needs 14 limits; add them"
    ) as caught:
        placement_limits(load(path))
    assert str(path) in str(caught.value)
    with pytest.raises(ProfileError, match=r"limits\.delay_max is missing, .*add it"):
        placement_limits(load(own_limits(tmp_path, leave_out=("delay_max",))))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"synaptic_memory_per_core": (1024, "bits")}, r"limits\.synaptic_memory_per_core\.unit = 'bits' must be 'KiB'; convert the value"),
        ({"neurons_per_core": (0, "neurons")}, r"limits\.neurons_per_core\.value = 0 neurons, must be at least 1; leave it out"),
        ({"synaptic_memory_per_core": (0, "KiB")}, r"limits\.synaptic_memory_per_core\.value = 0 KiB, must be at least 1"),
        ({"cores_per_chip": (2e12, "cores")}, r"limits\.cores_per_chip\.value = 2e\+12 cores is more than 1e12: see to the unit"),
        ({"neurons_per_core": (10.5, "neurons")}, r"limits\.neurons_per_core\.value = 10\.5 neurons is not whole"),
    ],
)
def test_limits_that_would_be_misread_are_refused(tmp_path: Path, changes: dict[str, tuple[object, str]], said: str) -> None:
    with pytest.raises(ProfileError, match=said):
        load(own_limits(tmp_path, **changes))


def test_limits_that_say_no_or_none_are_zero(tmp_path: Path) -> None:
    zeros = {"shared_synapse_lists": (0, "bool"), "programmable_neurons": (0, "bool"), "delay_max": (0, "steps")}
    assert {load(own_limits(tmp_path, **zeros)).limits[key].value for key in zeros} == {0}


@pytest.mark.parametrize("key", ["mac_fp32", "add_fp32"])
@pytest.mark.parametrize("value", ["0", "0.0", "5e-324"])
def test_arithmetic_that_costs_nothing_is_refused(tmp_path: Path, key: str, value: str) -> None:
    head = GOOD[: GOOD.index("[energy")].replace("chip events", "operations")
    tables = [OTHER.format(key=f"energy.{name}", unit="pJ") for name in ("mac_fp32", "add_fp32")]
    good = head + "".join(tables)
    assert load(write(tmp_path, good)).energy[key].value == 1
    path = write(tmp_path, good.replace(f"[energy.{key}]\nvalue = 1", f"[energy.{key}]\nvalue = {value}"))
    with pytest.raises(ProfileError, match=rf"energy\.{key}\.value = .* pJ, must be more than 0.*give what one costs"):
        load(path)


@pytest.mark.parametrize(
    ("section", "key", "unit", "said"), [("time", "barrier", "s", "60 s an event"), ("power", "static_chip", "W", "1 MW")]
)
def test_times_and_powers_of_another_unit_are_refused(tmp_path: Path, section: str, key: str, unit: str, said: str) -> None:
    text = GOOD + OTHER.format(key=f"{section}.{key}", unit=unit).replace("value = 1", "value = 2e6")
    with pytest.raises(ProfileError, match=rf"{section}\.{key}\.value = 2e\+06 {unit} is more than {said}: see to the unit"):
        load(write(tmp_path, text))


def test_times_without_energies_are_refused(tmp_path: Path) -> None:
    path = own_limits(tmp_path)
    timed = LIMIT.format(key="barrier", value=1, unit="us").replace("limits", "time")
    path.write_text(path.read_text() + timed)
    with pytest.raises(ProfileError, match=r"energy\.synaptic_event is missing.*or has limits alone"):
        load(path)


ALL_IN = GOOD + 'includes = ["neuron", "static"]\n'
OTHER = '[{key}]\nvalue = 1\nunit = "{unit}"\nstatus = "assumed"\nsource = "me"\n'


def test_a_constant_says_what_was_measured_with_it(tmp_path: Path) -> None:
    profile = load(write(tmp_path, ALL_IN))
    assert profile.inside == {"neuron": "energy.synaptic_event", "static": "energy.synaptic_event"}
    assert load("loihi1").inside == {}
    assert set(load("truenorth").inside) == {"neuron", "spike", "routing", "barrier", "static"}


@pytest.mark.parametrize(("key", "unit"), [("energy.neuron_access", "pJ"), ("power.static_chip", "mW")])
def test_a_share_that_would_be_charged_twice_is_refused(tmp_path: Path, key: str, unit: str) -> None:
    with pytest.raises(ProfileError, match=rf"energy\.synaptic_event\.includes has '\w+', and {key} would charge it again; remove one"):
        load(write(tmp_path, ALL_IN + OTHER.format(key=key, unit=unit)))


def test_only_energies_have_shares(tmp_path: Path) -> None:
    text = GOOD + OTHER.format(key="time.barrier", unit="us") + 'includes = ["neuron"]\n'
    with pytest.raises(ProfileError, match=r"time\.barrier\.includes: only an energy has shares; remove it"):
        load(write(tmp_path, text))
