"""Files of recordings: what is written is read, whole or in slices, by us and by NIR's own reader."""

import io
import os
import subprocess
import tempfile
import tracemalloc
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_network
from recordings import KINDS, recordings, same

from neurograph.errors import InputError
from neurograph.hw_profiles.counts import count
from neurograph.sim import floating, recording_file
from neurograph.sim.parity import compare
from neurograph.sim.recording import Recording
from neurograph.sim.recording_file import RecordingWriter, load, open_recording, save


@pytest.fixture
def run():
    network, inputs = random_network(6)
    return network, floating.run(network, {name: np.stack([value, value[::-1]]) for name, value in inputs.items()}, counts=True)


@settings(max_examples=60)
@given(recordings())
def test_what_is_saved_is_loaded(recording):
    with tempfile.TemporaryDirectory() as folder:
        save(recording, Path(folder, "r.h5"))
        assert same(load(Path(folder, "r.h5")), recording)
        with open_recording(Path(folder, "r.h5")) as stored:
            assert same(stored, recording) and stored.counts() == recording.counts()
        assert os.listdir(folder) == ["r.h5"]


spans = st.one_of(
    st.integers(-9, 8),
    st.builds(slice, *[st.one_of(st.none(), st.integers(-9, 9))] * 2, st.sampled_from([None, 1, 2, -1, -3])),
    st.just(...),
)


@settings(max_examples=60)
@given(recordings(), st.data())
def test_slices_are_numpys(recording, data):
    with tempfile.TemporaryDirectory() as folder:
        save(recording, Path(folder, "r.h5"))
        with open_recording(Path(folder, "r.h5")) as stored:
            for kind in KINDS:
                for name, values in getattr(recording, kind).items():
                    held = getattr(stored, kind)[name]
                    assert (held.shape, held.dtype, held.ndim, held.size, len(held)) == (
                        values.shape,
                        values.dtype,
                        values.ndim,
                        values.size,
                        len(values),
                    )
                    keys = data.draw(st.lists(spans, min_size=1, max_size=values.ndim).filter(lambda keys: keys.count(...) < 2))
                    key = keys[0] if len(keys) == 1 else tuple(keys)
                    try:
                        wanted = values[key]
                    except IndexError:
                        with pytest.raises(IndexError):
                            held[key]
                        continue
                    found = held[key]
                    assert found.dtype == wanted.dtype
                    np.testing.assert_array_equal(found, wanted)


@settings(max_examples=60)
@given(recordings(), st.data())
def test_pieces_in_any_order_of_samples_make_the_same_recording(recording, data):
    """Ticks of a sample in their order, cut anywhere; whatever waits in the buffer."""
    samples, ticks = recording.samples, recording.ticks
    cuts = sorted({0, ticks, *data.draw(st.lists(st.integers(0, ticks), max_size=3))})
    blocks = sorted({0, samples, *data.draw(st.lists(st.integers(0, samples), max_size=2))})
    pieces = [
        (kind, name, slice(a, b), slice(s, t))
        for kind in KINDS
        for name in getattr(recording, kind)
        for a, b in pairwise(blocks)
        for s, t in pairwise(cuts)
    ]
    pieces = sorted(data.draw(st.permutations(pieces)), key=lambda piece: piece[3].start)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "r.h5")
        with RecordingWriter(
            path, engine="fixed", samples=samples, ticks=ticks, buffer_bytes=data.draw(st.sampled_from([0, 200, 1 << 20]))
        ) as writer:
            for kind, name, s, t in pieces:
                writer.append(name, s, t, getattr(recording, kind)[name][s, t], kind=kind)
            writer.finish(machine_steps=recording.machine_steps, wall_s=recording.wall_s, notes=recording.notes, tally=recording.tally)
        back = load(path)
        for kind in KINDS:  # in the order in which they came
            assert getattr(back, kind).keys() == getattr(recording, kind).keys()
        assert same(
            replace(back, **{kind: {name: getattr(back, kind)[name] for name in getattr(recording, kind)} for kind in KINDS}), recording
        )


@settings(max_examples=30)
@given(recordings())
def test_nir_reads_it_as_its_own(recording):
    """nir.read_data takes the file as it is; its grid of one tick a step, and its events of the same grid, are what was recorded."""
    with tempfile.TemporaryDirectory() as folder:
        save(recording, Path(folder, "r.h5"))
        read = nir.read_data(Path(folder, "r.h5"))
    assert read.nodes.keys() == set().union(*(getattr(recording, kind) for kind in KINDS))
    for kind in KINDS:
        for name, values in getattr(recording, kind).items():
            found, flat = read.nodes[name].observables[kind], values.reshape(*values.shape[:2], -1)
            if kind != "spikes" or values.dtype.kind == "f":
                assert (type(found), found.dt) == (nir.TimeGriddedData, 1.0)
                np.testing.assert_array_equal(found.data, flat)
                continue
            valued = values.dtype.name not in ("bool", "uint8")
            assert type(found) is (nir.ValuedEventData if valued else nir.EventData)
            assert (found.n_neurons, found.t_max) == (flat.shape[2], recording.ticks)
            np.testing.assert_array_equal(found.to_time_gridded(1.0).data, flat)
            most = int(np.count_nonzero(flat, axis=(1, 2)).max())
            theirs = nir.TimeGriddedData(flat != 0, 1.0).to_event(most)
            order = np.lexsort((theirs.idx, theirs.time))  # they leave open in which order the events of a tick come
            np.testing.assert_array_equal(found.idx, np.take_along_axis(theirs.idx, order, axis=1))
            np.testing.assert_array_equal(found.time, np.take_along_axis(theirs.time, order, axis=1))


def test_what_takes_a_recording_takes_a_stored_one(run, tmp_path):
    network, recording = run
    save(recording, tmp_path / "r.h5")
    stored = open_recording(tmp_path / "r.h5")
    for a, b in ((stored, recording), (recording, stored), (stored, stored)):
        assert compare(network, a, b, voltages=True) == compare(network, recording, recording, voltages=True)
    without = replace(stored, tally=None)
    for other in (stored, without):
        assert (count(network, other).synaptic_events == count(network, recording).synaptic_events).all()
        assert (count(network, other).updates_active == count(network, recording).updates_active).all()
    name = next(name for name, values in recording.spikes.items() if values.any())
    assert (stored.spikes[name] == recording.spikes[name]).all() and (stored.spikes[name] != recording.spikes[name]).sum() == 0
    np.testing.assert_array_equal(stored.spikes[name][:, [0, 2]], recording.spikes[name][:, [0, 2]])
    changed = {name: 1 - np.asarray(stored.spikes[name])}
    assert replace(without, spikes=changed).counts() == {name: int(changed[name].sum())}


class Counting(io.FileIO):
    """A file that counts the bytes read from it."""

    count = 0

    def readinto(self, buffer):
        read = super().readinto(buffer)
        Counting.count += read
        return read


def test_a_slice_reads_no_more_than_its_chunks(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    spikes, values = rng.random((16, 4, 40_000)) < 0.4, rng.normal(0, 1, (16, 4, 40_000)).astype(np.float32)
    save(Recording("fixed", 4, {"p": spikes}, {"p": values}), tmp_path / "r.h5")
    size = (tmp_path / "r.h5").stat().st_size
    real, counting = h5py.File, Counting(tmp_path / "r.h5")
    monkeypatch.setattr(recording_file.h5py, "File", lambda path, mode: real(counting, mode))
    stored = open_recording(tmp_path / "r.h5")
    assert Counting.count < size / 20
    for held, wanted, share in ((stored.spikes["p"], spikes, 12), (stored.voltages["p"], values, 40)):
        Counting.count = 0
        np.testing.assert_array_equal(held[5, 2], wanted[5, 2])
        one = Counting.count
        assert 0 < one < held.stored_bytes / share
        Counting.count = 0
        np.testing.assert_array_equal(held[...], wanted)
        assert Counting.count > 10 * one
    stored.close()
    counting.close()


def test_pieces_are_written_in_bounded_memory(tmp_path):
    """64 pieces of 1 MiB, 20 % active: the peak is that of a few pieces, not of the 64."""
    rng, piece = np.random.default_rng(1), (1, 1, 1 << 20)
    tracemalloc.start()
    with RecordingWriter(tmp_path / "r.h5", engine="fixed", samples=4, ticks=16, buffer_bytes=1 << 20) as writer:
        for sample in range(4):
            for tick in range(16):
                spikes = rng.random(piece, dtype=np.float32) < 0.2
                writer.append("p", slice(sample, sample + 1), slice(tick, tick + 1), spikes)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 24 << 20, peak
    with open_recording(tmp_path / "r.h5") as stored:
        assert stored.counts()["p"] == pytest.approx(0.2 * 64 * (1 << 20), rel=0.01)
        np.testing.assert_array_equal(stored.spikes["p"][3, 15], spikes[0, 0])


def test_a_recording_of_nothing_keeps_its_counts(run, tmp_path):
    _, recording = run
    save(replace(recording, spikes={}, voltages={}, currents={}), tmp_path / "r.h5")
    back = load(tmp_path / "r.h5")
    assert back.spikes == {} and back.samples == 2 and {name: int(n.sum()) for name, n in back.tally.spikes.items()} == recording.counts()


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "r.h5"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), RecordingWriter(path, engine="fixed", samples=1, ticks=2) as writer:
        writer.append("p", slice(0, 1), slice(0, 1), np.ones((1, 1, 3), np.uint8))
        raise ZeroDivisionError
    with (
        pytest.raises(InputError, match="'p': 1 ticks of sample 0, must be 2"),
        RecordingWriter(path, engine="fixed", samples=1, ticks=2) as writer,
    ):
        writer.append("p", slice(0, 1), slice(0, 1), np.ones((1, 1, 3), np.uint8))
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["r.h5"]
    with pytest.raises(FileNotFoundError, match="elsewhere"), RecordingWriter(path, engine="fixed", samples=1, ticks=2):
        Path("elsewhere").read_text()
    with pytest.raises(InputError, match="is not open for writing"):
        writer.append("p", slice(0, 1), slice(0, 1), np.ones((1, 1, 3), np.uint8))


def test_a_disk_that_is_full_leaves_what_was_there(tmp_path):
    """A real file system of 64 KiB, where the machine lets us mount one; and /dev/full for all the others."""
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("cannot mount a small tmpfs here (needs root)")
    try:
        (small / "r.h5").write_text("old")
        spikes = np.random.default_rng(0).random((1, 4, 100_000)) < 0.5
        with pytest.raises(InputError, match="No space left on device.*has room"):
            save(Recording("fixed", 4, {"p": spikes}), small / "r.h5")
        with (
            pytest.raises(InputError, match="No space left on device"),
            RecordingWriter(small / "r.h5", engine="f", samples=1, ticks=4, buffer_bytes=0) as writer,
        ):
            for t in range(4):  # says so at the first piece that does not fit
                writer.append("p", slice(0, 1), slice(t, t + 1), spikes[:, t : t + 1])
                assert t == 0
        assert (small / "r.h5").read_text() == "old" and os.listdir(small) == ["r.h5"]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="nowhere/r.h5: cannot be written .No such file"):
        save(Recording("fixed", 1, {}), tmp_path / "nowhere" / "r.h5")


@pytest.mark.parametrize(
    ("pieces", "says"),
    [
        ([("p", (0, 1), (1, 2), np.ones((1, 1, 3), bool))], "tick 1 after 0 ticks"),
        ([("p", (0, 1), (0, 1), np.ones((1, 1, 3), bool))] * 2, "tick 0 after 1 ticks"),
        ([("p", (0, 1), (0, 2), np.ones((1, 1, 3), bool))], "a piece of shape (1, 1, 3) for samples 0 to 1 and ticks 0 to 2"),
        ([("p", (0, 9), (0, 1), np.ones((9, 1, 3), bool))], "a piece of shape (9, 1, 3) for samples 0 to 2"),
        ([("p", (0, 1), (0, 1), np.full((1, 1, 3), 2, np.uint8))], "holds 2, but uint8 are spikes, 0 or 1"),
        ([("p", (0, 1), (0, 1), np.ones((1, 1, 3), bool)), ("p", (1, 2), (0, 1), np.ones((1, 1, 4), bool))], "of shape (4,) after bool of shape (3,)"),
        ([("p", (0, 1), (0, 1), np.ones((1, 1, 3), bool)), ("p", (1, 2), (0, 1), np.ones((1, 1, 3), int))], "int64 of shape (3,) after bool"),
        ([("p", (0, 1), (0, 1), np.ones((1, 1, 3), complex))], "holds complex128"),
        ([("p", (0, 1), (0, 1), np.ones((1, 1, 0), bool))], "at least one neuron"),
        ([("a/b", (0, 1), (0, 1), np.ones((1, 1, 3), bool))], "'a/b': cannot be stored"),
    ],
)  # fmt: skip
def test_pieces_that_do_not_fit(tmp_path, pieces, says):
    with pytest.raises(InputError) as raised, RecordingWriter(tmp_path / "r.h5", engine="fixed", samples=2, ticks=4) as writer:
        for name, samples, ticks, values in pieces:
            writer.append(name, slice(*samples), slice(*ticks), values)
    assert says in str(raised.value) and os.listdir(tmp_path) == []


def test_populations_of_different_lengths_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"population 'b' have shape \(2, 3, 1\), must begin with \(1, 3\)"):
        save(Recording("fixed", 3, {"a": np.ones((1, 3, 1)), "b": np.ones((2, 3, 1))}), tmp_path / "r.h5")
