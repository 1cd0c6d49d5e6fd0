"""Placement from the command line: what export writes for a chip, `place` on other chips, and what cannot be placed."""

import json
import re

import nir
import numpy as np
import pytest
from calling import call, refused

from neurograph.cli.main import run_command
from neurograph.errors import InputError, PlacementError
from neurograph.export import nir_io
from neurograph.export.placement import load
from neurograph.export.targets import find
from neurograph.hw_profiles import load as load_profile

RULES = {
    "neurons",
    "synaptic_memory",
    "input_axons",
    "output_axons",
    "fan_out",
    "parameter_sets",
    "thresholds",
    "fan_in",
    "delay",
    "weight_precision",
    "message_bits",
    "programmable",
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The bundle of a barely trained karate model for Loihi 2, not verified."""
    folder = tmp_path_factory.mktemp("place")
    assert run_command(["train", "spikegraphormer", "--epochs", "4", "-o", str(folder / "model.pt")]) == 0
    assert run_command(["export", str(folder / "model.pt"), "--target", "loihi2", "-o", str(folder / "b"), "--no-verify"]) == 0
    return folder / "b"


def profile_file(tmp_path, change, name="loihi2"):
    """A copy of a profile of ours with its text changed."""
    from importlib import resources

    text = change(resources.files("neurograph.hw_profiles").joinpath(f"{name}.toml").read_text())
    path = tmp_path / "chip.toml"
    path.write_text(text)
    return path


def with_limit(name, value):
    """The change that sets one limit, without its range."""
    section = rf"(\[limits\.{name}\]\n)value = .*\n"
    return lambda text: re.sub(
        rf"(\[limits\.{name}\][^\[]*?)low = .*\nhigh = .*\n", r"\1", re.sub(section, rf"\g<1>value = {value}\n", text)
    )


def wide_graph(path, inputs):
    """One neuron that hears so many inputs."""
    nodes = {
        "input": nir.Input({"input": np.array([inputs])}),
        "sum": nir.Linear(np.ones((1, inputs))),
        "neuron": nir.LIF(tau=np.full(1, 1e-2), r=np.ones(1), v_leak=np.zeros(1), v_threshold=np.ones(1)),
        "output": nir.Output({"output": np.array([1])}),
    }
    nir_io.write(nir.NIRGraph(nodes, [("input", "sum"), ("sum", "neuron"), ("neuron", "output")]), path)
    return path


def test_a_bundle_for_a_chip_holds_its_placement(bundle, capsys):
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert {"placement.json", "core_map.svg"} <= manifest["files"].keys()
    assert manifest["profile_sha256"] == load_profile("loihi2").sha256
    stored = json.loads((bundle / "placement.json").read_text())
    for key, value in manifest["placement"].items():
        assert stored[key] == value
    assert {rule["rule"] for rule in stored["rules"]} == RULES
    from neurograph.export.bundle import open_bundle

    placed = load(bundle / "placement.json", open_bundle(bundle).quantized)
    assert (placed.cores, placed.chips) == (stored["cores"], stored["chips"])
    _, out, _ = call(capsys, "inspect", bundle)
    assert "fullest in" in out and "fan_in" in out


def test_a_target_that_is_no_chip_has_no_placement(bundle, tmp_path, capsys):
    model = bundle.parent / "model.pt"
    status, out, _ = call(capsys, "export", model, "--target", "lava", "-o", tmp_path / "b", "--no-verify", "--json")
    assert status == 0 and json.loads(out)["placement"] is None and not (tmp_path / "b" / "placement.json").exists()


@pytest.mark.parametrize("arguments", [[], ["--profile", "loihi1"], ["--method", "random", "--seed", "3"]])
def test_place_writes_the_files_and_says_what_it_takes(bundle, tmp_path, capsys, arguments):
    status, out, _ = call(capsys, "place", bundle, "-o", tmp_path / "p", *arguments, "--json")
    found = json.loads(out)
    assert status == 0 and found["cores"] >= found["chips"] >= 1 and found["binding_rule"] in RULES
    assert found["target"] == ("loihi1" if "loihi1" in arguments else "loihi2")
    assert json.loads((tmp_path / "p" / "placement.json").read_text())["cores"] == found["cores"]
    assert (tmp_path / "p" / "core_map.svg").read_text().startswith("<?xml")
    _, out, _ = call(capsys, "place", bundle, "-o", tmp_path / "p", *arguments)  # again, over its own folder
    assert f"{'fullest in' if found['cores'] == 1 else 'bound by'} {found['binding_rule']}" in out and "messages" in out


def test_place_writes_what_sanafe_runs(bundle, tmp_path, capsys):
    assert call(capsys, "place", bundle, "--profile", "loihi1-sanafe", "--sanafe", "-o", tmp_path / "p")[0] == 0
    assert {path.name for path in (tmp_path / "p" / "sanafe").iterdir()} == {"architecture.yaml", "network.yaml", "expected.json", "run.py"}


def test_a_chip_of_the_users_own(bundle, tmp_path, capsys):
    small = profile_file(tmp_path, lambda text: with_limit("neurons_per_core", 50)(text).replace('name = "loihi2"', 'name = "mine"'))
    model = bundle.parent / "model.pt"
    status, out, _ = call(capsys, "export", model, "--target", "loihi2", "--profile", small, "-o", tmp_path / "b", "--no-verify", "--json")
    found = json.loads(out)["placement"]
    assert status == 0 and found["target"] == "mine" and found["binding_rule"] == "neurons" and found["cores"] > 20


def test_a_profile_without_a_limit_is_refused_before_any_work(bundle, tmp_path, capsys):
    model = bundle.parent / "model.pt"
    path = profile_file(tmp_path, lambda text: re.sub(r"\[limits\.fan_in_max\][^\[]*", "", text))
    refused(
        capsys,
        "export",
        model,
        "--target",
        "loihi2",
        "--profile",
        path,
        "-o",
        tmp_path / "b",
        says=["limits.fan_in_max is missing", "add it, with a source"],
    )
    assert not (tmp_path / "b").exists()
    refused(capsys, "place", bundle, "--profile", path, "-o", tmp_path / "p", says="limits.fan_in_max")
    assert not (tmp_path / "p").exists()


def test_profiles_and_methods_that_do_not_exist(bundle, tmp_path, capsys):
    model = bundle.parent / "model.pt"
    out = ["-o", tmp_path / "b"]
    refused(capsys, "export", model, "--target", "loihi2", "--profile", "tpu", *out, says="profile 'tpu': there is none of that name")
    refused(capsys, "export", model, "--target", "lava", "--profile", "loihi2", *out, says="target lava: is no chip")
    refused(capsys, "place", bundle, "--profile", "horowitz45", *out, says="limits.neurons_per_core")
    refused(capsys, "place", bundle, "--method", "best", *out, says="--method 'best': does not exist; there are metis")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.tex").write_text("years of work")
    refused(capsys, "place", bundle, *out, says="holds thesis.tex, which 'place' did not write")
    refused(capsys, "place", bundle, "-o", bundle, says="so it is not replaced")
    assert (bundle / "manifest.json").is_file()


def test_a_network_that_fits_no_number_of_chips(tmp_path, capsys):
    graph = wide_graph(tmp_path / "wide.nir", 5000)
    np.save(tmp_path / "x.npy", np.ones((4, 5000), dtype=np.uint8))
    arguments = ["export", graph, "--dialect", "nir", "--dt", "1e-3", "--input", tmp_path / "x.npy", "-o", tmp_path / "b"]
    for target in ("loihi1", "loihi2"):
        refused(
            capsys,
            *arguments,
            "--target",
            target,
            says=["population 'neuron': fan_in is 5,000 synapses", f"{target} has 4,096", "prune the synapses"],
        )
        assert not (tmp_path / "b").exists() and not [path for path in tmp_path.iterdir() if path.name.startswith(".b")]
    assert call(capsys, *arguments, "--target", "lava", "--no-verify")[0] == 0


def test_calibration_of_the_wrong_shape(tmp_path, capsys):
    graph = wide_graph(tmp_path / "g.nir", 5)
    np.save(tmp_path / "x.npy", np.ones((4, 6), dtype=np.uint8))
    refused(
        capsys, "export", graph, "--target", "loihi2", "--dialect", "nir", "--input", tmp_path / "x.npy", "-o", tmp_path / "b",
        says=["input", "shape (4, 6), must be"],
    )  # fmt: skip
    assert not (tmp_path / "b").exists()


def test_limits_come_from_the_profile():
    values = {name: constant.value for name, constant in load_profile("loihi1").limits.items()}
    target = find("loihi1").on("loihi1", "x", {**values, "delay_max": 5})
    assert target.longest_delay == 5 and target.limits.neurons == 1024
    plain = find("generic").on("mine", "x", {**values, "programmable_neurons": 0, "graded_spike_bits": 0})
    assert not plain.programmable and not plain.graded
    with pytest.raises(PlacementError, match="has no limits.neurons_per_core"):
        find("loihi1").on("half", "x", {key: value for key, value in values.items() if key != "neurons_per_core"})
    with pytest.raises(InputError, match="target onnx: is no chip"):
        find("onnx").on("loihi1", "x", values)


@pytest.mark.parametrize(("option", "value"), [("--gates", "and"), ("--relays", "all")])
def test_lowerings_that_do_not_exist(bundle, tmp_path, capsys, option, value):
    model = bundle.parent / "model.pt"
    refused(capsys, "export", model, "--target", "loihi2", option, value, "-o", tmp_path / "b", says=f"{option} {value!r}: must be ")


def test_a_generic_chip_is_counted_and_not_priced(bundle, tmp_path, capsys):
    model = bundle.parent / "model.pt"
    assert call(capsys, "export", model, "--target", "generic", "-o", tmp_path / "b", "--no-verify")[0] == 0
    status, out, _ = call(capsys, "report", tmp_path / "b", "--profile", "generic", "--json")
    (found,) = json.loads(out)["profiles"]
    assert status == 0 and found["energy_j"]["total"] is None and found["placement"]["cores"] == found["cores"] > 1


def test_the_report_places_on_every_chip_and_says_where_it_cannot(bundle, tmp_path, capsys):
    tiny = profile_file(tmp_path, lambda text: with_limit("fan_in_max", 5)(text).replace('name = "loihi1"', 'name = "tiny"'), "loihi1")
    status, out, _ = call(capsys, "report", bundle, "--profile", "loihi2", "--profile", "loihi1", "--profile", tiny, "--json")
    placed, other, refuses = json.loads(out)["profiles"]
    stored = json.loads((bundle / "placement.json").read_text())
    assert status == 0 and placed["placement"]["per_sample"]["messages"] == stored["traffic"]["messages"]
    assert other["placement"]["target"] == "loihi1"
    assert refuses["placement"] is None and "fan_in is" in refuses["placement_refused"]


def test_integer_rules_of_other_emulators(bundle, capsys):
    counts = {}
    for rules in ("lava", "brian2loihi", "nengo_loihi"):
        status, out, _ = call(capsys, "simulate", bundle, "--rules", rules, "--json")
        assert status == 0
        counts[rules] = json.loads(out)["spikes"]
    assert counts["lava"] == counts["brian2loihi"]
    refused(capsys, "simulate", bundle, "--rules", "loihi3", says="rules 'loihi3': do not exist; there are lava, brian2loihi, nengo_loihi")
    refused(capsys, "simulate", bundle, "--engine", "float", "--rules", "nengo_loihi", says="are for engine 'fixed'")


def test_training_for_few_bits_is_what_export_takes(tmp_path, capsys):
    model = tmp_path / "m.pt"
    status, out, _ = call(capsys, "train", "spikegraphormer", "--epochs", "4", "--weight-bits", "3", "-o", model, "--json")
    assert status == 0 and json.loads(out)["weight_bits"] == 3
    assert call(capsys, "export", model, "--target", "loihi2", "-o", tmp_path / "b", "--no-verify")[0] == 0
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    assert manifest["quantization"]["bits"] == 3
    assert max(row["bits"] for row in manifest["quantization"]["projections"]) == 3


def test_a_chip_without_programmable_neurons_takes_no_subtract_reset(tmp_path, capsys):
    """As export for it says: `place` and `report` go by the same limit."""
    nodes = {
        "input": nir.Input({"input": np.array([3])}),
        "linear": nir.Linear(np.ones((2, 3))),
        "neuron": nir.LIF(tau=np.full(2, 1e-2), r=np.ones(2), v_leak=np.zeros(2), v_threshold=np.full(2, 0.1)),
        "output": nir.Output({"output": np.array([2])}),
    }
    nir_io.write(nir.NIRGraph(nodes, [("input", "linear"), ("linear", "neuron"), ("neuron", "output")]), tmp_path / "g.nir")
    np.save(tmp_path / "x.npy", np.ones((6, 3), dtype=np.uint8))
    arguments = ["export", tmp_path / "g.nir", "--dialect", "snntorch", "--input", tmp_path / "x.npy", "-o", tmp_path / "b", "--no-verify"]
    refused(capsys, *arguments, "--target", "loihi1", says="population 'neuron': subtract reset")
    assert call(capsys, *arguments, "--target", "loihi2")[0] == 0
    refused(
        capsys, "place", tmp_path / "b", "--profile", "loihi1", "-o", tmp_path / "p", says=["'neuron': programmable is 1", "loihi1 has 0"]
    )
    _, out, _ = call(capsys, "report", tmp_path / "b", "--profile", "loihi1", "--json")
    assert "programmable is 1" in json.loads(out)["profiles"][0]["placement_refused"]
    assert call(capsys, "simulate", tmp_path / "b", "--input", tmp_path / "x.npy")[0] == 0


def test_a_profile_comes_as_the_file_that_it_is(tmp_path, capsys):
    _, out, _ = call(capsys, "profiles", "show", "generic", "--toml")
    (tmp_path / "mine.toml").write_text(out)
    assert call(capsys, "profiles", "validate", tmp_path / "mine.toml")[0] == 0
