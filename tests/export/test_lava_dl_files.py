"""`.net` files that are hostile, damaged, or hold what does not run."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from neurograph.errors import GraphError, InputError, UnsupportedError
from neurograph.export.lava_dl.read import read_net

NEURON = {"type": "CUBA", "iDecay": 4096, "vDecay": 500, "vThMant": 60, "refDelay": 1, "gradedSpike": False}


def layer(kind, neuron=None, **fields):
    return {"type": np.array([kind.encode()], "S10"), **fields, **({} if neuron is None else {"neuron": neuron})}


def dense(rows=3, columns=2, **fields):
    weight = 2.0 * (1 + np.arange(rows * columns).reshape(rows, columns))
    return layer("dense", **{"neuron": NEURON, "shape": [rows], "weight": weight, **fields})


def conv(**fields):
    weight = 2 * np.ones((2, 1, 3, 3, 1))
    return layer(
        "conv", **{"neuron": NEURON, "weight": weight, "stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1, **fields}
    )


def write(path, *layers, **more):
    def put(group, fields):
        for key, value in fields.items():
            if isinstance(value, dict):
                put(group.create_group(key), value)
            else:
                group[key] = value

    with h5py.File(path, "w") as file:
        put(file, {"layer": {str(i): fields for i, fields in enumerate(layers)}, **more})
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.net"


def test_a_plain_file_reads(path):
    net = read_net(write(path, dense(), dense(4, 3), simulation={"Ts": 2, "tSample": 9}))
    assert net.names == ("dense_0", "dense_1") and net.integer.ticks == 9 and net.integer.dt == 2e-3
    assert net.integer.populations["dense_1"].neuron.vth == 60
    assert net.integer.projections[0].exponent == 0
    assert net.network.populations["dense_0"].neuron.threshold == 60 / 64
    assert read_net(path, ticks=5).network.ticks == 5
    with pytest.raises(InputError, match="ticks: 0, must be a whole number"):
        read_net(path, ticks=0)


@pytest.mark.parametrize(
    ("layers", "match"),
    [
        ([dense(weight=np.array([[0.5, 1.0]] * 3))], "layer 0 .dense.: weight holds 0.5, must be whole numbers"),
        ([dense(weight=np.array([[np.nan, 1.0]] * 3))], "weight holds NaN or infinity"),
        ([dense(weight=np.array([["a", "b"]] * 3, "S1"))], "weight holds no numbers"),
        ([dense(weight=1j * np.ones((3, 2)))], "is of type complex128, must be numbers or text; export it again with lava-dl"),
        ([dense(neuron={**NEURON, "iDecay": 5000})], "iDecay holds 5000, must be 0 to 4096"),
        ([dense(neuron={k: v for k, v in NEURON.items() if k != "vDecay"})], "neuron has no vDecay"),
        ([dense(shape=[4])], r"weights of shape \(3, 2\) for 4 neurons"),
        ([dense(), dense(3, 4)], r"layer 1 \(dense\): takes 4 inputs, but 3 arrive"),
        ([dense(shape=[1 << 40])], "shape holds"),
        ([layer("input", shape=[1 << 12, 1 << 12, 2])], r"must be one to three sizes of 4,194,304 neurons together"),
        ([dense(bias=np.ones(2))], "2 biases, must be one for each of 3 outputs"),
        ([dense(delay=-np.ones(3))], "delay holds -1, must be 0 to"),
        ([dense(delay=np.ones(5))], "5 delays, must be one, 3 .by neuron. or 2 .by input."),
        ([dense(neuron={**NEURON, "vDecay": [3, 4]})], "2 neuron parameters, must be one or 3"),
        ([conv()], "layer 0 .conv.: is the first one, and no input layer says what shape"),
        ([layer("input", shape=[1, 2, 2]), conv()], r"do not fit an input of shape \(1, 2, 2\)"),
        ([layer("input", shape=[1, 4, 4]), conv(stride=[0, 1])], "stride holds 0, must be 1 to"),
        ([layer("input", shape=[1, 4, 4]), conv(shape=[2, 3, 2])], r"shape \(2, 3, 2\), but its weights give \(2, 2, 2\)"),
        ([layer("input", shape=[1, 4, 4]), conv(), dense(3, 8)], r"hears an image of shape \(2, 2, 2\); put a flatten"),
        ([layer("input", shape=[1, 2000, 2000]), conv(weight=np.ones((3000, 1, 1, 1)))], r"gives \(3000, 2000, 2000\), at most 4,194,304"),
        ([dense(), *(layer("concat", layers=[k]) for k in range(12))], "joins 1024 layers, at most 1000"),
        ([dense(), layer("input", shape=[3])], "layer 1 .input.: must be the first one"),
        ([{"shape": [3]}], "layer 0: has no type"),
        ([], "0 layers, must be 1 to 1000"),
    ],
)
def test_parts_that_make_no_sense_are_named(path, layers, match):
    with pytest.raises(GraphError, match=match) as caught:
        read_net(write(path, *layers))
    assert str(caught.value).startswith(f"network {path}: ") and "\n" not in str(caught.value)


def test_everything_that_cannot_run_is_named_at_once(path):
    graded, slow = {**NEURON, "gradedSpike": True, "refDelay": 2}, {**NEURON, "iDecay": 0}
    layers = [
        layer("input", shape=[1, 9, 9], neuron={**NEURON, "iDecay": 100}),
        layer("convT", shape=[1, 9, 9]),
        conv(neuron={"type": "RF", "sinDecay": 4, "cosDecay": 4}),
        conv(neuron=graded),
        layer("pool", neuron=NEURON, shape=[2, 2, 2], weight=np.full((1, 1, 2, 2), 64.0), stride=[1, 1]),
        conv(delay=[1, 2], bias=[1, 2]),
        layer("flatten"),
        dense(weight=np.array([[201.0, -2]] * 3)),
        dense(neuron=slow, bias=[9000, 0, 0]),
        dense(neuron={**NEURON, "vThMant": 140000}),
        {**dense(), "weight": {"real": np.ones(2), "imag": np.ones(2)}},
        layer("concat", layers=[20]),
        layer("dense_rec", neuron=NEURON, shape=[3], weight=np.ones((3, 3)), weight_rec=np.ones((3, 3)), delay=[1, 0, 1]),
        dense(3, 3, delay=[70, 0, 0]),
    ]
    with pytest.raises(UnsupportedError) as caught:
        read_net(write(path, *layers))
    expected = [
        "layer 0 (input): iDecay below 4096 in an input layer, whose values netx adds to v",
        "layer 1 (convT): a kind of layer that does not exist here",
        "layer 2 (conv): neuron 'RF', which is no spiking CUBA neuron",
        "layer 3 (conv): graded spikes",
        "layer 3 (conv): a refractory delay other than 1",
        "layer 4 (pool): stride (1, 1), padding (0, 0), dilation (1, 1) (slayer pools over channels unless the stride is the kernel)",
        "layer 5 (conv): delays beside a bias: slayer delays the spikes, bias and all, and netx nothing",
        "layer 7 (dense): weights that no 8-bit synapse holds",
        "layer 8 (dense): iDecay 0, a synaptic current that never decays",
        "layer 8 (dense): bias 0 to 9000 (limit -4096 to 4095)",
        "layer 9 (dense): vThMant 140000 (limit 131071)",
        "layer 10 (dense): complex weights",
        "layer 11 (concat): joins layers [20] that come later: a loop",
        "layer 12 (dense_rec): delays beside recurrent weights, for which netx loses the weights' exponent",
        "layer 13 (dense): a delay of 70 ticks (limit 62)",
    ]
    assert caught.value.offenders == [f"a.net: {expected[0]}", *expected[1:]]


def test_weights_that_netx_changes_are_what_runs(path):
    net = read_net(write(path, dense(weight=np.array([[0.0, -2.0], [-2.0, 0.0], [0.0, 0.0]])), dense(2, 3)))
    assert net.notes == ("layer 0 (dense): netx runs 2 of its weights as others, -2 as -1; so does this network",)
    assert net.integer.projections[0].weights.to_csr().toarray().tolist() == [[0, -128], [-128, 0], [0, 0]]
    assert (net.integer.projections[0].exponent, net.integer.projections[0].sign_mode) == (-7, "inhibitory")
    zeros = read_net(write(path, dense(weight=np.zeros((3, 2))), dense(2, 3)))
    assert zeros.notes == ("layer 0 (dense): all its weights are 0, and such a layer netx itself cannot load",)


def test_no_other_file_is_read(path, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = np.ones((3, 2))
    write(path, dense())
    with h5py.File(path, "a") as file:
        del file["layer/0/weight"]
        file["layer/0/weight"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "secret")
    with pytest.raises(GraphError, match="is a link to another file, which is not followed; export it again with lava-dl"):
        read_net(path)
    with h5py.File(path, "w") as file:
        file["layer"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/")
    with pytest.raises(GraphError, match="has no group 'layer', so it is no lava-dl network"):
        read_net(path)


def test_what_a_file_declares_is_not_allocated(path):
    write(path, dense())
    with h5py.File(path, "a") as file:
        del file["layer/0/weight"]
        file["layer/0"].create_dataset("weight", (1 << 20, 1 << 20), "f4", chunks=(64, 64))
    with pytest.raises(GraphError, match=r"shape \(1048576, 1048576\) brings what the file declares to .* bytes, at most"):
        read_net(path)


def test_damaged_files_are_refused_in_one_line(path):
    with pytest.raises(GraphError, match="no such file"):
        read_net(path)
    path.write_bytes(b"\x80\x04cos\nsystem\n")
    with pytest.raises(GraphError, match="not HDF5, or cut off"):
        read_net(path)
    whole = write(path, dense(), dense(4, 3)).read_bytes()
    for part in (0.2, 0.5, 0.9):
        path.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises((GraphError, UnsupportedError)):
            read_net(path)
    with h5py.File(path, "w") as file:
        file["layer/1/type"] = "dense"
    with pytest.raises(GraphError, match="has 1 layers, but no group 'layer/0'; number them from 0"):
        read_net(path)
