"""Graphs that are made: rates and degrees as asked for, the same seed the same graph."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurograph.data import load
from neurograph.data.digits import knn_edges
from neurograph.data.synthetic import block_edges, cluster, pattern, rmat, rmat_edges, sbm
from neurograph.errors import DataError


@pytest.mark.parametrize("make", [sbm, cluster, pattern, rmat])
def test_the_same_seed_gives_the_same_graph(make) -> None:
    first, again, other = make(300, 1), make(300, 1), make(300, 2)
    assert np.array_equal(first.edge_index, again.edge_index) and np.array_equal(first.x, again.x)
    assert not np.array_equal(first.edge_index, other.edge_index)
    assert set(np.unique(first.y)) == set(range(first.classes))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 1000), st.integers(2, 80), st.integers(1, 5), st.sampled_from([0.0, 0.05, 0.5, 1.0]), st.sampled_from([0.0, 0.3, 1.0])
)
def test_edges_of_blocks_come_at_their_rates(seed, nodes, blocks, inside, outside) -> None:
    """Within five standard deviations of the binomial, and all or none where the rate is 1 or 0."""
    block = np.arange(nodes) % blocks
    edges = block_edges(block, inside, outside, np.random.default_rng(seed))
    same = block[edges[0]] == block[edges[1]]
    pairs = nodes * (nodes - 1) // 2
    inner = sum(int(n) * (int(n) - 1) // 2 for n in np.bincount(block))
    for count, of, rate in ((same.sum() // 2, inner, inside), ((~same).sum() // 2, pairs - inner, outside)):
        assert abs(count - of * rate) <= 5 * np.sqrt(of * rate * (1 - rate))


def test_a_block_model_is_networkxs() -> None:
    """Mean number of edges over 20 graphs, beside networkx's generator."""
    sizes, rates = [30, 50], [[0.3, 0.05], [0.05, 0.2]]
    theirs = [nx.stochastic_block_model(sizes, rates, seed=seed).number_of_edges() for seed in range(20)]
    block = np.repeat([0, 1], sizes)
    from neurograph.data.synthetic import _drawn

    ours = [_drawn(block, np.array(rates), np.random.default_rng(seed)).shape[1] // 2 for seed in range(20)]
    assert abs(np.mean(ours) - np.mean(theirs)) < 4 * np.std(theirs) / np.sqrt(10)


def test_degrees_of_rmat_are_uneven() -> None:
    edges = rmat_edges(4096, 20_000, np.random.default_rng(0))
    degrees = np.bincount(edges[0], minlength=4096)
    assert 0.95 * 20_000 <= edges.shape[1] // 2 <= 20_000 and edges.max() < 4096
    assert degrees.max() > 20 * degrees.mean()
    odd = rmat_edges(1000, 3000, np.random.default_rng(0))
    assert odd.max() < 1000 and odd.shape[1] // 2 > 2500


def test_degrees_stay_in_large_graphs() -> None:
    for name in ("cluster", "pattern"):
        small, large = load(name), load(f"{name}:20000")
        assert large.nodes == 20_000 and large.name == f"{name}:20000"
        assert large.edges / large.nodes == pytest.approx(small.edges / small.nodes, rel=0.1)
    assert load("rmat:100000").edges > 400_000


def test_one_node_of_a_cluster_tells() -> None:
    graph = cluster(600, 3)
    said = graph.x.argmax(axis=1)
    assert np.bincount(said).tolist() == [594, 1, 1, 1, 1, 1, 1]
    assert all(graph.y[said == block + 1] == block for block in range(6))


def test_sizes_out_of_range() -> None:
    with pytest.raises(DataError, match="cluster: 20 nodes"):
        load("cluster:20")
    with pytest.raises(DataError, match="degree 50"):
        sbm(40, degree=50)
    with pytest.raises(DataError, match="share 2"):
        sbm(40, share=2)


def test_nearest_images_are_those_of_a_search() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (60, 5))
    edges = knn_edges(x, 3)
    distance = np.linalg.norm(x[:, None] - x, axis=2)
    np.fill_diagonal(distance, np.inf)
    wanted = {(i, int(j)) for i in range(60) for j in np.argsort(distance[i])[:3]}
    assert {tuple(pair) for pair in edges.T.tolist()} == wanted | {(j, i) for i, j in wanted}
    with pytest.raises(DataError, match="k = 60"):
        knn_edges(x, 60)
    with pytest.raises(DataError, match="1 features are NaN"):
        knn_edges(np.where(np.eye(60, 5) * (np.arange(60) == 2)[:, None], np.nan, x), 3)


def test_digits_lie_beside_their_like() -> None:
    graph = load("digits")
    assert (graph.nodes, graph.features, graph.classes) == (1797, 64, 10)
    same = graph.y[graph.edge_index[0]] == graph.y[graph.edge_index[1]]
    assert same.mean() > 0.95
