"""Extension nodes and time metadata, written and read: the same arrays, the same dtypes, the same maps; and no N × N array."""

import tracemalloc
from dataclasses import asdict, fields

import nir
import nir_pubmed
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurograph.export import nir_io
from neurograph.export.lower import lower
from neurograph.export.nir_io import TimeMetadata, time_of, with_time
from neurograph.export.nodes import EXTENSIONS, PREFIX, Aggregate, BroadcastNodes, PerNode, ReduceNodes, SparseLinear

in_a_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
real, whole = st.sampled_from([np.float32, np.float64]), st.sampled_from([np.int32, np.int64])
few = st.integers(1, 6)


@st.composite
def sparse(draw):
    rows, columns, seed = draw(few), draw(few), draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    matrix = sp.random(rows, columns, draw(st.sampled_from([0.0, 0.3, 1.0])), "csr", rng=rng, data_rvs=lambda n: rng.normal(size=n))
    kind, index = draw(real), draw(whole)
    return matrix.data.astype(kind), matrix.indices.astype(index), matrix.indptr.astype(index), np.array(matrix.shape, dtype=draw(whole))


def normal(shape, kind, seed):
    return np.random.default_rng(seed).normal(size=shape).astype(kind)


seeds = st.integers(0, 2**16)
EXAMPLES = {
    "PerNode": st.builds(
        lambda n, d, e, kind, seed: PerNode(normal((e, d), kind, seed), normal(e, kind, seed + 1), n), few, few, few, real, seeds
    ),
    "Aggregate": st.builds(lambda parts, features: Aggregate(*parts, features), sparse(), few),
    "ReduceNodes": st.builds(lambda n, d, kind, seed: ReduceNodes(normal(d, kind, seed), n), few, few, real, seeds),
    "BroadcastNodes": st.builds(BroadcastNodes, few, few),
    "SparseLinear": st.builds(lambda parts: SparseLinear(*parts), sparse()),
}


def surrounded(node):
    """Input → node → Threshold → Output."""
    takes, gives = (tuple(int(n) for n in next(iter(kind.values()))) for kind in (node.input_type, node.output_type))
    nodes = {"i": nir.Input(np.array(takes)), "x": node, "t": nir.Threshold(np.full(gives, 0.5)), "o": nir.Output(np.array(gives))}
    return nir.NIRGraph(nodes, [("i", "x"), ("x", "t"), ("t", "o")])


def matrices(graph):
    network = lower(graph, TimeMetadata(1e-3, 3))
    return [p.weights.to_csr().toarray() for p in network.projections], np.asarray(network.populations["t"].bias)


def test_every_extension_node_is_here():
    assert {PREFIX + name for name in EXAMPLES} == set(EXTENSIONS)


@pytest.mark.parametrize("name", EXAMPLES)
@in_a_folder
@given(data=st.data())
def test_an_extension_node_comes_back_as_it_was(tmp_path, name, data):
    node = data.draw(EXAMPLES[name])
    graph = surrounded(node)
    nir_io.write(graph, tmp_path / "m.nir")
    back = nir_io.read(tmp_path / "m.nir")
    got = back.nodes["x"]
    assert type(got) is type(node)
    for field in fields(node):
        mine, theirs = getattr(node, field.name), getattr(got, field.name)
        if field.name in ("input_type", "output_type"):
            assert {k: tuple(v) for k, v in mine.items()} == {k: tuple(v) for k, v in theirs.items()}
        elif isinstance(mine, np.ndarray):
            np.testing.assert_array_equal(mine, theirs)
            assert mine.dtype == theirs.dtype
        else:
            assert mine == theirs and type(mine) is type(theirs)
    (before, bias), (after, bias_after) = matrices(graph), matrices(back)
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(bias, bias_after)


@in_a_folder
@given(
    st.builds(
        TimeMetadata,
        dt=st.floats(1e-9, 1e3),
        ticks=st.integers(1, 10**6),
        inputs=st.sampled_from(["static", "spikes", "values"]),
        scheme=st.sampled_from(["forward_euler", "exponential_euler"]),
        compare=st.sampled_from([">", ">="]),
        reset=st.sampled_from(["value", "subtract"]),
        reset_acts=st.sampled_from(["same_step", "next_step"]),
        input_scale=st.floats(1e-9, 1e9),
        recurrent_delay=st.integers(1, 1000),
    )
)
def test_time_metadata_comes_back_as_it_was(tmp_path, time):
    graph = with_time(surrounded(BroadcastNodes(3, 2)), time)
    nir_io.write(graph, tmp_path / "m.nir")
    got = time_of(nir_io.read(tmp_path / "m.nir"))
    assert got == time
    assert {k: type(v) for k, v in asdict(got).items()} == {k: type(v) for k, v in asdict(time).items()}


def test_a_graph_of_pubmed_size_needs_no_square_array(tmp_path):
    """19,717 nodes and 88,648 edges: a dense map would be 19,717² · 4 = 1.6 GB."""
    tracemalloc.start()
    try:
        nir_io.write(nir_pubmed.graph(), tmp_path / "m.nir")
        network = lower(nir_io.read(tmp_path / "m.nir"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200e6, peak
    aggregate = next(p.weights for p in network.projections if p.target == "hidden")
    assert aggregate.shape == (19_717 * 16, 19_717 * 500) and aggregate.left.nnz == 88_648 + 19_717
