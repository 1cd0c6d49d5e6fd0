"""Small files that declare much: refused in one line, exit status 2, in bounded memory."""

import io
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path

import damage
import h5py
import numpy as np
import onnx
import pytest
import torch
from reader import seal
from readers import READERS, made

ROOT = Path(__file__).resolve().parents[2]
BIG = 10**12


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    names = ("checkpoint", "weights", "bundle: network", "recording", "samples", "profile", "settings", "TU", "Planetoid", "Amazon")
    return dict(made(tmp_path_factory.mktemp("good"), names))


def rewritten(path, change):
    """A torch file with another payload."""
    payload = torch.load(path, weights_only=True)
    change(payload)
    torch.save(payload, path)


def stride_0(folder):
    rewritten(folder / "k.pt", lambda held: held["state_dict"].update({"encoder.weight": torch.ones(1).expand(BIG)}))


def wide_config(folder):
    rewritten(folder / "k.pt", lambda held: held["config"].update(gnn_width=1 << 20, attention_width=1 << 20))


def deep_config(folder):
    rewritten(folder / "k.pt", lambda held: held["config"].update(attention_blocks=1 << 20))


def wide_features(folder):
    one = torch.zeros(1, dtype=torch.int32)
    rewritten(
        folder / "k.pt", lambda held: held["graph"].update(x={"row": one, "column": one, "value": torch.ones(1), "shape": [BIG, BIG]})
    )


def doubled_lists(folder):
    """2^60 places of one list."""
    held = ["x"]
    for _ in range(60):
        held = [held, held]
    rewritten(folder / "k.pt", lambda payload: payload["metrics"].update(a=held))


def packed_record(folder):
    """A record of zeros, packed a thousandfold."""
    members = records(folder / "k.pt")
    name = next(name for name in members if name.endswith("/data/0"))
    members[name] = bytes(1 << 30)
    (folder / "k.pt").write_bytes(damage.as_zip(members, zipfile.ZIP_DEFLATED))


def overlapping(folder):
    """Two names for the bytes of one record: a zip may say so as often as it likes."""
    data = (folder / "k.pt").read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        largest = max(archive.infolist(), key=lambda record: record.file_size)
        end = data.rindex(b"PK\5\6")
        start = int.from_bytes(data[end + 16 : end + 20], "little")
        at = data.index(largest.filename.encode(), start) - 46
        entry = data[at : data.index(b"PK", at + 4)]
        copies = b"".join(entry.replace(largest.filename.encode(), f"{largest.filename[:-3]}{n:03d}".encode()) for n in range(300))
    made = data[:end] + copies + data[end:]
    count = (int.from_bytes(data[end + 10 : end + 12], "little") + 300).to_bytes(2, "little")
    size = (int.from_bytes(data[end + 12 : end + 16], "little") + len(copies)).to_bytes(4, "little")
    tail = bytearray(made[end + len(copies) :])
    tail[8:10] = tail[10:12] = count
    tail[12:16] = size
    (folder / "k.pt").write_bytes(made[: end + len(copies)] + bytes(tail))


def records(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def storage_beyond_its_record(folder):
    """A tensor of a gigabyte over a record of four bytes: torch would read what lies behind it."""
    members = records(folder / "k.pt")
    name = next(name for name in members if name.endswith("data.pkl"))

    class Pickler(pickle.Pickler):
        def persistent_id(self, item):
            return ("storage", torch.FloatStorage, "0", "cpu", 1 << 28) if item == "here" else None

    class Tensor:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, ("here", 0, (1 << 28,), (1,), False, OrderedDict())

    buffer = io.BytesIO()
    Pickler(buffer, 2).dump({"format": "neurograph-checkpoint", "version": 2, "state_dict": {"x": Tensor()}})
    members[name] = buffer.getvalue()
    (folder / "k.pt").write_bytes(damage.as_zip(members))


def sized(name, **attributes):
    """Attributes of groups of a network."""

    def change(folder):
        with h5py.File(folder / "network.h5", "a") as file:
            group = file[name]
            for key, value in attributes.items():
                group.attrs[key] = value
        seal(folder)

    return change


def unpaid(folder):
    with h5py.File(folder / "check.h5", "a") as file:
        name = next(iter(file["input"]))
        del file[f"input/{name}"]
        file.create_dataset(f"input/{name}", shape=(BIG,), dtype="f8")
    seal(folder)


def inflating(folder):
    with h5py.File(folder / "check.h5", "a") as file:
        name = next(iter(file["input"]))
        del file[f"input/{name}"]
        data = file.create_dataset(f"input/{name}", shape=(4,), dtype="f8", chunks=(4,), compression="gzip")
        data.id.write_direct_chunk((0,), zlib.compress(bytes(1 << 30)))
    seal(folder)


def wide_csr(folder):
    """Indices that lie far outside: kernels would read and write there."""
    with h5py.File(folder / "network.h5", "a") as file:
        found = []
        file["integer"].visititems(lambda name, item: found.append(item) if name.endswith("/indices") else None)
        values = found[0][()]
        values[0] = 2**30
        found[0][...] = values
    seal(folder)


def huge_tensor(folder):
    model = onnx.load(folder / "host/encoder.onnx", load_external_data=False)
    model.graph.initializer[0].dims[:] = [BIG, BIG]
    (folder / "host/encoder.onnx").write_bytes(model.SerializeToString())
    seal(folder)


def deep_manifest(folder):
    (folder / "manifest.json").write_text("[" * 100_000)


def long_ranges(folder):
    content = json.loads((folder / "placement.json").read_text())
    content["core_map"][0]["slices"][0]["nodes"] = [[0, BIG]]
    (folder / "placement.json").write_text(json.dumps(content))
    seal(folder)


def header(shape):
    def change(folder):
        whole = (folder / "a.npy").read_bytes()
        (folder / "a.npy").write_bytes(re.sub(rb"'shape': \([^)]*\), }", f"'shape': {shape}, }}".encode(), whole).ljust(len(whole)))

    return change


def zip_of_zeros(folder):
    (folder / "a.npy").write_bytes(damage.as_zip({"x.npy": damage.as_npy(np.zeros(1 << 27))}, zipfile.ZIP_DEFLATED))


def text(file, content):
    return lambda folder: (folder / file).write_text(content)


def toml_lists(file):
    return lambda folder: (folder / file).write_text((folder / file).read_text() + "\nx = " + "[" * 50_000)


def cell(file, line, content):
    def change(folder):
        lines = (folder / file).read_text().splitlines()
        lines[line] = content
        (folder / file).write_text("\n".join(lines) + "\n")

    return change


def dense_amazon(folder):
    arrays = dict(np.load(folder / "amazon_electronics_photo.npz"))
    arrays["attr_shape"] = np.array([30, 1 << 30])
    np.savez(folder / "amazon_electronics_photo.npz", **arrays)


CHECKPOINT = ["inspect", "k.pt"]
BUNDLE = ["simulate", ".", "--json"]
TRAIN = ["train", "spikegraphormer", "--epochs", "1", "-o", "out.pt", "--data-root", "."]
POPULATION = "integer/populations/00001"
CASES = {
    "a tensor of one number": ("checkpoint", stride_0, CHECKPOINT, "of 4,000,000,000,000 bytes in a file of"),
    "a wide config": ("checkpoint", wide_config, CHECKPOINT, "config cannot be used"),
    "a config of many layers": ("checkpoint", deep_config, CHECKPOINT, "attention_blocks is 1,048,576, must be at most"),
    "features of 10^24": ("checkpoint", wide_features, CHECKPOINT, "features of shape (1000000000000, 1000000000000)"),
    "lists of lists": ("checkpoint", doubled_lists, CHECKPOINT, "nested deeper than 30"),
    "a packed record": ("checkpoint", packed_record, CHECKPOINT, "holds a packed record"),
    "records over one another": ("checkpoint", overlapping, CHECKPOINT, "checkpoint k.pt: "),
    "a storage beyond its record": ("checkpoint", storage_beyond_its_record, CHECKPOINT, "damaged"),
    "weights": ("weights", lambda folder: torch.save({"0.weight": torch.ones(1).expand(BIG)}, folder / "w.pt"), ["export", "w.pt", "--model", "readers_of_models:net", "--target", "lava", "--input", "w.pt", "-o", "b"], "bytes in a file of"),
    "a population of 10^12": ("bundle: network", sized(POPULATION, shape=np.array([10**6, 10**6])), BUNDLE, "shape (1000000, 1000000), at most"),
    "a population that wraps": ("bundle: network", sized(POPULATION, shape=np.array([2**32, 2**32])), BUNDLE, "shape (4294967296, 4294967296), at most"),
    "10^12 ticks": ("bundle: network", sized("integer", ticks=BIG), BUNDLE, "1,000,000,000,000 ticks of"),
    "an unpaid dataset": ("bundle: network", unpaid, BUNDLE, "shape (1000000000000,) brings what the file declares to 8,000,000"),
    "an inflating chunk": ("bundle: network", inflating, BUNDLE, "does not inflate to its 32 bytes"),
    "indices far outside": ("bundle: network", wide_csr, BUNDLE, "a sparse matrix of"),
    "an ONNX tensor of 10^24": ("bundle: network", huge_tensor, ["report", "."], "declares shape"),
    "a deep manifest": ("bundle: network", deep_manifest, BUNDLE, "nested too deep"),
    "ranges of 10^12": ("bundle: network", long_ranges, ["report", ".", "--profile", "loihi2", "--placement", "placement.json"], "ranges [[0, 1000000000000]]"),
    "an array of 10^12": ("samples", header("(1000000000000,)"), ["simulate", "B", "--input", "a.npy"], "declares 8,000,000,000,000 bytes"),
    "an array of -1": ("samples", header("(-1,)"), ["simulate", "B", "--input", "a.npy"], "Cannot parse header"),
    "a zip of zeros": ("samples", zip_of_zeros, ["simulate", "B", "--input", "a.npy"], "declares 1,073,741,952 bytes"),
    "a deep profile": ("profile", toml_lists("p.toml"), ["profiles", "validate", "p.toml"], "nested deeper than 100"),
    "a profile of many dots": ("profile", text("p.toml", "a" + ".a" * 100_000 + " = 1"), ["profiles", "validate", "p.toml"], "nested deeper than 100"),
    "deep settings": ("settings", toml_lists("s.toml"), ["train", "spikegraphormer", "--dataset", "karate", "--config", "s.toml", "-o", "o.pt"], "nested deeper than 100"),
    "graph 10^12": ("TU", cell("MADE_graph_indicator.txt", -1, str(BIG)), [*TRAIN, "--dataset", "tu:MADE"], "graphs have no node"),
    "label 10^12": ("TU", cell("MADE_node_labels.txt", 0, str(BIG)), [*TRAIN, "--dataset", "tu:MADE"], "labels make"),
    "a number of many digits": ("TU", cell("MADE_A.txt", 0, "9" * 100_000 + ", 1"), [*TRAIN, "--dataset", "tu:MADE"], "MADE_A.txt"),
    "test node 10^12": ("Planetoid", cell("ind.cora.test.index", 0, str(BIG)), [*TRAIN, "--dataset", "cora"], "do not fit each other"),
    "30 rows of 10^9": ("Amazon", dense_amazon, [*TRAIN, "--dataset", "photo"], "features of shape (30, 1073741824)"),
}  # fmt: skip

CHILD = """
import io, json, os, resource, sys, contextlib
sys.path[:0] = json.loads(sys.argv[2])
import torch, h5py, onnx, scipy.sparse, torch_geometric.datasets
from pathlib import Path
from neurograph.cli.main import run_command
limit = int(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmSize"))) * 1024
resource.setrlimit(resource.RLIMIT_AS, (limit + (2 << 30),) * 2)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
for folder, words in json.loads(sys.argv[1]):
    os.chdir(folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = run_command(words)
        except BaseException as error:
            status = repr(error)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps([status, out.getvalue(), err.getvalue(), grown / 1024]), flush=True)
"""


@pytest.fixture(scope="module")
def outcomes(good, tmp_path_factory):
    """Every case in one process, whose address space is limited."""
    folder, jobs = tmp_path_factory.mktemp("bombs"), []
    for number, (name, change, words, _) in enumerate(CASES.values()):
        at = folder / str(number)
        shutil.copytree(good[name], at)
        change(at)
        jobs.append([str(at), [str(good["bundle: network"]) if word == "B" else word for word in words]])
    paths = [str(Path(__file__).parent), *(str(Path(__file__).parents[1] / part) for part in ("export", "sim", "models", ""))]
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", CHILD, json.dumps(jobs), json.dumps(paths)], capture_output=True, text=True, timeout=280, env=environment, check=False)  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert len(found) == len(CASES), (list(CASES)[len(found)], done.returncode, done.stderr[-1500:])
    return dict(zip(CASES, found, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_a_file_that_declares_more_than_it_holds_is_refused(outcomes, case):
    status, out, err, grown = outcomes[case]
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert status == 2 and len(errors) == 1 and "Traceback" not in err, (status, out, err)
    assert CASES[case][-1] in errors[0] and len(errors[0]) < 1500, errors
    assert grown < 600, f"{grown:.0f} MiB"


def test_readers_are_named():
    assert {case[0] for case in CASES.values()} <= READERS.keys()
