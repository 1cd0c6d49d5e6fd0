import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from calling import call, refused

from neurograph import data, training
from neurograph.cli.main import run_command
from neurograph.export import nir_io
from neurograph.models import SpikeGraphormer


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A checkpoint of a few epochs, and its bundle without verification."""
    folder = tmp_path_factory.mktemp("cli")
    assert run_command(["train", "spikegraphormer", "--epochs", "8", "-o", str(folder / "model.pt")]) == 0
    assert run_command(["export", str(folder / "model.pt"), "--target", "loihi2", "-o", str(folder / "b"), "--no-verify"]) == 0
    return folder


def test_train_json_has_the_promised_keys(capsys, tmp_path):
    status, out, _ = call(
        capsys, "train", "spikegraphormer", "--dataset", "karate", "--epochs", "3", "--seed", "4", "-o", tmp_path / "m.pt", "--json"
    )
    result = json.loads(out)
    assert status == 0 and {"checkpoint", "val_accuracy", "test_accuracy", "epochs", "seed", "wall_s"} <= result.keys()
    assert result["seed"] == 4 and 0 <= result["test_accuracy"] <= 1


def test_simulate_check_and_report_json_have_the_promised_keys(capsys, trained, tmp_path):
    status, out, _ = call(capsys, "simulate", trained / "b", "--engine", "float", "-o", tmp_path / "r.h5", "--json")
    result = json.loads(out)
    assert status == 0 and {"engine", "ticks", "samples", "spikes", "accuracy", "wall_s"} <= result.keys() and (tmp_path / "r.h5").is_file()
    status, out, _ = call(capsys, "check", trained / "b", "--engines", "torch,float", "--json")
    result = json.loads(out)
    keys = {"a", "b", "populations", "compared", "mismatched_spikes", "mismatched_voltages", "ties", "first_mismatch"}
    assert status == 0 and result["ok"] and keys <= result["pairs"][0].keys()
    status, out, _ = call(capsys, "report", trained / "b", "--json")
    result = json.loads(out)
    assert status == 0 and {"bundle", "accuracy", "counts", "populations", "profiles", "baselines"} <= result.keys()
    assert {"synaptic_events", "neuron_updates", "spikes", "messages", "host_macs"} <= result["counts"].keys()
    for profile in result["profiles"]:
        energy = profile["energy_j"]
        assert energy["low"] <= energy["total"] <= energy["high"] and energy["total"] == pytest.approx(sum(energy["components"].values()))


def test_report_counts_are_the_simulated_spikes(capsys, trained):
    _, out, _ = call(capsys, "simulate", trained / "b", "--json")
    spikes = json.loads(out)["spikes"]
    _, out, _ = call(capsys, "report", trained / "b", "--format", "json")
    assert json.loads(out)["counts"]["spikes"] == sum(spikes.values())


def test_report_as_markdown(capsys, trained, tmp_path):
    status, out, _ = call(capsys, "report", trained / "b", "-o", tmp_path / "r.md")
    text = (tmp_path / "r.md").read_text()
    assert status == 0 and out == "" and "loihi2" in text and "GCN" in text and "dense graph transformer" in text and "Horowitz" in text


def test_a_mismatch_is_found_named_and_exits_1(capsys, trained, tmp_path):
    """One weight of the float network is changed behind the manifest's back, with its hash: torch and float then disagree."""
    import shutil

    import h5py

    from neurograph.files import sha256

    copy = shutil.copytree(trained / "b", tmp_path / "b")
    with h5py.File(copy / "network.h5", "a") as file:
        for projection in file["float/projections"].values():
            if projection.attrs["target"].endswith("q_neuron"):
                projection["weights/right"][...] = -projection["weights/right"][()] + 1.0
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"]["network.h5"] = sha256(copy / "network.h5")
    (copy / "manifest.json").write_text(json.dumps(manifest))
    status, out, _ = call(capsys, "check", copy, "--engines", "torch,float")
    assert status == 1 and "FAIL torch = float" in out and "q_neuron[" in out and "at tick" in out


@pytest.mark.parametrize(("key", "value"), [("ticks", 5), ("dt_s", 0.5), ("outputs", [])])
def test_a_manifest_that_says_otherwise_of_the_network_is_refused(capsys, trained, tmp_path, key, value):
    import shutil

    copy = shutil.copytree(trained / "b", tmp_path / "b")
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, key: value}))
    status, _, err = call(capsys, "check", copy, "--engines", "float,fixed")
    assert status == 2 and f"manifest.json says {key} {value}, network.h5" in err


def test_inspect_prints_no_python(capsys, trained):
    status, out, _ = call(capsys, "inspect", trained / "b")
    assert status == 0 and "{" not in out and "metrics: val_accuracy" in out


def test_other_features_go_through_the_encoder(capsys, trained, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((34, 34)))
    status, out, _ = call(capsys, "simulate", trained / "b", "--input", tmp_path / "x.npy", "--json")
    assert status == 0 and "accuracy" not in json.loads(out)


def test_nir_graph_exports_with_a_sample(capsys, trained, tmp_path):
    np.save(tmp_path / "i.npy", np.random.default_rng(0).normal(size=(34, 24)))
    path = trained / "b" / "model.nir"
    refused(capsys, "export", path, "--target", "lava", "-o", tmp_path / "b", says=["needs a sample to quantise", "--input FILE.npy"])
    status, out, _ = call(
        capsys, "export", path, "--target", "lava", "-o", tmp_path / "b", "--input", tmp_path / "i.npy", "--no-verify", "--json"
    )
    assert status == 0 and json.loads(out)["verified"] is False


@pytest.mark.parametrize("file", ["model.pt", "b", "b/model.nir"])
def test_inspect(capsys, trained, file):
    status, out, _ = call(capsys, "inspect", trained / file)
    assert status == 0 and ("gnn_neuron" in out or "gnn_width" in out)
    status, out, _ = call(capsys, "inspect", trained / file, "--json")
    assert status == 0 and json.loads(out)["kind"]


def test_listings(capsys):
    assert "karate" in call(capsys, "datasets", "list")[1]
    assert json.loads(call(capsys, "datasets", "show", "karate", "--json")[1])["nodes"] == 34
    assert "loihi2" in call(capsys, "profiles", "list")[1]
    for name in ("horowitz45", "loihi1", "loihi1-sanafe", "loihi2"):
        status, out, _ = call(capsys, "profiles", "show", name)
        assert status == 0 and "sha256" in out
    assert "Davies" in call(capsys, "profiles", "show", "loihi1")[1]


def test_checkpoints_that_cannot_be_used(capsys, trained, tmp_path):
    out = ("--target", "loihi2", "-o", tmp_path / "b")
    refused(capsys, "export", tmp_path / "none.pt", *out, says=["none.pt", "does not exist"])
    whole = (trained / "model.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: len(whole) // 2])
    refused(capsys, "export", tmp_path / "cut.pt", *out, says=["cut.pt", "cut off"])
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt")
    refused(capsys, "export", tmp_path / "module.pt", *out, says=["module.pt", "pickled"])
    loaded = training.load(trained / "model.pt")
    loaded.model.encoder.weight.data[0, 0] = float("nan")
    training.save(tmp_path / "nan.pt", loaded.model, loaded.graph)
    refused(capsys, "export", tmp_path / "nan.pt", *out, says=["encoder.weight", "NaN"])
    assert not (tmp_path / "b").exists()


def test_a_graph_of_another_size(capsys, tmp_path, trained, shared):
    arguments = (
        "export",
        trained / "model.pt",
        "--target",
        "loihi2",
        "--dataset",
        "cora",
        "--data-root",
        shared / "data",
        "-o",
        tmp_path / "b",
    )
    refused(capsys, *arguments, says=["34", "2708"])


def test_a_target_that_does_not_exist(capsys, trained):
    refused(capsys, "export", trained / "model.pt", "--target", "loihi3", says=["'loihi3'", "lava, loihi1, loihi2"])


def test_soft_reset_is_refused_for_loihi1_by_name(capsys, tmp_path):
    graph = data.load("karate")
    config, _ = training.preset(graph, reset="subtract")
    training.save(tmp_path / "m.pt", SpikeGraphormer(config, graph.edge_index).eval(), graph)
    refused(
        capsys,
        "export",
        tmp_path / "m.pt",
        "--target",
        "loihi1",
        "-o",
        tmp_path / "b",
        says=["target loihi1", "gnn_neuron", "subtract reset"],
    )


def test_unknown_names_and_options(capsys, trained):
    refused(capsys, "train", "gpt", says=["'gpt'", "spikegraphormer"])
    refused(capsys, "train", "spikegraphormer", "--dataset", "pubchem", says=["pubchem", "karate"])
    refused(capsys, "simulate", trained / "b", "--engine", "cuda", says=["'cuda'", "lava-fixed"])
    refused(capsys, "check", trained / "b", "--engines", "float", says="no two of them")
    refused(capsys, "report", trained / "b", "--profile", "loihi9", says=["loihi9", "loihi1"])
    refused(capsys, "report", trained / "b", "--format", "pdf", says=["pdf", "one of md, json, html, csv"])
    refused(capsys, "export", trained / "model.pt", says="--target")
    refused(capsys, "export", trained / "model.pt", "--target", "loihi2", "--weight-bits", "9", says="--weight-bits")
    refused(capsys, "fly", says="fly")
    refused(capsys, "inspect", "nothing.xyz", says="nothing.xyz")


def test_data_that_is_not_there(capsys, tmp_path):
    refused(
        capsys,
        "train",
        "spikegraphormer",
        "--dataset",
        "cora",
        "--data-root",
        tmp_path,
        "-o",
        tmp_path / "m.pt",
        says=["Cora", str(tmp_path)],
    )
    assert not (tmp_path / "m.pt").exists()


def test_debug_shows_the_traceback(capsys):
    status, _, err = call(capsys, "inspect", "nothing.xyz", "--debug")
    assert status == 2 and "Traceback" in err


def test_unknown_nodes_are_all_listed(capsys, trained, tmp_path):
    import h5py

    graph = nir_io.read(trained / "b" / "model.nir")
    nir_io.write(graph, tmp_path / "m.nir")
    with h5py.File(tmp_path / "m.nir", "a") as file:
        for name in ("gnn_neuron", "attention_neuron"):
            del file[f"node/nodes/{name}/type"]
            file[f"node/nodes/{name}/type"] = "Hodgkin"
    refused(capsys, "export", tmp_path / "m.nir", "--target", "lava", says=["gnn_neuron (Hodgkin)", "attention_neuron (Hodgkin)"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into read-only folders; the test with a real full disk below covers it")
def test_read_only_folder(capsys, trained, tmp_path):
    tmp_path.chmod(0o555)
    refused(capsys, "export", trained / "model.pt", "--target", "loihi2", "-o", tmp_path / "b", says="Permission denied")


def test_a_full_disk_leaves_nothing(capsys, trained, tmp_path):
    """A real file system of 64 KiB, where the machine lets us mount one."""
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("cannot mount a small tmpfs here (needs root)")
    try:
        refused(
            capsys,
            "export",
            trained / "model.pt",
            "--target",
            "loihi2",
            "-o",
            small / "b",
            "--no-verify",
            says=["No space left", "has room"],
        )
        assert os.listdir(small) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_lava_missing(capsys, trained, monkeypatch, tmp_path):
    """An interpreter without Lava, and none anywhere else."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("NEUROGRAPH_LAVA_PYTHON", raising=False)
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name.startswith("lava") else real(name, *rest))
    refused(capsys, "simulate", trained / "b", "--engine", "lava-fixed", says=["no interpreter with lava-nc", "neurograph lava install"])
    status, out, err = call(capsys, "check", trained / "b")
    assert status == 0 and "ok   torch = float" in out and "without Lava" in err


@pytest.mark.lava
def test_lava_past_its_time_limit_is_killed(capsys, lava, trained):
    refused(capsys, "simulate", trained / "b", "--engine", "lava-fixed", "--timeout", "0.5", says=["after 0.5 s", "killed"])


@pytest.mark.lava
def test_check_against_lava(capsys, lava, trained):
    status, out, _ = call(capsys, "check", trained / "b")
    assert status == 0
    for pair in ("torch = float", "float = lava-float", "fixed = lava-fixed"):
        assert f"ok   {pair}" in out


def test_as_a_program(trained):
    done = subprocess.run([sys.executable, "-m", "neurograph", "--version"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.startswith("neurograph ")
    done = subprocess.run(
        [sys.executable, "-m", "neurograph", "export", "x.pt", "--target", "y"], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (2, "") and len(done.stderr.splitlines()) == 1


def test_help_imports_no_torch():
    code = "import sys; sys.argv = ['neurograph', '--help']\nfrom neurograph.cli import main\ntry:\n main()\nexcept SystemExit:\n pass\n"
    code += "assert not {'torch', 'norse', 'onnx', 'lava'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def test_inspect_draws(capsys, trained, tmp_path):
    from xml.etree import ElementTree

    assert call(capsys, "inspect", trained / "b", "--svg", tmp_path / "g.svg")[0] == 0
    text = "".join(ElementTree.parse(tmp_path / "g.svg").getroot().itertext())
    assert (tmp_path / "g.svg").read_bytes().count(b"<path") > 20, text
    again = (tmp_path / "g.svg").read_bytes()
    assert call(capsys, "inspect", trained / "b" / "model.nir", "--svg", tmp_path / "g.svg")[0] == 0
    assert (tmp_path / "g.svg").read_bytes() == again
    refused(capsys, "inspect", trained / "model.pt", "--svg", tmp_path / "g.svg", says=["nothing to draw"])


@pytest.mark.parametrize("arguments", [("--weight-bits", "9"), ("--weight-bits=9",), ("--ticks", "-3")])
def test_a_number_out_of_range_is_named_with_its_value(capsys, arguments):
    value = arguments[-1].removeprefix("--weight-bits=")
    refused(capsys, "export", "m.pt", "--target", "loihi2", *arguments, says=f"'{arguments[0].split('=')[0]}': {value}: ")
