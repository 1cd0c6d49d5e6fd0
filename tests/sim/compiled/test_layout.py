import numpy as np

from neurograph.network import LIF, Network, Population, Projection, Source
from neurograph.sim.compiled.layout import forms, nodes_of
from neurograph.sim.compiled.tables import ONE_TO_ONE, SPARSE
from neurograph.weights import Identity, Kron, one_to_one


def test_one_to_one_between_populations_that_nothing_else_splits_is_no_sparse_matrix():
    """A gate that hears a split population, and one behind it that hears nothing but the gate."""
    shape = (50, 4)
    populations = {"x": Population("x", shape, Source())} | {n: Population(n, shape, LIF(0.5, 1.0)) for n in ("a", "gate", "after")}
    projections = (
        Projection("x", "a", Kron(Identity(50), np.ones((4, 4)))),
        Projection("a", "gate", one_to_one(shape)),
        Projection("gate", "after", one_to_one(shape)),
    )
    network = Network(populations, projections, 2)
    nodes = nodes_of(network)
    assert nodes == dict.fromkeys(populations, 50)
    assert [form.kind for form in forms(network, nodes)][1:] == [ONE_TO_ONE, ONE_TO_ONE]


def test_other_projections_outvote_one_to_one():
    """Neurons in a row, seen by their neighbours as 5 nodes of 2."""
    populations = {"x": Population("x", (10,), Source())} | {n: Population(n, (5, 2), LIF(0.5, 1.0)) for n in ("a", "b")}
    projections = (
        Projection("x", "a", Kron(Identity(10), np.array([2.0]))),
        Projection("a", "b", Kron(Identity(5), np.array([[1.0, 2], [3, 4]]))),
    )
    network = Network(populations, projections, 2)
    nodes = nodes_of(network)
    assert nodes["a"] == nodes["b"] == 5
    assert forms(network, nodes)[0].kind == SPARSE
