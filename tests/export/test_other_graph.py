"""A compiled network on another graph: the float network is that of the model there, and its integers need no search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scale_network import lively_checkpoint, random_edges, random_features

from neurograph import fixedpoint as fx
from neurograph.errors import NetworkError, QuantizationError, UnsupportedError
from neurograph.export.carried_integers import carry_integers
from neurograph.export.compile import compile_checkpoint
from neurograph.export.other_graph import on_graph
from neurograph.export.quantize import quantize
from neurograph.export.rounding_report import rounding_report
from neurograph.export.targets import TARGETS
from neurograph.graded import input_bounds
from neurograph.models import SpikeGraphormer
from neurograph.network import LIF, FixedLIF, Graded, Network, Population, Projection, Source
from neurograph.nn import gcn_norm
from neurograph.sim import fixed, floating
from neurograph.training.checkpoint import Checkpoint
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse

NODES, OTHER, WIDTH = 200, 300, 8


@pytest.fixture(scope="module")
def small():
    return lively_checkpoint(NODES, 6, WIDTH, 0)


@pytest.fixture(scope="module")
def compiled(small):
    return compile_checkpoint(small, TARGETS["lava"])


@pytest.fixture(scope="module")
def was(small):
    return gcn_norm(small.graph.edge_index, NODES)


@pytest.fixture(scope="module")
def other():
    """A graph of more nodes, and features on it."""
    return random_edges(OTHER, 6, 1), random_features(OTHER, 1)


@pytest.fixture(scope="module")
def model_there(small, other):
    """The same model built on the other graph, in float64."""
    edges, _ = other
    model = SpikeGraphormer(replace(small.config, nodes=OTHER), edges)
    model.load_state_dict(small.model.state_dict())
    return model.double().eval()


def current_of(model, x):
    with torch.no_grad():
        return model.encode(torch.from_numpy(x).double()).numpy()


def same_weights(a, b):
    return type(a) is type(b) and a.shape == b.shape and (a.to_csr() != b.to_csr()).nnz == 0


def same_integers(a, b):
    """Every parameter and weight of two integer networks."""
    for name, one in a.populations.items():
        two = b.populations[name]
        assert (one.shape, one.depth, type(one.neuron)) == (two.shape, two.depth, type(two.neuron))
        for key, value in vars(one.neuron).items():
            there = getattr(two.neuron, key)
            shape = one.shape if np.ndim(value) or np.ndim(there) else ()
            if isinstance(value, (str, tuple)) or value is None:
                assert value == there, (name, key)
            else:
                np.testing.assert_array_equal(np.broadcast_to(value, shape), np.broadcast_to(there, shape), err_msg=f"{name} {key}")
    for one, two in zip(a.projections, b.projections, strict=True):
        assert (one.name, one.exponent, one.sign_mode, one.delay) == (two.name, two.exponent, two.sign_mode, two.delay)
        assert same_weights(one.weights, two.weights), one.name


def test_it_is_the_network_that_the_model_compiles_to_on_that_graph(small, compiled, was, other, model_there):
    edges, x = other
    moved = on_graph(compiled.network, was, gcn_norm(edges, OTHER))
    masks = np.arange(OTHER) % 3
    graph = replace(small.graph, x=x, edge_index=edges, y=masks % 2, train_mask=masks == 0, val_mask=masks == 1, test_mask=masks == 2)
    there = compile_checkpoint(Checkpoint(model_there, graph, model_there.config, 0, {}, {}), TARGETS["lava"])
    assert moved.outputs == there.network.outputs
    for one, two in zip(moved.projections, there.network.projections, strict=True):
        assert (one.name, one.delay) == (two.name, two.delay)
        np.testing.assert_allclose(one.weights.to_csr().toarray(), two.weights.to_csr().toarray(), rtol=1e-12, atol=0)
    run, expected = floating.run(moved, there.inputs), there.torch
    for name, spikes in expected.spikes.items():
        assert spikes.any() and not spikes.all(), name
        np.testing.assert_array_equal(run.spikes[name], spikes, err_msg=name)


def test_on_its_own_graph_nothing_changes(compiled, was):
    moved = on_graph(compiled.network, was, was)
    assert all(same_weights(a.weights, b.weights) for a, b in zip(moved.projections, compiled.network.projections, strict=True))
    same_integers(carry_integers(moved, compiled.quantized), compiled.quantized)


@pytest.mark.parametrize(("bits", "worse"), [(8, 0.002), (4, 0.02)])
def test_carried_integers_are_as_near_to_the_float_network_as_on_the_graph_that_they_were_found_on(
    compiled, was, other, model_there, bits, worse
):
    edges, x = other
    moved, inputs = on_graph(compiled.network, was, gcn_norm(edges, OTHER)), {"current": current_of(model_there, x)}
    quantized, _ = quantize(compiled.network, compiled.inputs, bits=bits)
    carried = carry_integers(moved, quantized, bits=bits)

    def differ(network, integers, given):
        a, b = floating.run(network, given), fixed.run(integers, given)
        assert not b.notes["wraps"] and not b.notes["clips"]
        return np.mean([np.mean(b.spikes[name] != spikes) for name, spikes in a.spikes.items()])

    assert differ(moved, carried, inputs) < differ(compiled.network, quantized, compiled.inputs) + worse
    assert all(row.bits <= bits for row in rounding_report(moved, carried, inputs, bits=bits).projections)


def test_no_input_can_make_carried_integers_wrap(compiled, was):
    """A hub that hears everybody: far more arrives than on the graph on which the scale was found."""
    hub = np.concatenate(
        [np.stack([np.zeros(OTHER - 1, int), np.arange(1, OTHER)]), np.stack([np.arange(1, OTHER), np.zeros(OTHER - 1, int)])], axis=1
    )
    carried = carry_integers(on_graph(compiled.network, was, gcn_norm(hub, OTHER)), compiled.quantized)
    layer, before = (network.populations["gnn_layers_0_neuron"].neuron for network in (carried, compiled.quantized))
    assert layer.scale > before.scale and layer.vth < before.vth
    for population in carried.neurons:
        positive, negative = input_bounds(carried, population.name)
        assert max(positive.max(), negative.max()) < fx.STATE_LIMIT >> fx.V_SHIFT
    run = fixed.run(carried, {"current": np.full((OTHER, 2 * WIDTH), 3.0)})
    assert not run.notes["wraps"] and not run.notes["clips"]


def test_neurons_take_no_memory_of_their_own(compiled, was):
    graph = gcn_norm(random_edges(5000, 4, 2), 5000)
    carried = carry_integers(on_graph(compiled.network, was, graph), compiled.quantized)
    for population in carried.populations.values():
        assert all(np.size(value) <= 2 * WIDTH for value in vars(population.neuron).values() if isinstance(value, np.ndarray)), (
            population.name
        )
        assert np.size(population.bias) <= 2 * WIDTH


def tiny(weights, *, source=(4, 2), target=(4, 2), bias=0.0, beta=0.5):
    populations = [Population("s", source, Source("spikes")), Population("p", target, LIF(beta, 1.0), bias=bias)]
    return Network({p.name: p for p in populations}, (Projection("s", "p", weights),), ticks=2)


RING = sp.csr_matrix(np.roll(np.eye(4), 1, axis=0) + np.roll(np.eye(4), -1, axis=0))
LINE = sp.csr_matrix(np.eye(6, k=1) + np.eye(6, k=-1))


@pytest.mark.parametrize(
    ("weights", "ends", "expected"),
    [
        (Kron(RING * 0.3, Identity(2)), ((4, 2), (4, 2)), Kron(LINE * 0.3, Identity(2))),
        (Kron(RING * -2.0, np.ones(2)), ((4, 2), (4, 2)), Kron(LINE * -2.0, np.ones(2))),
        (Kron(Identity(4), np.ones((3, 2))), ((4, 2), (4, 3)), Kron(Identity(6), np.ones((3, 2)))),
        (Kron(OnesRow(4), np.array([3.0, 6.0])), ((4, 2), (1, 2)), Kron(OnesRow(6), np.array([2.0, 4.0]))),
        (Kron(OnesRow(4), Identity(2)), ((4, 2), (1, 2)), Kron(OnesRow(6), np.full(2, 2 / 3))),
        (Kron(OnesColumn(4), np.ones(2)), ((1, 2), (4, 2)), Kron(OnesColumn(6), np.ones(2))),
        (Dense(np.ones((3, 2))), ((1, 2), (1, 3)), Dense(np.ones((3, 2)))),
    ],
)
def test_each_map_becomes_that_of_the_other_graph(weights, ends, expected):
    moved = on_graph(tiny(weights, source=ends[0], target=ends[1]), RING, LINE)
    got = moved.projections[0].weights
    assert type(got) is type(expected)
    np.testing.assert_allclose(got.to_csr().toarray(), expected.to_csr().toarray(), rtol=1e-12)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (tiny(Dense(np.ones((8, 8)))), "projection s→p: Dense weights over 4 nodes"),
        (tiny(Sparse(sp.eye(8, format="csr"))), "projection s→p: Sparse weights over 4 nodes"),
        (tiny(Kron(sp.csr_matrix(RING @ RING), Identity(2))), "projection s→p: propagates over another matrix"),
        (tiny(Kron(sp.csr_matrix(RING.multiply([[1], [2], [3], [4]])), Identity(2))), "projection s→p: propagates over another matrix"),
        (tiny(Kron(RING, Identity(2)), bias=np.arange(8.0).reshape(4, 2)), "population 'p': bias differs from node to node"),
        (tiny(Kron(RING, Identity(2)), beta=np.linspace(0.1, 0.8, 8).reshape(4, 2)), "population 'p': beta differs from node to node"),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(network, words):
    with pytest.raises(NetworkError, match=words):
        on_graph(network, RING, LINE)


def test_wrong_arguments_are_refused_by_name(compiled, was):
    with pytest.raises(NetworkError, match="it is an integer network; move the float one"):
        on_graph(compiled.quantized, was, was)
    with pytest.raises(NetworkError, match=r"graph: a matrix of shape \(2, 3\)"):
        on_graph(compiled.network, was, sp.csr_matrix((2, 3)))
    with pytest.raises(NetworkError, match="must be a float network and the integers of the same one"):
        carry_integers(compiled.network, compiled.network)
    with pytest.raises(NetworkError, match="must be a float network and the integers of the same one"):
        carry_integers(tiny(Kron(RING, Identity(2))), compiled.quantized)
    with pytest.raises(QuantizationError, match="weight bits: 9"):
        carry_integers(compiled.network, compiled.quantized, bits=9)


def test_graded_populations_are_refused_by_name():
    network = Network(
        {"s": Population("s", (4, 2), Source("graded")), "g": Population("g", (4, 2), Graded())},
        (Projection("s", "g", Kron(Identity(4), np.ones(2))),),
        1,
    )
    quantized, _ = quantize(network, {"s": np.ones((1, 4, 2))})
    with pytest.raises(UnsupportedError, match="population 's': graded(.|\n)*population 'g': graded"):
        carry_integers(network, quantized)


def test_a_sum_over_so_many_nodes_that_nothing_is_left_of_its_weights_is_refused(compiled, was):
    nodes = 10**9
    moved = on_graph(compiled.network, was, was)
    sums = [i for i, p in enumerate(moved.projections) if isinstance(p.weights, Kron) and isinstance(p.weights.left, OnesRow)]
    projections = list(moved.projections)
    for i in sums:
        projections[i] = replace(projections[i], weights=Kron(OnesRow(NODES), projections[i].weights.right * (NODES / nodes)))
    with pytest.raises(QuantizationError, match=r"mask_neuron: weights of at most .* V all round to 0 at exponent -8"):
        carry_integers(replace(moved, projections=tuple(projections)), compiled.quantized)


def test_integers_that_differ_from_node_to_node_are_refused(compiled, was):
    population = compiled.quantized.populations["gnn_neuron"]
    assert isinstance(population.neuron, FixedLIF)
    own = replace(population, neuron=replace(population.neuron, bias_mant=np.arange(population.size).reshape(population.shape)))
    quantized = compiled.quantized.with_populations([own])
    moved = on_graph(compiled.network, was, gcn_norm(random_edges(OTHER, 4, 0), OTHER))
    with pytest.raises(NetworkError, match="population 'gnn_neuron': bias_mant differs from node to node"):
        carry_integers(moved, quantized)
