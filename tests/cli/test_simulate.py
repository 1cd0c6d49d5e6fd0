"""simulate: what it records, counts and writes; and what it refuses. inspect of what it wrote."""

import json
import os
import shutil
from itertools import pairwise

import h5py
import nir
import numpy as np
import pytest
from calling import call, refused

from neurograph.cli.main import run_command
from neurograph.cli.sizes import read_size
from neurograph.errors import InputError, MemoryLimitError
from neurograph.export import nir_io
from neurograph.export.bundle import open_bundle
from neurograph.hw_profiles.counts import count
from neurograph.sim import choice, fixed, floating
from neurograph.sim.check import run_engine
from neurograph.sim.recording_file import load, open_recording, save

TICKS = 20


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Bundles of a graph of spikes (s), of one with a readout on the host (r), and x.npy, two inferences of s."""
    folder, rng, one = tmp_path_factory.mktemp("simulate"), np.random.default_rng(3), np.ones(5)
    lif = nir.LIF(tau=2e-4 * one, r=one, v_leak=0 * one, v_threshold=0.3 * one, v_reset=0 * one)
    spiking = {"input": nir.Input(np.array([4])), "w": nir.Linear(rng.normal(0.3, 1, (5, 4))), "lif": lif}
    two = np.ones(2)
    li = nir.LI(tau=1e-3 * two, r=two, v_leak=0 * two)
    readout = {**spiking, "w2": nir.Linear(rng.normal(0, 1, (2, 5))), "li": li, "output": nir.Output(np.array([2]))}
    np.save(folder / "x.npy", (rng.random((2, TICKS, 4)) < 0.4).astype(np.uint8))
    np.save(folder / "one.npy", np.load(folder / "x.npy")[0])
    for name, nodes in (("s", {**spiking, "output": nir.Output(np.array([5]))}), ("r", readout)):
        nir_io.write(nir.NIRGraph(nodes, list(pairwise(nodes))), folder / f"{name}.nir")
        arguments = (
            "export",
            folder / f"{name}.nir",
            "--dialect",
            "nir",
            "--input",
            folder / "one.npy",
            "--target",
            "loihi2",
            "--no-verify",
        )
        assert run_command([str(a) for a in (*arguments, "-o", folder / name)]) == 0
    return folder


def simulated(capsys, *arguments):
    status, out, err = call(capsys, "simulate", *arguments, "--json")
    assert status == 0, err
    return json.loads(out)


def test_counts_are_those_of_the_spikes(capsys, made):
    """Against the counts of a recording that holds every spike; whether or not the run kept them."""
    bundle = open_bundle(made / "s")
    whole = count(bundle.quantized, fixed.run(bundle.quantized, {"input": np.load(made / "x.npy")}))
    assert whole.spikes.sum() > 50
    for more in ((), ("--record", "all"), ("--record", "none")):
        result = simulated(capsys, made / "s", "--input", made / "x.npy", "--counts", *more)
        for name in ("synaptic_events", "graded_events", "neuron_updates", "updates_active", "spikes", "messages"):
            assert result["counts"][name] == sum(result["counts"]["per_sample"][name])
            assert result["counts"]["per_sample"][name] == getattr(whole, name).tolist()
        assert sum(result["spikes"].values()) == result["counts"]["spikes"]
    assert "counts" not in simulated(capsys, made / "s")
    _, out, _ = call(capsys, "simulate", made / "s", "--input", made / "x.npy", "--counts")
    assert f"{whole.synaptic_events.sum():,}  synaptic events" in out and f"{whole.messages.sum():,}  messages" in out
    assert f"{2 * TICKS * 5:,}  neuron updates, {whole.updates_active.sum():,} of them active" in out


def test_counts_are_those_of_the_report(capsys, made):
    counts = simulated(capsys, made / "s", "--counts")["counts"]
    report = json.loads(call(capsys, "report", made / "s", "--json")[1])["counts"]
    assert {name: counts[name] for name in ("synaptic_events", "neuron_updates", "spikes", "messages")} == {
        name: report[name] for name in ("synaptic_events", "neuron_updates", "spikes", "messages")
    }


@pytest.mark.parametrize("engine", ["fixed", "float", "pipelined-fixed"])
def test_record_says_what_the_file_keeps(capsys, made, tmp_path, engine):
    bundle, inputs = open_bundle(made / "s"), {"input": np.load(made / "x.npy")}
    whole = run_engine(engine, bundle.network, bundle.integers, inputs)
    every, outputs = whole.spikes.keys(), set(bundle.network.outputs)
    assert every > outputs
    for more, spikes, state in (((), every, False), (("--record", "spikes"), every, False), (("--record", "outputs"), outputs, False), (("--record", "all"), every, True)):  # fmt: skip
        result = simulated(capsys, made / "s", "--input", made / "x.npy", "--engine", engine, "-o", tmp_path / "r.h5", *more)
        found = load(tmp_path / "r.h5")
        assert (found.engine, found.samples, found.ticks, found.spikes.keys()) == (engine, 2, TICKS, spikes)
        assert result["spikes"] == whole.counts() and (found.tally is None) == (engine == "pipelined-fixed")
        for name in spikes:
            np.testing.assert_array_equal(found.spikes[name], whole.spikes[name])
        assert (found.voltages.keys(), found.currents.keys()) == (
            (whole.voltages.keys(), whole.currents.keys()) if state else (set(), set())
        )
        for name in found.voltages:
            np.testing.assert_array_equal(found.voltages[name], whole.voltages[name])


def test_counts_without_spikes_make_a_recording(capsys, made, tmp_path):
    simulated(capsys, made / "s", "--record", "none", "--counts", "-o", tmp_path / "r.h5")
    bundle = open_bundle(made / "s")
    found = load(tmp_path / "r.h5")
    assert found.spikes == {} and count(bundle.quantized, found).synaptic_events.tolist() == [
        simulated(capsys, made / "s", "--counts")["counts"]["synaptic_events"]
    ]
    refused(capsys, "simulate", made / "s", "--record", "none", "-o", tmp_path / "n.h5", says=["--record none", "n.h5", "--counts"])
    assert os.listdir(tmp_path) == ["r.h5"]


@pytest.mark.parametrize("engine", ["fixed", "float"])
def test_values_of_a_readout_on_the_host_are_kept(capsys, made, tmp_path, engine):
    for record in ("spikes", "outputs", "all"):
        result = simulated(capsys, made / "r", "--engine", engine, "-o", tmp_path / "r.h5", "--record", record)
        found = load(tmp_path / "r.h5")
        assert found.spikes["li"].shape == (1, TICKS, 2) and found.spikes["li"].dtype == np.float64 and found.spikes["li"].any()
        np.testing.assert_array_equal(found.spikes["li"].mean(axis=1), result["readout_mean"]["li"])
    bundle = open_bundle(made / "r")
    np.testing.assert_allclose(found.spikes["li"], floating.run(bundle.readout, {"lif": found.spikes["lif"]}).spikes["li"], atol=1e-12)


def test_inspect_of_a_recording(capsys, made, tmp_path):
    result = simulated(capsys, made / "r", "--input", made / "x.npy", "-o", tmp_path / "r.h5", "--counts", "--record", "all")
    status, out, _ = call(capsys, "inspect", tmp_path / "r.h5", "--json")
    found = json.loads(out)
    assert status == 0 and (found["kind"], found["engine"], found["ticks"], found["samples"]) == ("recording", "fixed", TICKS, 2)
    assert found["bytes"] == (tmp_path / "r.h5").stat().st_size
    assert found["counts"] == {name: result["counts"][name] for name in ("spikes", "synaptic_events", "updates_active", "messages")}
    rows = {row["name"]: row for row in found["populations"]}
    assert {name: row["spikes"] for name, row in rows.items()} == {**result["spikes"], "li": None}
    assert (rows["lif"]["holds"], rows["input"]["holds"], rows["li"]["holds"]) == ("spikes, v, u", "spikes", "values")
    status, out, _ = call(capsys, "inspect", tmp_path / "r.h5")
    assert status == 0 and f"{result['spikes']['lif'] / (2 * TICKS * 5):.2%}" in out


def test_a_recording_that_cannot_be_read(capsys, made, tmp_path):
    simulated(capsys, made / "s", "-o", tmp_path / "r.h5")
    whole = (tmp_path / "r.h5").read_bytes()
    for length in (0, 3, 100, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.h5").write_bytes(whole[:length])
        refused(capsys, "inspect", tmp_path / "cut.h5", says=["cut.h5: the file cannot be read", "cut off", "write it again"])
    refused(capsys, "inspect", tmp_path / "none.h5", says=["none.h5: does not exist", "simulate -o"])
    refused(capsys, "inspect", made / "s" / "network.h5", says=["network.h5: is no recording", "simulate -o"])
    with h5py.File(tmp_path / "r.h5", "r+") as file:
        file.attrs["version"] = 3
    refused(capsys, "inspect", tmp_path / "r.h5", says=["version 3, this neurograph reads version 2", "write it again"])


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.zeros((TICKS, 3)), [f"'input': shape ({TICKS}, 3)", f"must be ({TICKS}, 4) or (samples, {TICKS}, 4)", "reshape"]),
        (np.zeros((TICKS + 1, 4)), [f"'input': shape ({TICKS + 1}, 4)", f"({TICKS}, 4)"]),
        (np.zeros((1, 1, TICKS, 4)), [f"'input': shape (1, 1, {TICKS}, 4)"]),
        (np.zeros(4), ["'input': shape (4,)"]),
        (np.array(1.0), ["'input': shape ()"]),
        (np.zeros((0, TICKS, 4)), [f"'input': float64 of shape (0, {TICKS}, 4)", "at least one sample"]),
        (np.full((TICKS, 4), 0.5), ["'input': holds values other than 0 and 1 (80, the first 0.5)", "spike source", "encode"]),
        (np.full((TICKS, 4), -1), ["'input': holds values other than 0 and 1 (80, the first -1)"]),
        (np.full((TICKS, 4), np.nan), ["80 NaN or infinite values", "mend the data"]),
        (np.full((TICKS, 4), 1j), ["holds complex128, must be numbers"]),
    ],
)
@pytest.mark.parametrize("engine", ["fixed", "float", "pipelined-fixed"])
def test_inputs_that_do_not_fit(capsys, made, tmp_path, values, says, engine):
    np.save(tmp_path / "x.npy", values)
    refused(capsys, "simulate", made / "s", "--engine", engine, "--input", tmp_path / "x.npy", says=says)
    np.savez(tmp_path / "x.npz", input=values)
    refused(capsys, "simulate", made / "s", "--engine", engine, "--input", tmp_path / "x.npz", "-o", tmp_path / "r.h5", says=says)
    assert not (tmp_path / "r.h5").exists()


def test_input_for_no_source_and_a_file_that_is_cut_off(capsys, made, tmp_path):
    np.savez(tmp_path / "x.npz", other=np.zeros((TICKS, 4)))
    refused(capsys, "simulate", made / "s", "--input", tmp_path / "x.npz", says=["'other': no such source", "has input"])
    whole = (made / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(whole[: len(whole) // 2])
    refused(capsys, "simulate", made / "s", "--input", tmp_path / "x.npy", says=["x.npy: not a whole .npy", "numpy.save"])


@pytest.mark.parametrize("command", ["simulate", "check", "report", "inspect"])
def test_a_bundle_of_another_version(capsys, made, tmp_path, command):
    bundle = shutil.copytree(made / "s", tmp_path / "b")
    manifest = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps({**manifest, "version": 99}))
    refused(capsys, command, bundle, says=[f"bundle {bundle}: ", "version 99, this neurograph reads", "export it again"])


def test_a_limit_of_memory_reaches_the_engine_and_its_refusal_the_user(capsys, made, tmp_path, monkeypatch):
    limits = []

    def run(network, inputs, *, max_memory, **more):
        limits.append(max_memory)
        raise MemoryLimitError(f"population 'lif': one tick needs 4,000 bytes, --max-memory is {max_memory}; set it to at least 4 kB")

    for module, engine in ((fixed, "fixed"), (floating, "float")):
        monkeypatch.setattr(module, "run", run)
        refused(
            capsys,
            "simulate",
            made / "s",
            "--engine",
            engine,
            "--max-memory",
            "2KiB",
            "-o",
            tmp_path / "r.h5",
            says=["4,000", "at least 4 kB"],
        )
    assert limits == [2048, 2048] and os.listdir(tmp_path) == []


@pytest.mark.parametrize("engine", ["fixed", "float"])
def test_a_network_larger_than_the_limit_says_what_it_needs(capsys, made, tmp_path, engine):
    if choice.simulator(open_bundle(made / "s").network, None, integer=False) is None:
        pytest.skip("needs a C compiler")
    arguments = ("simulate", made / "s", "--engine", engine, "-o", tmp_path / "r.h5")
    for limit, size in (("100B", "100"), ("1kB", "1,000")):
        refused(
            capsys, *arguments, "--max-memory", limit, says=["network of 5 neurons: ", f"limit {size};", "raise max_memory (--max-memory)"]
        )
    assert os.listdir(tmp_path) == []
    assert call(capsys, *arguments, "--max-memory", "1GB")[0] == 0


def test_a_limit_that_numpy_would_not_keep_is_refused(capsys, made):
    for rules in ("brian2loihi", "nengo_loihi"):
        refused(
            capsys,
            "simulate",
            made / "s",
            "--rules",
            rules,
            "--max-memory",
            "1GB",
            says=["NumPy cannot take", "1,000,000,000", "leave it out"],
        )


@pytest.mark.parametrize(
    ("text", "size"),
    [("1B", 1), ("2GB", 2 * 10**9), ("500MiB", 500 * 2**20), ("1.5 gib", 3 * 2**29), ("0.5kB", 500), ("3tb", 3 * 10**12), (" 7 TiB ", 7 * 2**40), (".25MB", 250_000)],
)  # fmt: skip
def test_sizes(text, size):
    assert read_size("--max-memory", text) == size


@pytest.mark.parametrize("text", ["", "2", "GB", "0GB", "0.1B", "2G", "2Gbit", "-1GB", "1e3MB", "1_000MB", "1.2.3GB", ".GB", "infB", "nanGB", "٣GB", "2 G B", "0x10B", "much"])  # fmt: skip
def test_what_is_no_size(text):
    with pytest.raises(InputError) as raised:
        read_size("--max-memory", text)
    assert f"--max-memory {text!r}: is no size" in str(raised.value) and "2GB" in str(raised.value)


def test_options_that_do_not_fit(capsys, made, tmp_path):
    refused(capsys, "simulate", made / "s", "--max-memory", "much", says=["--max-memory 'much'", "2GB"])
    refused(capsys, "simulate", made / "s", "--record", "everything", says=["record 'everything'", "all, spikes, outputs, none"])
    for engine in ("pipelined-fixed", "lava-float", "netx", "onnx"):
        refused(capsys, "simulate", made / "s", "--engine", engine, "--counts", says=["--counts", "float and fixed", repr(engine)])
        refused(
            capsys,
            "simulate",
            made / "s",
            "--engine",
            engine,
            "--max-memory",
            "1GB",
            says=["--max-memory 1GB", "float and fixed", repr(engine)],
        )
    bundle = open_bundle(made / "s")
    for option in ({"counts": True}, {"record": "none"}, {"max_memory": 5}):
        with pytest.raises(InputError, match=f"engine 'pipelined-fixed': does not know {next(iter(option))}"):
            run_engine("pipelined-fixed", bundle.network, bundle.integers, bundle.inputs, **option)


def test_recordings_of_two_engines_are_the_same_files(capsys, made, tmp_path):
    """The same spikes make the same events, whoever sent them."""
    runs = {}
    for engine in ("fixed", "pipelined-fixed"):
        simulated(capsys, made / "s", "--engine", engine, "-o", tmp_path / f"{engine}.h5")
        runs[engine] = open_recording(tmp_path / f"{engine}.h5")
    a, b = runs.values()
    for name in a.spikes:
        for x, y in zip(
            a.spikes[name].events(slice(0, 1), slice(0, TICKS)), b.spikes[name].events(slice(0, 1), slice(0, TICKS)), strict=True
        ):
            np.testing.assert_array_equal(x, y)
    save(a, tmp_path / "again.h5")
    assert load(tmp_path / "again.h5").counts() == a.counts()
