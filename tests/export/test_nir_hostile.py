"""Bad and hostile NIR files: one line that names the node, the field, the value and the way out; exit 2; bounded memory."""

import re
import subprocess
import sys
import zlib
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest
from hostile import GRAPHS, broken, content, dense, edges_of, full, line, put, put_edges, through

from neurograph.cli.main import run_command
from neurograph.errors import GraphError, NeurographError
from neurograph.export import nir_io
from neurograph.export.dialects import interpret
from neurograph.export.lower import lower

N, M = "node/nodes", "node/metadata/neurograph"


def edge(*more, less=()):
    return lambda file: put_edges(file, [e for e in edges_of(file) if e not in less] + list(more))


def node(name, **fields):
    """Add a node."""

    def change(file):
        for key, value in fields.items():
            put(file, f"{N}/{name}/{key}", value)

    return change


def filled(path, shape, dtype="f8", **more):
    """A dataset that claims a shape and stores nothing."""

    def change(file):
        if path in file:
            del file[path]
        file.create_dataset(path, shape=shape, dtype=dtype, fillvalue=1, **more)

    return change


def soft(file):
    del file[f"{N}/lif/tau"]
    file[f"{N}/lif/tau"] = h5py.SoftLink(f"/{N}/lif/r")


def external(file):
    del file[f"{N}/lif/tau"]
    file[f"{N}/lif/tau"] = h5py.ExternalLink("/etc/passwd", "/x")


def virtual(file):
    del file[f"{N}/lif/tau"]
    layout = h5py.VirtualLayout(shape=(4,), dtype="f8")
    layout[:] = h5py.VirtualSource("other.h5", "x", shape=(4,))
    file.create_virtual_dataset(f"{N}/lif/tau", layout)


def raw_file(file):
    del file[f"{N}/lif/tau"]
    file.create_dataset(f"{N}/lif/tau", shape=(4,), dtype="f8", external=[("/etc/passwd", 0, 32)])


def cycle(file):
    file[f"{N}/lif/nodes"] = file["node"]


def named_type(file):
    file[f"{N}/lif/tau2"] = np.dtype("f8")


def deep(file):
    group = file[N]
    for _ in range(34):
        group = group.create_group("g")
        group["type"] = "NIRGraph"
        group = group.create_group("nodes")


def very_deep(file):
    group = file[f"{N}/lif"].create_group("metadata")
    for _ in range(300):
        group = group.create_group("g")


def many_nodes(file):
    for i in range(10_001):
        file.create_group(f"{N}/n{i}")


def many_edges(file):
    put_edges(file, [("input", f"n{i}") for i in range(100_001)])


def inner_same_name(file):
    file.move(f"{N}/lif", f"{N}/block.lif")
    inner = file.create_group(f"{N}/block")
    put(file, f"{N}/block/type", "NIRGraph")
    for name, kind in (("input", "Input"), ("output", "Output")):
        put(file, f"{N}/block/nodes/{name}/type", kind)
        put(file, f"{N}/block/nodes/{name}/shape", np.array([4]))
    file.copy(f"{N}/block.lif", inner, "nodes/lif")
    inner.create_dataset("edges", data=np.array([("input", "lif"), ("lif", "output")], dtype=object), dtype=h5py.string_dtype())
    put_edges(file, [("block.lif" if x == "lif" else x, "block.lif" if y == "lif" else y) for x, y in edges_of(file)])


def not_utf8(file):
    file[f"{N}/lif"].create_dataset("type2", data=np.bytes_(b"\xff\xfe"))


def bad_name(file):
    file.move(f"{N}/lif", f"{N}/".encode() + b"l\xff")


def large_convolution(file):
    """What fits along its edges, and would be 3·10^8 synapses."""
    for path, value in (
        ("input/shape", [2, 3000, 3000]),
        ("c/input_shape", [3000, 3000]),
        ("p/kernel_size", [2250, 2250]),
        ("p/stride", [750, 750]),
    ):
        put(file, f"{N}/{path}", np.array(value))
    put_edges(file, [("c", "p") if e == ("c", "n") else e for e in edges_of(file) if e != ("n", "p")])
    del file[f"{N}/n"]
    put(file, f"{N}/c/groups", 2)
    put(file, f"{N}/c/weight", np.ones((4, 1, 3, 3)))
    put(file, f"{N}/c2/input_shape", np.array([2, 2]))
    put(file, f"{N}/c2/weight", np.ones((2, 4, 2, 2)))
    for path in ("r", "v_threshold", "v_reset"):
        put(file, f"{N}/n2/{path}", np.ones((2, 1, 1)))
    put(file, f"{N}/a/kernel_size", np.array([1, 1]))
    put(file, f"{N}/f/input_type", np.array([2, 1, 1]))
    put(file, f"{N}/s/scale", np.ones(2))
    for path in ("tau", "r", "v_leak"):
        put(file, f"{N}/li/{path}", np.ones(2))
    put(file, f"{N}/output/shape", np.array([2]))


def doubled_paths(file):
    """2^30 paths from thirty pairs of Scale nodes."""
    edges = [e for e in edges_of(file) if e != ("input", "fc")]
    before = ["input"]
    for i in range(30):
        for side in "ab":
            put(file, f"{N}/{side}{i}/type", "Scale")
            put(file, f"{N}/{side}{i}/scale", full(1, 3))
            edges += [(b, f"{side}{i}") for b in before]
        before = [f"a{i}", f"b{i}"]
    put_edges(file, edges + [(b, "fc") for b in before])


def wide_product(file):
    """1 → 20,000 and back and again: a dense product of 4·10^8 entries out of two vectors."""
    put(file, f"{N}/fc/weight", np.ones((1, 3)))
    put(file, f"{N}/fc/bias", np.ones(1))
    for name, shape in (("up", (20_000, 1)), ("down", (1, 20_000)), ("up2", (20_000, 1)), ("narrow", (4, 20_000))):
        put(file, f"{N}/{name}/type", "Linear")
        put(file, f"{N}/{name}/weight", np.ones(shape))
    put(file, f"{N}/input/shape", np.array([20_000]))
    edges = [("input", "down"), ("down", "up"), ("up", "narrow"), ("narrow", "lif")]
    put_edges(file, edges + [e for e in edges_of(file) if e[0] not in ("input", "fc")])
    for name in ("fc", "up2"):
        del file[f"{N}/{name}"]


def inflating(file):
    """A chunk of 32 bytes that inflates to 50 MB."""
    del file[f"{N}/lif/tau"]
    data = file.create_dataset(f"{N}/lif/tau", shape=(4,), dtype="f8", chunks=(4,), compression="gzip")
    data.id.write_direct_chunk((0,), zlib.compress(bytes(50 << 20)))


def other_filter(file):
    del file[f"{N}/lif/tau"]
    file.create_dataset(f"{N}/lif/tau", data=full(1, 4), chunks=(4,), scaleoffset=3)


def text_in_chunks(file):
    edges = file["node/edges"][()]
    del file["node/edges"]
    file.create_dataset("node/edges", data=edges, dtype=h5py.string_dtype(), chunks=(1, 2))


CASES = {
    # files
    "inflating chunk": ("dense", [inflating], ["lif/tau", "does not inflate to its 32 bytes"]),
    "another filter": ("dense", [other_filter], ["lif/tau", "filters [6]"]),
    "text in chunks": ("dense", [text_in_chunks], ["node/edges", "in chunks"]),
    "soft link": ("dense", [soft], ["lif/tau", "soft link"]),
    "external link": ("dense", [external], ["lif/tau", "another file"]),
    "virtual dataset": ("dense", [virtual], ["lif/tau", "other files"]),
    "external storage": ("dense", [raw_file], ["lif/tau", "other files"]),
    "hard link cycle": ("dense", [cycle], ["linked more than once"]),
    "named type": ("dense", [named_type], ["lif/tau2", "named type"]),
    "deep graphs": ("dense", [deep], ["graphs deep, at most 32"]),
    "deep groups": ("dense", [very_deep], ["deep, at most 80"]),
    "unpaid size": ("dense", [filled(f"{N}/lif/tau", (10**6, 10**6))], ["lif/tau", "shape (1000000, 1000000)", "at most"]),
    "unpaid chunks": ("dense", [filled(f"{N}/lif/tau", (10**12,), chunks=(10**6,), compression="gzip")], ["lif/tau", "at most"]),
    "unpaid metadata": ("dense", [filled("node/metadata/big", (10**11,), "i1")], ["metadata/big", "at most"]),
    "unpaid edges": ("dense", [filled("node/edges", (10**9, 2))], ["node/edges", "at most"]),
    "unpaid text": (
        "dense",
        [lambda f: (f.__delitem__("node/edges"), f.create_dataset("node/edges", (10**6, 2), h5py.string_dtype()))],
        ["node/edges", "edges, at most 100000"],
    ),
    "many nodes": ("dense", [many_nodes], ["node/nodes", "10010 entries, at most 10000"]),
    "many edges": ("dense", [many_edges], ["100001 edges, at most 100000"]),
    "compound": ("dense", [(f"{N}/lif/tau", np.zeros(4, dtype=[("a", "f8"), ("b", "i4")]))], ["lif/tau", "must be numbers or text"]),
    "complex": ("dense", [(f"{N}/lif/tau", np.zeros(4, dtype=complex))], ["lif/tau", "complex128"]),
    "no value": ("dense", [lambda f: put(f, f"{N}/lif/tau", h5py.Empty("f8"))], ["lif/tau", "holds no value"]),
    "text not UTF-8": ("dense", [not_utf8], ["lif/type2", "UTF-8"]),
    "name not UTF-8": ("dense", [bad_name], ["UTF-8"]),
    "long name": ("dense", [lambda f: f.create_group(f"{N}/{'x' * 1001}")], ["1001 characters, at most 1000"]),
    "long text": ("dense", [(f"{N}/lif/type", "L" * 3000)], ["3000 characters"]),
    # graphs
    "node is a dataset": ("dense", [(f"{N}/odd", 3.0)], ["odd (no type)"]),
    "no type": ("dense", [(f"{N}/lif/type", None)], ["lif (no type)"]),
    "type is a number": ("dense", [(f"{N}/lif/type", 3)], ["lif (no type)"]),
    "no nodes": ("dense", [lambda f: f.__delitem__("node/nodes")], ["has no 'nodes'"]),
    "no edges": ("dense", [lambda f: f.__delitem__("node/edges")], ["has no 'edges'"]),
    "edges of three": ("dense", [lambda f: put(f, "node/edges", np.zeros((2, 3)))], ["edges are of shape (2, 3)"]),
    "edges of numbers": ("dense", [lambda f: put(f, "node/edges", np.zeros((2, 2)))], ["edges are of shape (2, 2) and type float64"]),
    "empty edges": ("dense", [lambda f: put(f, "node/edges", np.zeros((0, 2)))], ["no Input reaches"]),
    "edge to nowhere": ("dense", [edge(("lif", "nowhere"))], ["edge 'lif' → 'nowhere'", "'nowhere' which does not exist"]),
    "edge twice": ("dense", [edge(("lif", "w"))], ["edge 'lif' → 'w'", "twice"]),
    "edge into Input": ("dense", [edge(("lif", "input"))], ["edge 'lif' → 'input'", "into the Input"]),
    "edge out of Output": ("dense", [edge(("output", "lif"))], ["edge 'output' → 'lif'", "out of the Output"]),
    "no Input": ("dense", [lambda f: f.__delitem__(f"{N}/input"), edge(less=[("input", "fc")])], ["has no Input"]),
    "no Output": ("dense", [lambda f: f.__delitem__(f"{N}/output"), edge(less=[("t", "output")])], ["has no Output"]),
    "Output from nothing": ("dense", [edge(less=[("t", "output")])], ["no Input reaches 'output'"]),
    "unreachable": ("dense", [edge(less=[("input", "fc")])], ["no Input reaches", "'lif'"]),
    "loop of linear nodes": ("dense", [edge(("w", "rec"), ("rec", "w2"), ("w2", "w")), node("w2", type="Linear", weight=np.ones((4, 2)))], ["holds no neuron"]),
    "loop without delay": ("dense", [(f"{M}/recurrent_delay", 0)], ["recurrent_delay 0"]),
    "many paths": ("dense", [doubled_paths], ["about 2^30 paths"]),
    "a wide product": ("dense", [wide_product], ["400,000,000 entries"]),
    "two of one name": ("dense", [inner_same_name], ["two nodes are named 'block.lif'"]),
    "shapes disagree": ("dense", [(f"{N}/input/shape", np.array([7]))], ["edge 'input' → 'fc'", "'input' gives (7,), 'fc' takes (3,)"]),
    # fields
    "missing field": ("dense", [(f"{N}/lif/tau", None)], ["node 'lif' (LIF)", "'tau' is missing"]),
    "unknown field": ("dense", [(f"{N}/lif/tauu", 1.0)], ["node 'lif' (LIF)", "'tauu' is not one of tau, r"]),
    "field is a group": ("dense", [(f"{N}/lif/tau", None), (f"{N}/lif/tau/x", 1.0)], ["'tau' is a group"]),
    "field is text": ("dense", [(f"{N}/lif/tau", "fast")], ["'tau' is text, must be numbers"]),
    "field of texts": ("dense", [(f"{N}/lif/tau", np.array([b"a", b"b"]))], ["'tau' is text"]),
    "empty field": ("dense", [(f"{N}/lif/tau", np.zeros(0))], ["node 'lif'", "'tau' is empty"]),
    "NaN": ("dense", [(f"{N}/fc/weight", np.full((4, 3), np.nan))], ["node 'fc' (Affine)", "'weight' holds nan"]),
    "infinity": ("dense", [(f"{N}/lif/r", np.array([1, np.inf, 1, 1]))], ["node 'lif'", "'r' holds inf"]),
    "beyond volts": ("dense", [(f"{N}/lif/r", full(1e200, 4))], ["'r' holds 1e+200"]),
    "tau of zero": ("dense", [(f"{N}/lif/tau", np.array([1e-3, 0, 1, 1]))], ["node 'lif'", "time constant 0, must be above 0"]),
    "negative tau": ("dense", [(f"{N}/cuba/tau_syn", full(-1, 2))], ["node 'cuba'", "'tau_syn': time constant -1"]),
    "tiny tau": ("dense", [(f"{N}/lif/tau", full(1e-310, 4))], ["'tau'", "above 0"]),
    "tau below dt": ("dense", [(f"{N}/lif/tau", full(1e-6, 4))], ["node 'lif'", "dt 0.001 s is longer"]),
    "negative threshold": ("dense", [(f"{N}/lif/v_threshold", full(-50, 4))], ["node 'lif'", "-50, must be at least 0; count its voltages from v_leak"]),
    "parameters disagree": ("dense", [(f"{N}/lif/tau", full(1, 1000))], ["node 'lif'", "tau (1000,)", "must all have one"]),
    "bias of another size": ("dense", [(f"{N}/fc/bias", full(1, 7))], ["node 'fc'", "bias of shape (7,)", "4 values"]),
    "vector as weight": ("dense", [(f"{N}/w/weight", full(1, 4))], ["node 'w'", "at least 2 dimensions"]),
    "negative delay": ("dense", [(f"{N}/d/delay", full(-1, 2))], ["node 'd'", "-1, must be at least 0"]),
    "long delay": ("dense", [(f"{N}/d/delay", full(1e6, 2))], ["node 'd'", "1e+09 ticks", "at most 1,000,000"]),
    "huge input": ("dense", [(f"{N}/input/shape", np.array([10**12]))], ["node 'input'", "1000000000000", "at most"]),
    "negative input": ("dense", [(f"{N}/input/shape", np.array([-3]))], ["node 'input'", "-3"]),
    "input of many dimensions": ("dense", [(f"{N}/input/shape", np.ones(1000, dtype=int))], ["node 'input'", "at most 32"]),
    "input of halves": ("dense", [(f"{N}/input/shape", np.array([1.5]))], ["node 'input'", "1.5, must be whole"]),
    "zero stride": ("image", [(f"{N}/c/stride", 0)], ["node 'c'", "'stride'", "0, must be at least 1"]),
    "negative stride": ("image", [(f"{N}/p/stride", np.array([-2, 2]))], ["node 'p'", "'stride'", "-2"]),
    "negative padding": ("image", [(f"{N}/c/padding", -1)], ["node 'c'", "'padding'", "-1"]),
    "padding in words": ("image", [(f"{N}/c/padding", "some")], ["node 'c'", "'some', must be 'same', 'valid'"]),
    "million strides": ("image", [(f"{N}/c/stride", np.ones(10**6, dtype=int))], ["node 'c'", "'stride' is of shape (1000000,)"]),
    "groups that do not divide": ("image", [(f"{N}/c/groups", 3)], ["node 'c'", "groups 3 do not divide"]),
    "zero groups": ("image", [(f"{N}/c/groups", 0)], ["node 'c'", "'groups'", "at least 1"]),
    "large kernel": ("image", [(f"{N}/p/kernel_size", np.array([99, 99]))], ["node 'p' (SumPool2d)", "kernel (99, 99) does not fit"]),
    "large convolution": ("image", [large_convolution], ["node 'c'", "324,000,000 synapses"]),
    "flat weights": ("image", [(f"{N}/c/weight", np.ones((4, 2)))], ["node 'c'", "'weight' is of shape (4, 2), must have 4 dimensions"]),
    "flatten of nothing": ("image", [(f"{N}/f/start_dim", 7)], ["node 'f' (Flatten)", "start_dim 7"]),
    "image of a line": ("line", [(f"{N}/input/shape", np.array([18]))], ["edge 'input' → 'c'"]),
    "CSR out of range": ("sparse", [(f"{N}/agg/indices", np.array([1, 2, 3, 4, 99]))], ["node 'agg'", "do not make a CSR matrix"]),
    "CSR of negatives": ("sparse", [(f"{N}/agg/indices", np.array([1, 2, 3, 4, -1]))], ["node 'agg'", "'indices'"]),
    "CSR of floats": ("sparse", [(f"{N}/agg/indices", np.array([1, 2, 3, 4, 0.5]))], ["node 'agg'", "'indices' holds 0.5"]),
    "CSR of 10^12 columns": ("sparse", [(f"{N}/lin/shape", np.array([2, 10**12]))], ["node 'lin'", "1000000000000"]),
    "nodes of 10^12": ("sparse", [(f"{N}/per/nodes", 10**12)], ["node 'per'", "1000000000000"]),
    "broadcast to 10^18": ("sparse", [(f"{N}/bro/nodes", 10**18)], ["node 'bro'", "1000000000000000000"]),
    "features of 0": ("sparse", [(f"{N}/agg/features", 0)], ["node 'agg'", "'features'", "at least 1"]),
    "subgraph without input": ("sparse", [lambda f: f.__delitem__(f"{N}/block/nodes/input"), lambda f: put_edges(f, [("lif", "output")], f"{N}/block/edges")], ["'block'", "0 inputs and 1 outputs"]),
    # time metadata
    "dt of 0": ("dense", [(f"{M}/dt", 0.0)], ["dt 0.0, must be a number above 0"]),
    "dt of NaN": ("dense", [(f"{M}/dt", np.nan)], ["dt nan"]),
    "negative dt": ("dense", [(f"{M}/dt", -1.0)], ["dt -1.0"]),
    "dt in words": ("dense", [(f"{M}/dt", "fast")], ["dt 'fast'"]),
    "dt of a million": ("dense", [(f"{M}/dt", np.ones(10**6))], ["dt of shape (1000000,)"]),
    "ticks of 10^9": ("dense", [(f"{M}/ticks", 10**9)], ["ticks 1000000000, must be 1 to 1,000,000"]),
    "half a tick": ("dense", [(f"{M}/ticks", 3.5)], ["ticks 3.5, must be a whole number"]),
    "ticks in words": ("dense", [(f"{M}/ticks", "three")], ["ticks 'three'"]),
    "unknown input": ("dense", [(f"{M}/inputs", "smells")], ["inputs 'smells'"]),
    "unknown reset": ("dense", [(f"{M}/reset", "never")], ["reset 'never'"]),
    "unknown scheme": ("dense", [(f"{M}/scheme", "magic")], ["scheme='magic'"]),
    "scheme is a number": ("dense", [(f"{M}/scheme", 4.0)], ["scheme=4.0"]),
    "a key too many": ("dense", [(f"{M}/colour", "red")], ["colour"]),
    "a key too few": ("dense", [(f"{M}/dt", None)], ["dt"]),
    "metadata is a number": ("dense", [lambda f: f.__delitem__(M), (M, 3.0)], ["time metadata", "must be a group"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_bad_file_is_refused_by_name(tmp_path, case):
    name, changes, says = CASES[case]
    path = broken(tmp_path, name, *changes)
    with pytest.raises(NeurographError) as caught:
        through(path)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 1500, message
    assert all(part in message for part in says), message
    assert re.search(r"; [^;]+$|: [^:;]+$", message), message


@pytest.mark.parametrize("case", [c for c in CASES if "deep" not in c and "many" not in c])
def test_the_command_line_exits_2_with_one_line(tmp_path, capsys, case):
    name, changes, _ = CASES[case]
    path = broken(tmp_path, name, *changes)
    status = run_command(["export", str(path), "--target", "loihi2", "-o", str(tmp_path / "b"), "--no-verify"])
    out, err = capsys.readouterr()
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert status == 2 and out == "" and len(errors) == 1 and "Traceback" not in err, (status, out, err)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("name", GRAPHS)
def test_what_is_broken_here_is_good_before(tmp_path, name):
    assert sum(spikes.sum() for spikes in through(broken(tmp_path, name)).spikes.values()) > 0


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("name", GRAPHS)
def test_a_cut_off_file_is_refused(tmp_path, name, share):
    whole = content(name)
    (tmp_path / "cut.nir").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(GraphError, match=r"cut\.nir: not HDF5, or cut off"):
        through(tmp_path / "cut.nir")


def test_a_folder_and_a_text_are_refused(tmp_path):
    (tmp_path / "a.nir").write_text("neuron: LIF")
    for path in (tmp_path, tmp_path / "a.nir", tmp_path / "none.nir"):
        with pytest.raises(GraphError, match=r"no such file|not HDF5"):
            nir_io.read(path)


def test_names_of_any_script_go_through(tmp_path):
    def rename(file):
        file.move(f"{N}/lif", f"{N}/нейрон 1.α")
        put_edges(file, [tuple("нейрон 1.α" if end == "lif" else end for end in e) for e in edges_of(file)])

    assert "нейрон 1.α" in through(broken(tmp_path, "dense", rename)).spikes


def test_an_edge_of_a_graph_in_memory_is_checked_too():
    nodes, edges = dense()
    with pytest.raises(GraphError, match="edge 'lif' → 'nowhere': names 'nowhere' which does not exist"):
        lower(nir.NIRGraph(nodes, [*edges, ("lif", "nowhere")], type_check=False), nir_io.TimeMetadata(1e-3, 3))
    nodes["a/b"] = nodes["lif"]
    with pytest.raises(NeurographError, match="'a/b'"):
        lower(nir.NIRGraph(nodes, [*edges, ("fc", "a/b")], type_check=False), nir_io.TimeMetadata(1e-3, 3))


def test_a_bias_before_two_paths_counts_once():
    """Two populations into one Affine: W(z1 + z2) + b, not + 2b."""
    nodes = {"i": nir.Input(np.array([2])), "o": nir.Output(np.array([2])), "w": nir.Affine(np.eye(2), np.array([0.25, 0.5]))}
    nodes |= {name: nir.Threshold(full(0.5, 2)) for name in ("a", "b", "c")}
    edges = [("i", "a"), ("i", "b"), ("a", "w"), ("b", "w"), ("w", "c"), ("c", "o")]
    network = lower(nir.NIRGraph(nodes, edges), nir_io.TimeMetadata(1e-3, 3))
    np.testing.assert_array_equal(network.populations["c"].bias, [0.25, 0.5])


@pytest.mark.parametrize("ticks", [0, -1, 10**9])
def test_a_number_of_ticks_out_of_range_is_refused(ticks):
    nodes, edges = line()
    with pytest.raises(NeurographError, match=f"--ticks {ticks}: must be 1 to 1,000,000"):
        interpret(nir.NIRGraph(nodes, edges, type_check=False), "nir", ticks=ticks)


MEMORY = """
import resource, sys
sys.path.insert(0, "tests/export")
from pathlib import Path
import neurograph.export.lower, neurograph.sim.floating
from hostile import through
from neurograph.errors import NeurographError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        through(Path(path))
    except NeurographError as error:
        print("refused")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 300, (path, grown)
"""


def test_memory_stays_bounded(tmp_path):
    """Every case of above in one process: it never holds 300 MB more than after its imports."""
    paths = []
    for index, (name, changes, _) in enumerate(CASES.values()):
        (tmp_path / str(index)).mkdir()
        paths.append(str(broken(tmp_path / str(index), name, *changes)))
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", MEMORY, *paths], capture_output=True, text=True, timeout=200, cwd=root, check=False)
    assert done.returncode == 0, done.stderr[-800:]
    assert done.stdout.count("refused") == len(paths)


def test_a_bomb_of_constants_is_refused_before_it_is_unpacked(tmp_path):
    """gzip stores a thousand equal numbers in a byte or two; 200 MB of them in a file of 200 kB."""

    def bomb(file):
        for part in ("a", "b", "c"):
            file.create_dataset(
                f"node/metadata/{part}", shape=(8_000_000,), dtype="f8", chunks=(1_000_000,), compression="gzip", data=np.zeros(8_000_000)
            )

    path = broken(tmp_path, "dense", bomb)
    assert path.stat().st_size < 400_000
    with pytest.raises(GraphError, match=r"bytes, at most .* for a file of"):
        nir_io.read(path)
