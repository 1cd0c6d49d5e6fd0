"""What benchmarks/fuzz.py found, each as the smallest file that showed it."""

import json
import shutil

import damage
import h5py
import numpy as np
import pytest
import torch
from reader import seal
from readers import READERS, made

from neurograph.errors import InputError, NeurographError
from neurograph.flat import unpack


def edited(file, change):
    """A JSON file with a change."""

    def damaged(folder):
        held = json.loads((folder / file).read_text())
        change(held)
        (folder / file).write_text(json.dumps(held))

    return damaged


def torched(file, **values):
    return lambda folder: torch.save({**torch.load(folder / file, weights_only=True), **values}, folder / file)


def replaced(file, old, new):
    return lambda folder: (folder / file).write_text((folder / file).read_text().replace(old, new, 1))


def attribute(file, name, key, value):
    def damaged(folder):
        with h5py.File(folder / file, "a") as held:
            held[name].attrs[key] = value
        if file != "r.h5":
            seal(folder)

    return damaged


def dataset(file, name, values):
    def damaged(folder):
        with h5py.File(folder / file, "a") as held:
            found = []
            held.visit(lambda path: found.append(path) if path.startswith(name) and isinstance(held[path], h5py.Dataset) else None)
            del held[found[0]]
            held.create_dataset(found[0], data=values)
        seal(folder)

    return damaged


def without_spikes(folder):
    with h5py.File(folder / "check.h5", "a") as file:
        del file["windows/00000/expected/fixed/q2"]
    seal(folder)


def dangling(folder):
    with h5py.File(folder / "r.h5", "a") as file:
        file["nodes/in/observables/spikes/x"] = h5py.SoftLink("/nowhere")


def neuron_type(folder):
    with h5py.File(folder / "a.net", "a") as file:
        group = next(group for group in file["layer"].values() if "neuron" in group)
        del group["neuron/type"]
        group["neuron/type"] = np.zeros((3, 3))


CASES = {
    "a version of several numbers": ("checkpoint", torched("k.pt", version=torch.ones(3)), "version None, must be 2"),
    "a model that is a list": ("checkpoint", torched("k.pt", model=[]), "model or versions are no texts"),
    "no standing": ("training state", torched("s.state", standing=3), "its parts do not fit the run"),
    "an optimizer of text": ("training state", torched("s.state", optimizer={"state": {}, "param_groups": ["x"]}), "its parts do not fit the run"),
    "a generator of one byte": ("training state", torched("s.state", generator=torch.zeros(1, dtype=torch.uint8)), "its parts do not fit the run"),
    "a long model": ("training state", torched("s.state", identity={"model": "y" * 100_000, "seed": 0}), f"model is '{'y' * 60}' there"),
    "a neuron of numbers": ("lava-dl", neuron_type, "which is no spiking CUBA neuron"),
    "no ticks": ("bundle: manifest", edited("manifest.json", lambda held: held.pop("ticks")), "ticks is missing"),
    "outputs that are a number": ("bundle: manifest", edited("manifest.json", lambda held: held.update(outputs=3)), "outputs must be a list"),
    "a placement without cores": ("bundle: manifest", edited("manifest.json", lambda held: held["placement"].pop("cores")), "placement.cores is missing"),
    "a format on two lines": ("bundle: manifest", edited("manifest.json", lambda held: held.update(format="é\n")), r"manifest|'é\\n' version"),
    "a placement of another format": ("bundle: placement", lambda folder: (edited("placement.json", lambda held: held.update(format="é\n"))(folder), seal(folder)), r"'é\\n' version 1"),
    "a lag of two numbers": ("bundle: network", attribute("network.h5", "float/projections/00000", "lag", np.ones(2)), "must be a number"),
    "a beta of bytes": ("bundle: network", attribute("network.h5", "float/populations/00001/neuron", "beta", b"x"), "is no number"),
    "features of another shape": ("bundle: check", dataset("check.h5", "features/indptr", np.zeros(3, np.int64)), "a sparse matrix of shape"),
    "spikes of another shape": ("bundle: check", dataset("check.h5", "expected/float", np.zeros((1, 4, 3), np.uint8)), r"must be \(samples"),
    "labels of another length": ("bundle: check", dataset("check.h5", "labels", np.zeros(5, np.int64)), "labels of shape"),
    "a profile of many brackets": ("profile", lambda folder: (folder / "p.toml").write_text("a = " + "[" * 20_000), "nested deeper than 100"),
    "a wide model": ("settings", replaced("s.toml", "gnn_width = 16", "gnn_width = 1000000000"), "settings of spikegraphormer: "),
    "energies of text": ("sweep rows", replaced("rows.jsonl", '"energy_j": 1e-06', '"energy_j": "x"'), "line 1 is no row"),
    "a header that does not end": ("samples", lambda folder: (folder / "a.npy").write_bytes((folder / "a.npy").read_bytes().replace(b"False", b"Fa(se")), "damaged"),
    "a link to nothing": ("recording", dangling, "spikes of population 'in' cannot be read"),
    "an energy below 0": ("sweep rows", replaced("rows.jsonl", '"energy_j": 1e-06', '"energy_j": -2.0'), "line 1 is no row"),
    "an array of text": ("samples", lambda folder: (folder / "a.npy").write_bytes(damage.as_npy(np.array(["x"]))), "must be numbers"),
    "no integers for a reason on two lines": ("bundle: manifest", edited("manifest.json", lambda held: held.update(no_integers="é\n")), "no_integers holds characters"),
    "outputs of another name": ("bundle: manifest", edited("manifest.json", lambda held: held.update(outputs=["x"])), r"says outputs \['x'\], network.h5 \["),
    "features of a complex shape": ("bundle: check", attribute("check.h5", "features", "shape", np.ones(2, complex)), "a sparse matrix whose shape is complex128"),
    "a window without the spikes of a population": ("bundle: windows", without_spikes, "has no spikes of population 'q2'"),
    "a version of one number in a list": ("recording", attribute("r.h5", "/", "version", np.ones(1, np.int64)), "is no recording of neurograph"),
    "a zip with a strange member": ("samples", lambda folder: (folder / "b.npz").write_bytes(damage.as_zip({"x": b"no array"})), "not a whole .npy or .npz file"),
}  # fmt: skip


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return dict(made(tmp_path_factory.mktemp("good"), list(dict.fromkeys(name for name, _, _ in CASES.values()))))


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_in_one_line(good, tmp_path, case):
    name, change, says = CASES[case]
    folder = shutil.copytree(good[name], tmp_path / "files")
    change(folder)
    with pytest.raises(NeurographError, match=says) as caught:
        READERS[name].use(folder)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1500


def test_a_flat_file_of_brackets():
    text = b"[" * 100_000
    with pytest.raises(InputError, match="nested too deep"):
        unpack("kind", len(text).to_bytes(8, "little") + text)
