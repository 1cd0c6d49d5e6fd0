"""Recordings that are damaged: each is refused by name, or read as it was written. Nothing else, no crash, no hang."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
from recordings import same

from neurograph.errors import InputError
from neurograph.sim.recording import Recording
from neurograph.sim.recording_file import load, open_recording, save
from neurograph.sim.tally import Tally

HERE = Path(__file__).resolve().parent


def small():
    """One of everything: spikes, messages, values, u and v, a silent population, notes and a tally."""
    rng = np.random.default_rng(0)
    samples, ticks = 3, 5
    spikes = {
        "in": (rng.random((samples, ticks, 2, 3)) < 0.3).astype(np.uint8),
        "graded": rng.integers(-2, 3, (samples, ticks, 4)).astype(np.int32),
        "real": rng.normal(0, 1, (samples, ticks, 2)),
        "silent": np.zeros((samples, ticks, 7), np.uint8),
    }
    state = {"in": rng.integers(-99, 99, (samples, ticks, 2, 3))}
    counts = {"in": rng.integers(0, 99, samples), "graded": rng.integers(0, 99, samples)}
    tally = Tally(counts, counts, tuple(rng.integers(0, 99, (2, samples))), counts, counts)
    return Recording("fixed", ticks, spikes, state, dict(state), 7, 0.5, {"wraps": {"in": 3}}, tally)


def used(path, recording):
    """Read all that is in it; whether it was refused."""
    try:
        found = load(path)
    except InputError as error:
        message = str(error)
        assert message.startswith(f"recording {path}: ") and "\n" not in message and "'neurograph simulate -o'" in message, message
        return True
    assert same(found, recording)
    return False


def cut(folder):
    """Every length up to 500, and 200 lengths of the rest: all are refused."""
    recording, path = small(), folder / "cut.h5"
    save(recording, path)
    whole = path.read_bytes()
    for length in sorted({*range(500), *np.linspace(500, len(whole) - 1, 200).astype(int).tolist()}):
        path.write_bytes(whole[:length])
        assert used(path, recording), length


def flipped(folder):
    """400 files with one to three bytes changed, 130 with a stretch of zeros or ones, 70 with a stretch from elsewhere in the file."""
    recording, path = small(), folder / "flipped.h5"
    save(recording, path)
    whole, rng = path.read_bytes(), np.random.default_rng(1)
    refused = 0
    for case in range(600):
        data = bytearray(whole)
        at, length = int(rng.integers(len(data))), int(rng.integers(1, 300))
        if case < 400:
            for place in rng.integers(0, len(data), rng.integers(1, 4)):
                data[place] ^= int(rng.integers(1, 256))
        elif case < 530:
            data[at : at + length] = bytes([255 * (case % 2)]) * len(data[at : at + length])
        else:
            other = int(rng.integers(len(data)))
            data[at : at + length] = data[other : other + len(data[at : at + length])].ljust(len(data[at : at + length]), b"\0")
        path.write_bytes(data)
        print(case, flush=True)
        refused += used(path, recording)
    assert 300 < refused < 600, refused


CHILD = """
import sys, tempfile, warnings
from pathlib import Path
warnings.simplefilter("error")
sys.path.insert(0, {here!r})
import test_damaged_recordings
with tempfile.TemporaryDirectory() as folder:
    test_damaged_recordings.{what}(Path(folder))
print("done")
"""


@pytest.mark.parametrize("what", ["cut", "flipped"])
def test_damage_is_refused_or_harmless(what):
    """In a process of its own with a time limit: a hang or a crash would be in the HDF5 library."""
    command = [sys.executable, "-c", CHILD.format(here=str(HERE), what=what)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, cwd=HERE)
    except subprocess.TimeoutExpired as expired:
        raise AssertionError(f"hangs on {(expired.stdout or b'').decode().split()[-1:]}") from None
    assert done.stdout.split()[-1:] == ["done"], (done.stdout.split()[-1:], done.stderr[-800:])


def about(file, change):
    """Another description, under a good checksum."""
    text = json.loads(file["about"][()].tobytes())
    change(text)
    del file["about"]
    raw = np.frombuffer(json.dumps(text).encode(), np.uint8)
    file.create_dataset("about", data=raw)


def put(file, where, values, **more):
    del file[where]
    file.create_dataset(where, data=values, **more)


IN, GRADED = "nodes/in/observables/spikes", "nodes/graded/observables/spikes"
CRAFTED = {
    "no idx": (lambda f: f.pop(f"{IN}/idx"), "nodes/in/observables/spikes/idx is missing"),
    "no population": (lambda f: f["nodes"].pop("in"), "nodes/in/observables/spikes/idx is missing"),
    "no value": (lambda f: f.pop(f"{GRADED}/value"), "spikes/value is missing"),
    "no voltages": (lambda f: f["nodes/in/observables"].pop("voltages"), "voltages/data is missing"),
    "no description": (lambda f: f.pop("about"), "about is missing"),
    "no tally": (lambda f: f.pop("tally/messages"), "its tally cannot be read (tally/messages is missing)"),
    "a neuron too many": (lambda f: f[f"{IN}/idx"].write_direct(np.full((3, f[f"{IN}/idx"].shape[1]), 6, np.int32)), "an event of neuron 6, must be 0 to 5"),
    "a neuron too few": (lambda f: f[f"{IN}/idx"].write_direct(np.full((3, f[f"{IN}/idx"].shape[1]), -1, np.int32)), "an event of neuron -1, must be 0 to 5"),
    "index falls": (lambda f: f[f"{IN}/indptr"].__setitem__((1, slice(None)), [0, 3, 2, 4, 5, 6]), "spikes of population 'in': its index of ticks goes from 0"),
    "index from 1": (lambda f: f[f"{IN}/indptr"].__setitem__((1, slice(None)), [1, 2, 3, 4, 5, 6]), "must rise from 0 to at most"),
    "index past the end": (lambda f: f[f"{IN}/indptr"].__setitem__((1, 5), 1000), "its index of ticks goes from 0 to 1000"),
    "index below 0": (lambda f: f[f"{IN}/indptr"].__setitem__((1, 0), -1), "its index of ticks goes from -1"),
    "index of other shape": (lambda f: put(f, f"{IN}/indptr", np.zeros((3, 5), np.int64)), "indptr has shape (3, 5), must be (3, 6)"),
    "index of floats": (lambda f: put(f, f"{IN}/indptr", np.zeros((3, 6))), "indptr is no dataset of int64"),
    "idx of text": (lambda f: put(f, f"{IN}/idx", np.full((3, 9), b"x", object), dtype=h5py.string_dtype()), "idx is no dataset of int32"),
    "idx of other samples": (lambda f: put(f, f"{IN}/idx", np.zeros((2, 9), np.int32)), "idx has shape (2, 9), must be (3, 'any')"),
    "a soft link": (lambda f: (f.pop(f"{IN}/idx"), f.__setitem__(f"{IN}/idx", h5py.SoftLink("/about"))), "spikes/idx is a link"),
    "another file": (lambda f: (f.pop(f"{IN}/idx"), f.__setitem__(f"{IN}/idx", h5py.ExternalLink("x.h5", "/a"))), "spikes/idx is a link"),
    "bytes elsewhere": (lambda f: (f.pop(f"{IN}/indptr"), f.create_dataset(f"{IN}/indptr", (3, 6), np.int64, external=[("/etc/hostname", 0, 144)])), "indptr is no dataset"),
    "a filter": (lambda f: put(f, f"{IN}/indptr", np.zeros((3, 6), np.int64), compression="lzf"), "filters that are not read"),
    "other ticks": (lambda f: about(f, lambda a: a.update(ticks=6)), "must be (3, 7)"),
    "no ticks": (lambda f: about(f, lambda a: a.update(ticks=0)), "0 ticks, 3 samples"),
    "ticks of text": (lambda f: about(f, lambda a: a.update(ticks="5")), "5 ticks, 3 samples"),
    "fewer than no samples": (lambda f: about(f, lambda a: a.update(samples=-3)), "5 ticks, -3 samples"),
    "a huge population": (lambda f: about(f, lambda a: a["spikes"][0].update(shape=[1 << 40, 1 << 40])), "uint8 of shape (3, 5, 1099511627776"),
    "a shape of floats": (lambda f: about(f, lambda a: a["spikes"][0].update(shape=[2.0, 3])), "uint8 of shape (3, 5, 2.0, 3)"),
    "objects": (lambda f: about(f, lambda a: a["spikes"][0].update(dtype="object")), "object of shape"),
    "another layout": (lambda f: about(f, lambda a: a["spikes"][0].update(layout="cloud")), "layout 'cloud'"),
    "values for events": (lambda f: about(f, lambda a: a["spikes"][0].update(layout="values")), "spikes/data is missing"),
    "notes of text": (lambda f: about(f, lambda a: a.update(notes="x")), "its description cannot be read"),
    "no engine": (lambda f: about(f, lambda a: a.pop("engine")), "its description cannot be read ('engine')"),
    "a list": (lambda f: put(f, "about", np.frombuffer(b"[1]", np.uint8)), "its description cannot be read"),
    "no JSON": (lambda f: put(f, "about", np.frombuffer(b"\xff{", np.uint8)), "its description cannot be read"),
    "deep JSON": (lambda f: put(f, "about", np.frombuffer(b"[" * 100_000, np.uint8)), "its description cannot be read"),
    "a square of JSON": (lambda f: put(f, "about", np.zeros((2, 2), np.uint8)), "text of shape (2, 2)"),
    "another version": (lambda f: f.attrs.__setitem__("version", 3), "is of version 3, this neurograph reads version 2"),
    "a version of text": (lambda f: f.attrs.__setitem__("version", "2"), "is no recording of neurograph"),
    "another format": (lambda f: f.attrs.__setitem__("format", np.bytes_("neurograph.bundle")), "is no recording of neurograph"),
    "format of text": (lambda f: f.attrs.__setitem__("format", "neurograph.recording"), "is no recording of neurograph"),
    "no format": (lambda f: f.attrs.__delitem__("format"), "is no recording of neurograph"),
}  # fmt: skip


@pytest.mark.parametrize("case", CRAFTED)
def test_what_does_not_fit_is_named(tmp_path, case):
    damage, says = CRAFTED[case]
    path = tmp_path / "r.h5"
    save(small(), path)
    with h5py.File(path, "r+") as file:
        damage(file)
    with pytest.raises(InputError) as raised:
        load(path)
    assert says in str(raised.value) and str(path) in str(raised.value) and "'neurograph simulate -o'" in str(raised.value)


def test_other_files(tmp_path):
    (tmp_path / "text.h5").write_text("not HDF5")
    (tmp_path / "empty.h5").touch()
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    for name, says in (
        ("text.h5", "the file cannot be read"),
        ("empty.h5", "the file cannot be read"),
        ("other.h5", "is no recording of neurograph"),
        ("none.h5", "does not exist"),
        ("", "is a folder"),
    ):
        with pytest.raises(InputError, match=says):
            open_recording(tmp_path / name)


def test_version_1_is_refused_by_name(tmp_path):
    """As earlier versions wrote it: dense arrays, and text in attributes of variable length."""
    with h5py.File(tmp_path / "r.h5", "w") as file:
        file.attrs.update(format="neurograph.recording", version=1, engine="fixed", ticks=3, machine_steps=3, wall_s=0.1)
        for kind in ("spikes", "voltages", "currents"):
            file.create_group(kind).create_dataset("p", data=np.zeros((1, 3, 2), np.uint8))
    with pytest.raises(InputError, match="is of version 1, this neurograph reads version 2; write it again"):
        open_recording(tmp_path / "r.h5")


def test_damage_further_in_is_found_when_it_is_read(tmp_path):
    path = tmp_path / "r.h5"
    save(small(), path)
    with h5py.File(path, "r+") as file:
        file[f"{IN}/idx"][2] = 6
    stored = open_recording(path)
    np.testing.assert_array_equal(stored.spikes["in"][:2], small().spikes["in"][:2])
    np.testing.assert_array_equal(stored.spikes["graded"], small().spikes["graded"])
    with pytest.raises(InputError, match="population 'in': an event of neuron 6"):
        stored.spikes["in"][2]


def test_a_closed_recording_says_so(tmp_path):
    save(small(), tmp_path / "r.h5")
    with open_recording(tmp_path / "r.h5") as stored:
        pass
    for held in (stored.spikes["in"], stored.voltages["in"]):
        with pytest.raises(InputError, match="is closed, so"):
            held[0]


def test_reading_leaves_no_warning_and_no_open_file(tmp_path):
    save(small(), tmp_path / "r.h5")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(open_recording(tmp_path / "r.h5").spikes["in"][0]) == 5
    with h5py.File(tmp_path / "r.h5", "r+"):  # HDF5 refuses to write a file that is open to be read
        pass
