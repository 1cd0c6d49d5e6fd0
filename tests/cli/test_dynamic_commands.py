"""train, export, check and simulate of a model over snapshots, as a user calls them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
from calling import call, refused

from neurograph.cli import dynamic
from neurograph.cli.main import run_command
from neurograph.models.dysign import DySign
from neurograph.training import dynamic_checkpoint


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("dynamic")
    assert run_command(["train", "dysign-onchip", "--epochs", "4", "-o", str(made / "dy.pt")]) == 0
    assert run_command(["export", str(made / "dy.pt"), "--target", "loihi2", "-o", str(made / "b"), "--no-verify"]) == 0
    return made


def test_the_command_names_the_models_that_there_are():
    assert tuple(dynamic_checkpoint.DYNAMIC_MODELS) == dynamic.DYNAMIC_MODELS


def test_graphs_that_change_are_listed_and_shown(capsys):
    assert "blocks       graph that changes" in call(capsys, "datasets", "list")[1]
    found = json.loads(call(capsys, "datasets", "show", "blocks", "--json")[1])
    assert (found["nodes"], found["snapshots"], found["fewest_edges"]) == (120, 5, 0) and found["most_edges"] > 100


def test_train_says_what_it_found(tmp_path, capsys):
    status, out, _ = call(
        capsys, "train", "dysign-onchip", "--nodes", 60, "--epochs", 2, "--shares", "50/20/30", "--json", "-o", tmp_path / "a.pt"
    )
    found = json.loads(out)
    assert status == 0 and {"checkpoint", "val_accuracy", "test_accuracy", "epochs", "seed", "wall_s"} <= found.keys()
    assert (found["nodes"], found["snapshots"], found["epochs"]) == (60, 5, 2)


def test_check_compares_all_windows_of_our_engines(folder, capsys):
    status, out, _ = call(capsys, "check", folder / "b", "--engines", "torch,float,pipelined-float,fixed,pipelined-fixed", "--json")
    pairs = {(p["a"], p["b"]): p for p in json.loads(out)["pairs"]}
    assert status == 0 and all(pair["windows"] == 5 and pair["compared"] > 10_000 for pair in pairs.values())
    assert list(pairs) == [("torch", "float"), ("float", "pipelined-float"), ("fixed", "pipelined-fixed")]
    assert pairs["fixed", "pipelined-fixed"]["compared_voltages"] == 2 * pairs["fixed", "pipelined-fixed"]["compared"]
    assert pairs["torch", "float"]["populations"] == 2


def test_the_float_engine_has_the_accuracy_of_the_model(folder, capsys):
    found = {}
    for engine in ("float", "fixed"):
        status, out, _ = call(capsys, "simulate", folder / "b", "--engine", engine, "--json")
        assert status == 0
        found[engine] = json.loads(out)
    trained = json.loads((folder / "b" / "manifest.json").read_text())["origin"]["metrics"]["test_accuracy"]
    assert found["float"]["accuracy"] == pytest.approx(trained, abs=1.01 / 48)  # float32 in training, one of 48 test nodes
    assert found["fixed"]["windows"] == 5 and set(found["fixed"]["spikes"]) == {"p1", "q1", "p2", "q2"}
    status, out, _ = call(capsys, "simulate", folder / "b")
    assert status == 0 and "test accuracy" in out and "16 ticks" in out  # four windows of four, one is empty


def test_the_manifest_counts_what_the_host_writes_and_what_is_dropped(folder):
    manifest = json.loads((folder / "b" / "manifest.json").read_text())
    work = manifest["host_work"]
    assert len(work) == len(manifest["dropped"]) == manifest["windows"] == 5
    assert [w["removed"] for w in work if w["currents"]] == [0, *(w["written"] for w in work if w["currents"])][:-1]
    assert work[2] == {"removed": 0, "written": 0, "currents": 0, "switched": 0} and manifest["dropped"][2] == 0
    assert work[4]["currents"] == 120 * 16 and sum(manifest["dropped"]) > 0
    assert manifest["steps_per_tick"] == 2 and manifest["wraps"] == manifest["clips"] == {}


@pytest.mark.lava
def test_export_verifies_in_lava_and_check_runs_as_many_windows_as_asked(folder, lava, capsys, tmp_path):
    status, out, err = call(capsys, "export", folder / "dy.pt", "--target", "lava", "--snapshots", 2, "-o", tmp_path / "b", "--json")
    found = json.loads(out)
    assert status == 0 and found["ok"] and found["verified"] and found["windows"] == 2
    assert "fixed = lava-fixed" in err and "the host writes" in err and "stops or lets go" in err and "dropped" in err
    assert json.loads((tmp_path / "b" / "manifest.json").read_text())["verification"]["ok"]
    status, out, _ = call(capsys, "check", tmp_path / "b", "--engines", "fixed,lava-fixed", "--windows", 1)
    assert status == 0 and "0 spikes and 0 values differ (windows 0 to 0 of 2)" in out


def test_a_changed_weight_is_found_by_check(folder, capsys, tmp_path):
    """Torch's recorded spikes against a float network whose synapses are others."""
    broken = tmp_path / "b"
    shutil.copytree(folder / "b", broken)
    with h5py.File(broken / "network.h5", "r+") as file:
        weights = file["float/00000/projections/00001/weights/right"]
        weights[...] = -weights[...]
    refused(capsys, "check", broken, says="is not what was exported")
    import hashlib

    manifest = json.loads((broken / "manifest.json").read_text())
    manifest["files"]["network.h5"] = hashlib.sha256((broken / "network.h5").read_bytes()).hexdigest()
    (broken / "manifest.json").write_text(json.dumps(manifest))
    status, out, _ = call(capsys, "check", broken, "--engines", "torch,float")
    assert status == 1 and out.startswith("FAIL torch = float") and "first: p1" in out


def test_wrong_use_is_refused_in_one_line(folder, capsys, tmp_path):
    bundle, model = folder / "b", folder / "dy.pt"
    refused(capsys, "train", "dysign-onchip", "--parts", 2, says=["--parts 2: is not for a dynamic model (dysign-onchip)", "leave it out"])
    refused(capsys, "train", "sghormer", "--nodes", 50, says="--nodes 50: is not for sghormer")
    refused(capsys, "train", "dysign-onchip", "--dataset", "cora", says=["'cora': no dynamic graph", "dblp, blocks"])
    refused(capsys, "train", "dysign-onchip", "--nodes", 20, "-o", tmp_path / "x.pt", says="20 nodes, must be at least 40")
    refused(capsys, "train", "dysign-onchip", "-o", tmp_path / "no" / "x.pt", says="does not exist")
    refused(capsys, "export", model, "--target", "loihi1", says=["target loihi1 cannot take a loop p1 → q1 → p1", "subtract reset"])
    refused(capsys, "export", model, "--target", "onnx", says="synapses that change between windows")
    refused(capsys, "export", model, "--target", "loihi2", "--ticks", 3, says="--ticks 3: is not for a dynamic model")
    refused(capsys, "export", model, "--target", "loihi2", "--snapshots", 9, says=["--snapshots 9", "has 5"])
    refused(capsys, "simulate", bundle, "--engine", "netx", says="engine 'netx': runs no windows")
    refused(capsys, "simulate", bundle, "--counts", says="--counts: is not for a bundle of a dynamic model")
    refused(capsys, "check", bundle, "--engines", "torch", says="no two of them promise the same spikes")
    refused(capsys, "report", bundle, "--profile", "loihi9", says="loihi9")
    refused(capsys, "report", bundle, "--sanafe", says="--sanafe: is not for a bundle of a dynamic model")
    refused(capsys, "place", bundle, "--profile", "loihi2", "-o", tmp_path / "p", says="of a dynamic model, must be of one network here")
    refused(capsys, "inspect", model, says="is a neurograph-dynamic-checkpoint")


def test_the_paper_build_is_exported_checked_and_as_accurate_as_it_was_trained(capsys, tmp_path):
    model, bundle = tmp_path / "p.pt", tmp_path / "b"
    assert call(capsys, "train", "dysign", "--epochs", 3, "--width", 4, "-o", model)[0] == 0
    status, _, err = call(capsys, "export", model, "--target", "loihi2", "-o", bundle, "--no-verify")
    assert status == 0 and "compiled 5 windows of 2 populations" in err and "synapses in 4 windows, up to" in err
    engines = "torch,float,pipelined-float,fixed,pipelined-fixed"
    status, out, _ = call(capsys, "check", bundle, "--engines", engines, "--json")
    pairs = json.loads(out)["pairs"]
    assert status == 0 and len(pairs) == 3 and all(pair["windows"] == 5 and pair["compared"] > 10_000 for pair in pairs)
    status, out, _ = call(capsys, "simulate", bundle, "--engine", "float", "--json")
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert status == 0 and manifest["steps_per_tick"] == 1
    assert json.loads(out)["accuracy"] == pytest.approx(manifest["origin"]["metrics"]["test_accuracy"], abs=1.01 / 48)


def test_what_is_too_wide_is_refused(capsys, tmp_path):
    says = "width is 17, must be at most 16"
    refused(capsys, "train", "dysign-onchip", "--width", 17, "-o", tmp_path / "x.pt", says=says)
    refused(capsys, "train", "sghormer", "--width", 8, says="--width 8: is not for sghormer")


def test_expected_spikes_are_those_that_the_engines_give(folder):
    from neurograph.export.bundle.windows import open_dynamic
    from neurograph.sim.windows import run_windows

    bundle = open_dynamic(folder / "b")
    for engine, dynamic_network in (("float", bundle.network), ("fixed", bundle.quantized)):
        for was, now in zip(bundle.expected(engine), run_windows(dynamic_network, engine), strict=True):
            for name in () if now.recording is None else ("p1", "q1", "p2", "q2"):
                np.testing.assert_array_equal(was.recording.spikes[name], now.recording.spikes[name])


def test_windows_that_there_are_not_and_part_of_a_model(folder, capsys, tmp_path):
    status, _, err = call(capsys, "check", folder / "b", "--engines", "float,torch", "--windows", 9)
    assert status == 2 and "--windows 9" in err and "has 5" in err
    assert call(capsys, "export", folder / "dy.pt", "--target", "loihi2", "--snapshots", 2, "-o", tmp_path / "b", "--no-verify")[0] == 0
    assert "exported with the first 2 alone" in call(capsys, "simulate", tmp_path / "b")[1]


def test_a_readout_of_the_last_window_alone(folder, capsys, tmp_path):
    """The same logits as torch's: zeros stand for the windows that it does not read."""
    of = dynamic_checkpoint.load_dynamic_model(folder / "dy.pt")
    found = dynamic_checkpoint.train_dynamic("dysign", of.graph, of.masks, epochs=2, width=4)
    torch.manual_seed(0)
    model = DySign(replace(found.model.config, last=True)).eval()
    dynamic_checkpoint.save_dynamic_model(tmp_path / "last.pt", replace(found, model=model))
    assert call(capsys, "export", tmp_path / "last.pt", "--target", "loihi2", "-o", tmp_path / "b", "--no-verify")[0] == 0
    test = torch.from_numpy(np.flatnonzero(found.masks[2]))
    with torch.no_grad():
        chosen = model(found.steps(), found.graph.nodes, test).argmax(dim=1).numpy()
    status, out, _ = call(capsys, "simulate", tmp_path / "b", "--engine", "float", "--json")
    assert status == 0 and json.loads(out)["accuracy"] == pytest.approx(
        (chosen == found.graph.y[test.numpy()]).mean(), abs=1.01 / len(test)
    )


def test_the_split_of_a_graph_that_changes_is_shown(capsys):
    shown = json.loads(call(capsys, "datasets", "show", "blocks", "--shares", "50/25/25", "--json")[1])
    assert (shown["train"], shown["val"], shown["test"]) == (60, 30, 30)
    status, _, err = call(capsys, "datasets", "show", "blocks", "--shares", "nan/50/50")
    assert status == 2 and "must be three above 0" in err


def test_a_model_that_never_spikes_is_said_to_be_silent(folder, tmp_path, capsys):
    held = torch.load(folder / "dy.pt", weights_only=True)
    silenced = {name: torch.zeros_like(value) if name.endswith(("weight", "bias")) else value for name, value in held["state_dict"].items()}
    torch.save({**held, "state_dict": silenced}, tmp_path / "z.pt")
    status, out, err = call(capsys, "export", tmp_path / "z.pt", "--target", "loihi2", "-o", tmp_path / "z", "--no-verify", "--json")
    assert status == 0 and json.loads(out)["silent"] == ["p1", "q1", "p2", "q2"]
    assert "warning: no neuron spiked on this sample; scale" in err
    status, out, err = call(capsys, "check", tmp_path / "z", "--engines", "torch,float", "--json")
    assert status == 0 and len(json.loads(out)["silent"]) == 4 and "the comparison says little" in err
    assert "warning: no neuron spiked" in call(capsys, "simulate", tmp_path / "z")[2]
    assert json.loads(call(capsys, "check", folder / "b", "--engines", "torch,float", "--json")[1])["silent"] == []
