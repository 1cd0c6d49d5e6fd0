"""Groups of populations that hear each other, against networkx."""

from itertools import pairwise

import networkx as nx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neurograph.network import LIF, Network, Population, Projection, Source
from neurograph.sim.groups import groups
from neurograph.weights import Dense

PAIRS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20)


@given(PAIRS)
def test_groups_are_the_strongly_connected_components_upstream_first(pairs):
    names = [f"p{i}" for i in range(8)]
    populations = {"in": Population("in", (1,), Source()), **{name: Population(name, (1,), LIF(0.5, 1.0)) for name in names}}
    one = Dense(np.ones((1, 1)))
    edges = [(names[a], names[b]) for a, b in pairs]
    projections = [Projection("in", names[0], one)]
    projections += [Projection(a, b, one, lag=int(names.index(a) >= names.index(b))) for a, b in edges]
    network = Network(populations, tuple(projections), ticks=2, dt=1e-3, outputs=(names[-1],))
    graph = nx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from(edges)
    found = groups(network)
    assert sorted(map(sorted, found)) == sorted(map(sorted, nx.strongly_connected_components(graph)))
    where = {name: i for i, group in enumerate(found) for name in group}
    assert all(where[a] <= where[b] for a, b in edges)
    rank = {name: i for i, name in enumerate(network.order())}
    assert all(group == sorted(group, key=rank.__getitem__) for group in found)


def test_a_long_chain_needs_no_deep_stack():
    names = [f"p{i}" for i in range(3000)]
    populations = {name: Population(name, (1,), LIF(0.5, 1.0)) for name in names}
    one = Dense(np.ones((1, 1)))
    chain = tuple(Projection(a, b, one) for a, b in pairwise(names))
    network = Network(populations, (*chain, Projection(names[-1], names[0], one, lag=1)), ticks=1, dt=1e-3, outputs=(names[-1],))
    assert groups(network) == [names]
