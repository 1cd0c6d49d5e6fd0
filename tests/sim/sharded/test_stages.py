import numpy as np
import scipy.sparse as sp
from looped_networks import attention
from networks import random_network

from neurograph.network import LIF, Network, Population, Projection, Source
from neurograph.sim.sharded.assignment import contiguous
from neurograph.sim.sharded.partition import cut
from neurograph.sim.sharded.stages import Heard, steps_of
from neurograph.weights import Dense, Identity, Kron, one_to_one


def parts(network, shards=2):
    return [cut(network, contiguous(network.populations.values(), shards), rank) for rank in range(shards)]


def names(steps):
    return [(list(sums), [] if stage is None else [p.name for p in stage.network.neurons]) for sums, stage in steps.levels]


def test_a_sum_over_ranks_cuts_attention_in_two():
    network = attention(np.random.default_rng(0))
    steps = steps_of(parts(network)[0], [], ["o"])
    assert [(sums, set(stage)) for sums, stage in names(steps)] == [([], {"s", "q", "k", "v", "kv"}), (["mask"], {"gate", "o"})]
    first, second = (stage for _, stage in steps.levels)
    assert set(first.network.outputs) == {"s", "q", "kv"} and second.network.outputs == ("o",)
    assert second.heard == {name: Heard(name, False) for name in ("mask", "q", "s")}
    assert steps.last == {"x": 0, "s": 1, "q": 1, "k": 0, "v": 0, "kv": 1, "mask": 1, "gate": 1}


def rings(*edges, n=6):
    """Populations a, b, c of n nodes; "Aab" propagates from a to b over a ring, "Iab" goes from node to node."""
    shape, ring = (n, 2), sp.csr_matrix(np.roll(np.eye(n), 1, axis=1) + np.eye(n))
    populations = {"in": Population("in", shape, Source())} | {name: Population(name, shape, LIF(0.5, 1.0)) for name in "abc"}
    weights = {"A": Kron(ring, Identity(2)), "I": one_to_one(shape, 1.0)}
    projections = [Projection("in", "a", weights["A"])]
    projections += [Projection(edge[1], edge[2], weights[edge[0]], lag=int(edge[3:] or 0)) for edge in edges]
    return Network(populations, tuple(projections), 3, outputs=("c",))


def test_what_crosses_ranks_begins_a_level():
    part = parts(rings("Iab", "Abc", "Iac"))[0]
    steps = steps_of(part, ["in", "b"], ["c"])
    assert names(steps) == [([], ["a", "b"]), ([], ["c"])]
    first, second = (stage for _, stage in steps.levels)
    assert first.heard == {"in and halo": Heard("in", True)} and set(first.network.outputs) == {"a", "b"}
    assert first.network.populations["in and halo"].shape == (4, 2), "3 own nodes and 1 of the halo"
    assert second.heard == {"b and halo": Heard("b", True), "a": Heard("a", False)}


def test_levels_do_not_depend_on_the_rank_that_hears_nothing():
    """Only rank 0 hears the other; both cut where it does."""
    n = 4
    matrix = sp.csr_matrix(np.array([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]))
    populations = {
        "x": Population("x", (n, 1), Source()),
        "y": Population("y", (n, 1), LIF(0.5, 1.0)),
        "z": Population("z", (n, 1), LIF(0.5, 1.0)),
    }
    projections = (Projection("x", "y", one_to_one((n, 1))), Projection("y", "z", Kron(matrix, Identity(1))))
    both = [steps_of(part, ["y"], ["z"]) for part in parts(Network(populations, projections, 2))]
    assert [names(steps) for steps in both] == [[([], ["y"]), ([], ["z"])]] * 2
    assert [stage.heard for steps in both for stage in [steps.levels[1][1]]] == [{"y and halo": Heard("y", True)}, {"y": Heard("y", False)}]


def test_a_loop_that_crosses_ranks_has_no_stages():
    assert steps_of(parts(rings("Iab", "Aba1"))[0], ["in", "b"], []) is None


def test_a_loop_at_home_is_in_one_stage():
    steps = steps_of(parts(rings("Iab", "Iba1", "Abc"))[0], ["in", "b"], ["c"])
    assert names(steps) == [([], ["a", "b"]), ([], ["c"])]


def test_a_replicated_population_that_hears_itself_and_split_ones_has_no_stages():
    shape = (4, 2)
    populations = {"x": Population("x", shape, Source()), "s": Population("s", (1, 2), LIF(0.5, 1.0))}
    projections = (Projection("x", "s", Dense(np.ones((2, 8)))), Projection("s", "s", one_to_one((1, 2)), lag=1))
    assert steps_of(parts(Network(populations, projections, 3))[0], [], []) is None


def test_every_population_is_in_one_step_after_all_that_it_hears():
    for seed in range(40):
        network, _ = random_network(seed, recurrent=False, layers=6)
        for part in parts(network):
            exchanged = [name for other in parts(network) for name in other.halo]
            steps = steps_of(part, exchanged, network.outputs)
            done = {p.name for p in network.sources}
            for sums, stage in steps.levels:
                for name in sums:
                    assert {p.source for p in network.into(name)} <= done
                    done.add(name)
                if stage is not None:
                    done |= {p.name for p in stage.network.neurons}
                    for p in stage.network.neurons:
                        assert {q.source for q in network.into(p.name)} <= done
            assert done == set(network.populations)
