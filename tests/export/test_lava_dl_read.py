"""lava-dl networks read from `.net`: against slayer in torch, netx in Lava, and the recordings that come with lava-dl."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from neurograph.export import nir_io
from neurograph.export.lava_dl.read import read_net
from neurograph.export.lower import lower
from neurograph.sim import fixed, floating
from neurograph.sim.lava import netx, runtime
from neurograph.sim.lava.net_file import write_net

pytestmark = pytest.mark.lava
# Blocks between the input and each block with neurons, on the shortest way.
DEPTHS = {"skip": [1, 2, 3, 2], "joined_images": [1, 2, 2]}
NOT_IN_NETX = ("pool", "skip", "joined_images")  # it has no pool and no concat


@pytest.fixture(scope="session")
def slayer(lava, tmp_path_factory) -> Path:
    """Folder of what slayer_networks.py makes."""
    folder = tmp_path_factory.mktemp("slayer")
    script = Path(__file__).with_name("slayer_networks.py")
    subprocess.run([runtime.find(), script, folder], check=True, capture_output=True, timeout=250)
    return folder


@pytest.fixture(scope="session")
def recorded(lava) -> Path:
    """lava-dl's own test files."""
    for folder in Path(runtime.find()).parent.parent.glob("lib/python3.*/site-packages/tests/lava/lib/dl/netx"):
        return folder
    pytest.skip("needs the test files that lava-dl's wheel brings, beside its packages")


def test_spikes_are_slayers(slayer):
    compared = 0
    for path in sorted(slayer.glob("*.net")):
        net, arrays = read_net(path), np.load(path.with_suffix(".npz"))
        ticks = len(arrays["input"])
        assert net.integer.ticks == ticks  # simulation/tSample
        run = fixed.run(net.integer, {"input": arrays["input"]})
        for k, name in enumerate(net.names):
            depth = DEPTHS.get(path.stem, range(1, 9))[k]
            want, got = arrays[f"spikes_{k}"][depth:], run.spikes[name][0][: ticks - depth]
            assert want.shape == got.shape
            assert (want == got).all(), (path.stem, name)
            assert 0.05 < got.mean() < 0.99, (path.stem, name)
            compared += got.size
        assert any("delays are kept" in note for note in net.notes) == (path.stem == "pool")
    assert compared > 18_000


def test_spikes_are_netxs(slayer, tmp_path):
    """Streamed samples; and the same files written again by us, from the integers."""
    jobs, nets = [], []
    for path in sorted(slayer.glob("*.net")):
        if path.stem in NOT_IN_NETX:
            continue
        net, x = read_net(path), np.load(path.with_suffix(".npz"))["input"]
        inputs = np.stack([x, x[::-1]])
        lags = any(p.lag for p in net.integer.projections)
        jobs.append(netx.Job(path, inputs, len(x), names=net.names, stream=not lags))
        nets.append(net)
    compared = 0
    for job, net, recording in zip(jobs, nets, netx.run_nets(jobs), strict=True):
        run = fixed.run(net.integer, {"input": job.inputs})
        for name in net.names:
            assert (run.spikes[name] == recording.spikes[name]).all(), (job.path.stem, name)
            compared += run.spikes[name].size
    assert compared > 12_000


@pytest.mark.parametrize("case", ["conv", "delays", "skip"])
def test_what_is_written_again_reads_the_same(slayer, tmp_path, case):
    """Delays by neuron, by input and by synapse; images become flat."""
    net, x = read_net(slayer / f"{case}.net"), np.load(slayer / f"{case}.npz")["input"]
    chain = write_net(net.integer, tmp_path / "again.net")
    again = read_net(tmp_path / "again.net")
    want, got = fixed.run(net.integer, {"input": x}), fixed.run(again.integer, {"input": x.reshape(len(x), -1)})
    for name in net.names:
        level, start, stop = chain.slots[name]
        assert (got.spikes[f"dense_{level}"][0][:, start:stop] == want.spikes[name][0].reshape(len(x), -1)).all()


def test_float_network_and_graph_are_the_same_pattern(slayer, tmp_path):
    for path in sorted(slayer.glob("*.net")):
        net, x = read_net(path), np.load(path.with_suffix(".npz"))["input"]
        if path.stem == "dense":
            assert net.no_float == (
                "layer 1 (dense): a bias beside iDecay below 4096: Lava adds it to v, the float neuron to its synaptic current",
            )
            continue
        assert net.no_float == ()
        nir_io.write(net.graph, tmp_path / "model.nir")
        lowered = lower(nir_io.read(tmp_path / "model.nir"))
        assert lowered.ticks == net.network.ticks and lowered.dt == net.network.dt
        mine, theirs = floating.run(net.network, {"input": x}), floating.run(lowered, {"input": x})
        for name in net.names:
            assert (mine.spikes[name] == theirs.spikes[name]).all()
        for exact, integer in zip(net.network.projections, net.integer.projections, strict=True):
            back = integer.weights.values * 2.0**integer.exponent / 64
            assert (back == exact.weights.values).all()


def test_conv_network_of_lava_dl(recorded):
    net = read_net(recorded / "tiny.net", ticks=16)
    assert net.names == ("input_0", "conv_1", "conv_2")
    mantissa = np.load(recorded / "gts/tinynet/input_bias.npy").transpose(2, 1, 0)
    run = fixed.run(net.integer, {"input": (mantissa - 34) / 36})  # the file's transform
    for name, file in (("conv_1", "layer1"), ("conv_2", "output")):
        want = np.load(recorded / f"gts/tinynet/{file}.npy")[0].transpose(3, 0, 1, 2)
        assert (run.spikes[name][0][:15] == want[1:]).all()
        assert want[1:].any()


def test_delayed_network_of_lava_dl(recorded):
    net = read_net(recorded / "gts/ntidigits/ntidigits.net")
    assert net.notes == ("layer 5 (average): means over groups of outputs, a readout for the host; left out",)
    assert net.num_layers == 5 and net.integer.ticks == 3000
    assert max(p.lag for p in net.integer.projections) == 62
    x, want = (np.load(recorded / f"gts/ntidigits/{name}.npy").T for name in ("input", "output"))
    run = fixed.run(net.integer, {"input": x.reshape(3000, 1, 1, 64)})
    assert (run.spikes["dense_4"][0][:2996] == want[4:]).all()  # of 725,032
    assert want.sum() > 20_000


def test_pilotnet_of_lava_dl(recorded):
    """Ten layers over 16 ticks, after which the recording was reset."""
    net, folder = read_net(recorded / "gts/pilotnet_lif/network.net"), recorded / "gts/pilotnet_lif"
    assert net.integer.ticks == 16
    image = np.load(folder / "image.npy").transpose(2, 1, 0)
    run = fixed.run(net.integer, {"input": (image - 36) / 40})
    compared = 0
    for k, (name, file) in enumerate(
        zip(net.names, ["input", *(f"conv-{i}" for i in range(5)), *(f"fc-{i}" for i in range(3))], strict=False)
    ):
        spikes = np.load(folder / f"{file}.npy")
        want = spikes.transpose(*reversed(range(spikes.ndim)))[k : k + 16]
        assert (run.spikes[name][0] == want).all(), name
        compared += want.size
        if k:
            u, v = (np.load(folder / f"{file}-{q}.npy") for q in "uv")
            u, v = (a.transpose(*reversed(range(a.ndim)))[k : k + 16] for a in (u, v))
            assert (run.currents[name][0] == u).all()
            assert (run.voltages[name][0] == v)[~want].all()  # where it fired, theirs is before the reset
    assert compared == 2_536_128


def test_readout_of_lava_dl(recorded):
    net = read_net(recorded / "mnist.net")
    assert net.names == ("input_0", "dense_1", "dense_2") and net.num_layers == 3
    assert net.notes == ("layer 3 (dense): sums without a threshold, a readout for the host; left out",)


def test_sigma_delta_network_of_lava_dl(recorded):
    with pytest.raises(Exception, match=r"network.net: layer 0 \(input\): neuron 'SDNN'.*layer 9 \(dense\): neuron 'SDNN'"):
        read_net(recorded / "gts/pilotnet_sdnn/network.net")


def test_values_at_the_input_and_a_delayed_bias_are_netxs(recorded, tmp_path):
    """An input layer with neurons takes values; and a bias beside delays, where netx delays what comes in."""
    import h5py

    rng = np.random.default_rng(2)
    with h5py.File(tmp_path / "delayed.net", "w") as file:
        group = file.create_group("layer/0")
        group.create_dataset("type", (1,), "S10", [b"dense"])
        group["shape"], group["weight"], group["bias"] = [6], 2.0 * rng.integers(-60, 80, (6, 5)), rng.integers(0, 12, 6)
        group["delay"] = rng.integers(0, 8, 6).astype(float)
        neuron = {"type": "CUBA", "iDecay": 900, "vDecay": 300, "vThMant": 150, "refDelay": 1, "gradedSpike": False}
        for key, value in neuron.items():
            group[f"neuron/{key}"] = value
    spikes = (rng.random((2, 20, 5)) < 0.4).astype(np.uint8)
    values = rng.uniform(-1.2, 0.5, (2, 3, 16, 16))
    jobs = [
        netx.Job(tmp_path / "delayed.net", spikes, 20, names=["dense_0"]),
        netx.Job(recorded / "tiny.net", values, 20, static=True, names=["input_0", "conv_1", "conv_2"]),
    ]
    for job, recording in zip(jobs, netx.run_nets(jobs), strict=True):
        run = fixed.run(read_net(job.path, ticks=20).integer, {"input": job.inputs})
        for name in job.names:
            assert (run.spikes[name] == recording.spikes[name]).all(), name
            assert 0 < run.spikes[name].mean() < 1
