"""profiles list, show and validate, as a person and a program see them."""

from __future__ import annotations

import json

import pytest
from calling import call, refused

from neurograph.hw_profiles import names


def test_the_list_has_every_profile_with_what_its_constants_are(capsys):
    status, out, _ = call(capsys, "profiles", "list")
    assert status == 0 and all(f"\n{name} " in out for name in names())
    found = {row["name"]: row for row in json.loads(call(capsys, "profiles", "list", "--json")[1])["profiles"]}
    assert set(found) == set(names())
    assert found["truenorth"]["energy_statuses"] == {"measured": 1} and found["loihi2"]["energy_statuses"] == {"assumed": 6}
    assert found["loihi1"]["placement"] and not found["truenorth"]["placement"]


def test_show_says_what_is_inside_a_figure_and_where_it_comes_from(capsys):
    status, out, _ = call(capsys, "profiles", "show", "truenorth")
    assert status == 0
    for part in ("26 pJ", "2.5 to 26", "Inside it: neuron, spike, routing, barrier, static.", "https://doi.org/10.1126/science.1254642"):
        assert part in out
    shown = json.loads(call(capsys, "profiles", "show", "truenorth", "--json")[1])
    assert shown["energy"]["synaptic_event"]["includes"] == ["neuron", "spike", "routing", "barrier", "static"]


@pytest.mark.parametrize(("wrong", "near"), [("loihi3", "'loihi2'"), ("TrueNort", "'truenorth'"), ("spinaker", "'spinnaker'")])
def test_an_unknown_profile_is_refused_with_names_near_it(capsys, wrong, near):
    refused(
        capsys,
        "profiles",
        "show",
        wrong,
        says=[f"profile '{wrong}': there is none of that name", f"near it: {near}", "take one of", ".toml"],
    )


def test_a_chip_of_ones_own_is_one_file(capsys, tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(call(capsys, "profiles", "show", "odin", "--toml")[1].replace('name = "odin"', 'name = "own"'))
    assert call(capsys, "profiles", "validate", own)[0] == 0
    assert call(capsys, "profiles", "show", own)[1].startswith("own: ODIN")
    own.write_text(own.read_text().replace('unit = "pJ"', 'unti = "pJ"'))
    refused(capsys, "profiles", "validate", own, says=["own.toml", "energy.synaptic_event.unti", "near it: 'unit'", "unit is missing"])
