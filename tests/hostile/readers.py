"""Every reader of files that others may have made: good files to damage, and all that a command would do with them."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import pickle
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import damage
import numpy as np
import scipy.sparse as sp

TESTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Reader:
    """One reader.

    Args:
        make: writes good files into a folder.
        files: those to damage, each with what damages it.
        use: reads them from a folder, as a command does.
        sealed: whether the manifest's hashes are made anew after the damage, as whoever made a bundle would.
    """

    make: Callable[[Path], None]
    files: dict[str, Callable[[Any, bytes], bytes]]
    use: Callable[[Path], Any]
    sealed: bool = False


def seal(folder):
    """Put the hashes of the files as they are now into a manifest."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in manifest["files"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))


# Model files


def make_checkpoint(folder):
    from neurograph.data import load
    from neurograph.training import preset, save, train

    graph = load("karate")
    config, recipe = preset(graph)
    save(folder / "k.pt", train(config, graph, 0, recipe, 1).model, graph)


def use_checkpoint(folder):
    from neurograph.cli.inspect import _checkpoint

    _checkpoint(folder / "k.pt")


def make_dynamic(folder):
    from neurograph.data.snapshots import blocks, masks_of
    from neurograph.training.dynamic_checkpoint import save_dynamic_model, train_dynamic

    graph = blocks(40)
    save_dynamic_model(folder / "d.pt", train_dynamic("dysign-onchip", graph, masks_of(graph), epochs=1, width=4))


def use_dynamic(folder):
    from neurograph.training.dynamic_checkpoint import load_dynamic_model

    load_dynamic_model(folder / "d.pt").steps()


@functools.cache
def _trained():
    from neurograph.data import load
    from neurograph.models import build
    from neurograph.training import preset

    graph = load("karate")
    model = build(preset(graph)[0], graph.edge_index, None)
    import torch

    return model, torch.optim.Adam(model.parameters())


IDENTITY = {"model": "m", "seed": 0}


def make_state(folder):
    import torch

    from neurograph.training.state import Standing, write_state

    model, optimizer = _trained()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    write_state(folder / "s.state", IDENTITY, model, optimizer, Standing(3, (0.5, -0.1), 2, 0.4, dict(model.state_dict()), 1.0))


def use_state(folder):
    from neurograph.training.state import read_state, restore

    model, optimizer = _trained()
    restore(read_state(folder / "s.state", IDENTITY), model, optimizer, folder / "s.state")


def net():
    import torch

    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))


def make_weights(folder):
    import torch

    torch.save(net().state_dict(), folder / "w.pt")


def use_weights(folder):
    from neurograph.export.torch_modules import load_model

    load_model("readers:net", folder / "w.pt")


# Graphs and networks


def make_net(folder):
    import test_lava_dl_files as lava_dl

    flat = lava_dl.layer("flatten")
    lava_dl.write(
        folder / "a.net",
        lava_dl.layer("input", shape=[1, 6, 6]),
        lava_dl.conv(shape=[2, 4, 4]),
        flat,
        lava_dl.dense(3, 32),
        simulation={"Ts": 1, "tSample": 4},
    )


def use_net(folder):
    from neurograph.export.lava_dl.read import read_net
    from neurograph.sim import fixed

    network = replace(read_net(folder / "a.net").integer, ticks=3)
    fixed.run(network, {s.name: np.zeros(s.shape if s.is_static else (3, *s.shape)) for s in network.sources})


def _command(*words):
    """A command line that must not fail in here; its errors are raised."""
    from neurograph.cli.main import run_command

    with redirect_stdout(io.StringIO()):
        assert run_command([str(word) for word in words]) in (0, 1)


def make_bundle(folder):
    make_checkpoint(folder)
    _export(folder, "k.pt")


def _export(folder, checkpoint):
    """Put the bundle of a checkpoint in the place of the checkpoint, without its programs for Lava, which nobody reads."""
    _command("export", folder / checkpoint, "--target", "loihi2", "-o", folder / "b", "--no-verify")
    (folder / checkpoint).unlink()
    shutil.rmtree(folder / "b" / "lava")
    manifest = json.loads((folder / "b" / "manifest.json").read_text())
    manifest["files"] = {name: digest for name, digest in manifest["files"].items() if not name.startswith("lava/")}
    for path in (folder / "b").iterdir():
        shutil.move(path, folder / path.name)
    (folder / "b").rmdir()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def use_bundle(folder):
    """What inspect, simulate, check and report read of a bundle."""
    from neurograph.cli.inputs import opened_any
    from neurograph.cli.inspect import _bundle
    from neurograph.export.placement.files import load
    from neurograph.sim import fixed, floating

    _bundle(folder)
    bundle = opened_any(folder)
    inputs = bundle.inputs
    run = fixed.run(bundle.quantized, inputs)
    bundle.accuracy(run)
    floating.run(bundle.network, inputs)
    bundle.rounding()
    bundle.values(run)
    bundle.expected("torch")
    bundle.encode(bundle.features)
    bundle.effective_macs(5)
    assert bundle.host_macs is not None
    load(folder / "placement.json", bundle.quantized)


def make_windows(folder):
    make_dynamic(folder)
    _export(folder, "d.pt")


def use_windows(folder):
    from neurograph.cli.inputs import opened_any
    from neurograph.sim.windows import run_windows

    bundle = opened_any(folder)
    runs = run_windows(bundle.quantized, "fixed")
    bundle.rounding()
    if bundle.labels is not None:
        bundle.labels.accuracy(bundle.quantized, [run.recording for run in runs])


def make_onnx(folder):
    """A bundle for target onnx."""
    make_checkpoint(folder)
    _command("export", folder / "k.pt", "--target", "onnx", "-o", folder / "b", "--no-verify")
    (folder / "k.pt").unlink()
    for path in (folder / "b").iterdir():
        shutil.move(path, folder / path.name)
    (folder / "b").rmdir()


def use_onnx(folder):
    from neurograph.cli.inputs import opened_any
    from neurograph.sim import onnx_engine

    bundle = opened_any(folder)
    onnx_engine.run(bundle.onnx_file, bundle.network, bundle.inputs)


# Texts


def make_profile(folder):
    from neurograph.hw_profiles.schema import profile_text

    (folder / "p.toml").write_text(profile_text("loihi1"))


def use_profile(folder):
    from neurograph.hw_profiles.schema import load, placement_limits

    placement_limits(load(folder / "p.toml"))


def make_settings(folder):
    text = 'about = "a"\nsource = "b"\ndataset = "karate"\n[model]\nname = "spikegraphormer"\nheads = 2\nattention_width = 8\n'
    (folder / "s.toml").write_text(
        f"{text}gnn_width = 16\ninput_dropout = 0.3\n[recipe]\nepochs = 3\nlearning_rate = 0.01\n[data]\nadjacency = 0.1\n"
    )


def use_settings(folder):
    from neurograph.data import load
    from neurograph.models import MODELS, build
    from neurograph.training.settings import read_settings

    settings = read_settings(folder / "s.toml")
    settings.how()
    if settings.name in MODELS:
        graph = settings.prepare(load("karate"))
        build(settings.config(graph), graph.edge_index, None)


def make_rows(folder):
    from neurograph.kept_lines import KeptLines
    from neurograph.reporting.sweep.row import Row

    kept = KeptLines(folder / "rows.jsonl", Row, "row", "neurograph report --sweep")
    for bits in (2, 4, 8):
        kept.add(
            {"bits": bits, "sha": "x"},
            Row(
                None,
                0,
                4,
                bits,
                "loihi1",
                "as trained",
                "chip events",
                0.8,
                1e-6,
                1e-7,
                1e-5,
                1e-6,
                1e-7,
                1e-5,
                1e-3,
                1e-4,
                1e-2,
                1e-9,
                100.0,
                50.0,
                34,
                3,
                1,
                "measured",
                None,
                None,
            ),
        )


def use_rows(folder):
    from neurograph.kept_lines import KeptLines
    from neurograph.reporting.sweep.row import Row
    from neurograph.reporting.sweep.table import to_csv

    kept = KeptLines(folder / "rows.jsonl", Row, "row", "neurograph report --sweep")
    rows = [kept.find(identity) for identity in kept.identities]
    to_csv(rows)
    assert all(row.cost_j is None or row.cost_j >= 0 for row in rows)


def make_flat(folder):
    from neurograph.flat import pack

    (folder / "f.flat").write_bytes(pack("kind", {"a": 1}, {"x": np.arange(5), "y": np.zeros((2, 3), np.float32)}))


def use_flat(folder):
    from neurograph.flat import unpack

    unpack("kind", (folder / "f.flat").read_bytes())


# Arrays


def make_recording(folder):
    import test_damaged_recordings as recordings

    from neurograph.sim.recording_file import save

    save(recordings.small(), folder / "r.h5")


def use_recording(folder):
    from neurograph.cli.inspect import _recording
    from neurograph.sim.recording_file import load

    _recording(folder / "r.h5")
    load(folder / "r.h5")


def make_samples(folder):
    rng = np.random.default_rng(0)
    np.save(folder / "a.npy", rng.random((4, 3)))
    np.savez_compressed(folder / "b.npz", x=rng.integers(0, 2, (5, 3)), y=rng.random(7).astype("f4"))
    np.savez(folder / "c.npz", x=rng.integers(0, 2, (5, 3)), y=rng.random(7) < 0.5)


def use_samples(folder):
    from neurograph.cli.inputs import read_arrays

    for name in ("a.npy", "b.npz", "c.npz"):
        read_arrays(folder / name)


# Data roots


def make_planetoid(folder):
    rng = np.random.default_rng(0)
    nodes, tests, features = 620, 60, 12
    x, y = (rng.random((nodes, features)) < 0.3).astype(np.float32), np.eye(3, dtype=np.int32)[np.arange(nodes) % 3]
    graph = defaultdict(list, {n: [int(m) for m in rng.integers(0, nodes, 3)] for n in range(nodes)})
    first = nodes - tests
    parts = {"x": sp.csr_matrix(x[:30]), "allx": sp.csr_matrix(x[:first]), "tx": sp.csr_matrix(x[first:]), "graph": graph}
    parts |= {"y": y[:30], "ally": y[:first], "ty": y[first:]}
    for name, part in parts.items():
        (folder / f"ind.cora.{name}").write_bytes(pickle.dumps(part, protocol=2))
    (folder / "ind.cora.test.index").write_text("".join(f"{n}\n" for n in rng.permutation(np.arange(first, nodes))))


def make_amazon(folder):
    rng = np.random.default_rng(0)
    a, x = sp.random(30, 30, 0.2, "csr", random_state=0), sp.random(30, 9, 0.4, "csr", random_state=1)
    parts = {
        f"{key}_{part}": getattr(matrix, part)
        for key, matrix in (("adj", a), ("attr", x))
        for part in ("data", "indices", "indptr", "shape")
    }
    np.savez_compressed(folder / "amazon_electronics_photo.npz", **parts, labels=rng.integers(0, 3, 30))


def make_heterophilous(folder):
    rng = np.random.default_rng(0)
    masks = np.zeros((3, 10, 40), bool)
    for split in range(10):
        for part, nodes in enumerate(np.split(rng.permutation(40), (20, 30))):
            masks[part, split, nodes] = True
    arrays = {f"{part}_masks": mask for part, mask in zip(("train", "val", "test"), masks, strict=True)}
    np.savez_compressed(
        folder / "texas.npz",
        node_features=rng.random((40, 6)),
        node_labels=rng.integers(0, 3, 40),
        edges=rng.integers(0, 40, (90, 2)),
        **arrays,
    )


def make_dblp(folder):
    rng = np.random.default_rng(0)
    np.savez_compressed(folder / "edge_index.npz", rng.integers(0, 40, (2, 90)))
    np.savez_compressed(folder / "time.npz", np.sort(rng.integers(0, 5, 90)))
    np.savez_compressed(folder / "y.npz", rng.integers(0, 3, 40))


def make_tu(folder):
    from tu_sets import cycles_and_trees, write_tu

    graphs, classes = cycles_and_trees(12)
    nodes = sum(map(len, graphs))
    at = write_tu(
        folder,
        "MADE",
        graphs,
        classes,
        node_labels=[str(n % 3) for n in range(nodes)],
        node_attributes=[f"{n % 5}.5, 1.0" for n in range(nodes)],
    )
    for path in at.iterdir():
        shutil.move(path, folder / path.name)
    at.rmdir()


def data(name):
    def use(folder):
        from neurograph.data import load

        load(name, folder)

    return use


def use_dblp(folder):
    from neurograph.data.dynamic import load_dblp

    load_dblp(folder)


def use_nir(folder):
    from test_nir_fuzz import use

    use(folder / "x.nir")


def make_nir(folder):
    import hostile

    (folder / "x.nir").write_bytes(hostile.content("dense"))


def _nir(rng, whole):
    return damage.tree.damaged(int(rng.integers(2**32)))


PLANETOID = ("x", "tx", "allx", "y", "ty", "ally", "graph")
BUNDLE = {"manifest.json": damage.plain_json}
READERS = {
    "checkpoint": Reader(make_checkpoint, {"k.pt": damage.torch_file}, use_checkpoint),
    "dynamic checkpoint": Reader(make_dynamic, {"d.pt": damage.torch_file}, use_dynamic),
    "training state": Reader(make_state, {"s.state": damage.torch_file}, use_state),
    "weights": Reader(make_weights, {"w.pt": damage.torch_file}, use_weights),
    "NIR": Reader(make_nir, {"x.nir": _nir}, use_nir),
    "lava-dl": Reader(make_net, {"a.net": damage.hdf5}, use_net),
    "bundle: manifest": Reader(make_bundle, {"manifest.json": damage.plain_json}, use_bundle),
    "bundle: network": Reader(make_bundle, {"network.h5": damage.hdf5}, use_bundle, sealed=True),
    "bundle: check": Reader(make_bundle, {"check.h5": damage.hdf5}, use_bundle, sealed=True),
    "bundle: host": Reader(make_bundle, {"host/readout.onnx": damage.onnx_file, "host/encoder.onnx": damage.onnx_file}, use_bundle, sealed=True),
    "bundle: placement": Reader(make_bundle, {"placement.json": damage.plain_json}, use_bundle, sealed=True),
    "bundle: onnx": Reader(make_onnx, {"onnx/network.onnx": damage.onnx_file}, use_onnx, sealed=True),
    "bundle: windows": Reader(make_windows, {"network.h5": damage.hdf5, "check.h5": damage.hdf5, **BUNDLE}, use_windows, sealed=True),
    "profile": Reader(make_profile, {"p.toml": damage.toml}, use_profile),
    "settings": Reader(make_settings, {"s.toml": damage.toml}, use_settings),
    "sweep rows": Reader(make_rows, {"rows.jsonl": damage.json_lines}, use_rows),
    "flat file": Reader(make_flat, {"f.flat": damage.in_bytes}, use_flat),
    "recording": Reader(make_recording, {"r.h5": damage.hdf5}, use_recording),
    "samples": Reader(make_samples, {"a.npy": damage.npy, "b.npz": damage.npz, "c.npz": damage.npz}, use_samples),
    "Planetoid": Reader(make_planetoid, {**{f"ind.cora.{part}": damage.pickled for part in PLANETOID}, "ind.cora.test.index": damage.table}, data("cora")),
    "Amazon": Reader(make_amazon, {"amazon_electronics_photo.npz": damage.npz}, data("photo")),
    "heterophilous": Reader(make_heterophilous, {"texas.npz": damage.npz}, data("texas")),
    "DBLP": Reader(make_dblp, {f"{part}.npz": damage.npz for part in ("edge_index", "time", "y")}, use_dblp),
    "TU": Reader(make_tu, {f"MADE_{part}.txt": damage.table for part in ("A", "graph_indicator", "graph_labels", "node_labels", "node_attributes")}, data("tu:MADE")),
}  # fmt: skip


def made(folder, names=tuple(READERS)):
    """The good files of readers, below a folder; those that are there stay."""
    sys.path[:0] = [str(TESTS / part) for part in ("hostile", "export", "sim", "models", "") if str(TESTS / part) not in sys.path]
    for name in names:
        at = Path(folder, name.replace(": ", "-").replace(" ", "-"))
        if not at.is_dir():
            part = at.with_name(f".{at.name}")
            part.mkdir(parents=True)
            READERS[name].make(part)
            part.rename(at)
        yield name, at
