from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from neurograph.errors import InputError
from neurograph.host_products import static_macs
from neurograph.hw_profiles.counts import Counts, count, fan_in
from neurograph.network import LIF, Network, Population, Projection, Source
from neurograph.sim.recording import Recording
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse, Weights


def brute_force(network: Network, recording: Recording) -> dict[str, Any]:
    """The same counts by loops over single spikes and single weights of expanded matrices."""
    matrices = [p.weights.to_csr().toarray() for p in network.projections]
    samples = range(recording.samples)
    events = np.zeros((len(network.projections), recording.samples), dtype=int)
    messages = np.zeros(recording.samples, dtype=int)
    active = {name: np.zeros(recording.samples, dtype=int) for name in network.populations}
    for s in samples:
        got: set[tuple[str, int, int]] = set()
        sent: set[tuple[str, int, int, str]] = set()
        for index, projection in enumerate(network.projections):
            if network.populations[projection.source].is_static:
                continue
            for tick in range(network.ticks):
                for i, fired in enumerate(recording.spikes[projection.source][s, tick].ravel()):
                    for j in range(matrices[index].shape[0]):
                        if fired and matrices[index][j, i] != 0:
                            events[index, s] += 1
                            got.add((projection.target, tick + projection.lag, j))
                            sent.add((projection.source, tick, i, projection.target))
        messages[s] = len(sent)
        for name, population in network.populations.items():
            if not population.is_source:
                for tick in range(network.ticks):
                    fired = recording.spikes[name][s, tick].ravel()
                    active[name][s] += sum(bool(fired[j]) or (name, tick, j) in got for j in range(population.size))
    return {"events": events, "messages": messages, "active": active}


@st.composite
def weights(draw: st.DrawFn, out: tuple[int, ...], into: tuple[int, ...]) -> Weights:
    """Any form that maps (nodes, features) to (nodes, features), with many zeros in it."""
    (m, e), (n, d) = out, into

    def matrix(rows: int, columns: int) -> Any:
        values = draw(st.lists(st.sampled_from([0.0, 0.0, -1.0, 2.0]), min_size=rows * columns, max_size=rows * columns))
        return np.array(values).reshape(rows, columns)

    kinds: dict[str, Callable[[], Weights]] = {
        "dense": lambda: Dense(matrix(m * e, n * d)),
        "sparse": lambda: Sparse(_stored_zeros(matrix(m * e, n * d))),
        "aggregate and mix": lambda: Kron(_stored_zeros(matrix(m, n)), matrix(e, d)),
    }
    if m == n:
        kinds["per node"] = lambda: Kron(Identity(n), matrix(e, d))
    if m == 1:
        kinds["reduce"] = lambda: Kron(OnesRow(n), matrix(e, d))
    if n == 1:
        kinds["broadcast"] = lambda: Kron(OnesColumn(m), matrix(e, d))
    if e == d:
        kinds["aggregate"] = lambda: Kron(_stored_zeros(matrix(m, n)), Identity(d))
        kinds["scaled aggregate"] = lambda: Kron(_stored_zeros(matrix(m, n)), matrix(1, d)[0])
        if m == n:
            kinds["one to one"] = lambda: Kron(Identity(n), matrix(1, d)[0])
    return kinds[draw(st.sampled_from(sorted(kinds)))]()


def _stored_zeros(matrix: Any) -> sp.csr_matrix:
    """A CSR matrix that stores some of its zeros, which are no synapses."""
    rows, columns = np.nonzero((matrix != 0) | (np.arange(matrix.size).reshape(matrix.shape) % 3 == 0))
    return sp.csr_matrix((matrix[rows, columns], (rows, columns)), shape=matrix.shape)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Network, Recording]:
    shapes = [(draw(st.integers(1, 3)), draw(st.integers(1, 3))) for _ in range(4)]
    ticks = draw(st.integers(1, 4))
    names = ["input", "a", "b", "c"]
    lif = LIF(beta=1.0, threshold=0.5)
    populations = {n: Population(n, s, Source() if n == "input" else lif) for n, s in zip(names, shapes, strict=True)}
    pairs = [("input", "a", 0), ("a", "b", 0), ("b", "c", 0), ("a", "c", 0), ("input", "c", 0), ("b", "b", 1), ("c", "a", 2), ("a", "b", 0)]
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=6))
    projections = tuple(Projection(a, b, draw(weights(populations[b].shape, populations[a].shape)), lag=lag) for a, b, lag in chosen)
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    spikes = {n: (rng.random((2, ticks, *p.shape)) < 0.4).astype(np.uint8) for n, p in populations.items()}
    return Network(populations, projections, ticks=ticks), Recording("float", ticks, spikes)


def assert_equal_to_brute_force(network: Network, recording: Recording) -> Counts:
    counted, expected = count(network, recording), brute_force(network, recording)
    spiking = [i for i, p in enumerate(network.projections) if not network.populations[p.source].is_static]
    for projection, index in zip(counted.projections, spiking, strict=True):
        assert projection.synaptic_events.tolist() == expected["events"][index].tolist(), projection.name
    for population in counted.populations:
        assert population.updates_active.tolist() == expected["active"][population.name].tolist(), population.name
        steps = 0 if population.role != "neurons" else population.size * network.ticks
        assert (population.updates == steps).all()
    assert counted.messages.tolist() == expected["messages"].tolist()
    return counted


@settings(max_examples=40, deadline=None)
@given(cases())
def test_counts_are_those_of_loops_over_expanded_matrices(case: tuple[Network, Recording]) -> None:
    counted = assert_equal_to_brute_force(*case)
    for values in (counted.synaptic_events, counted.messages, counted.updates_active, counted.spikes):
        assert np.issubdtype(values.dtype, np.integer)
    assert (counted.messages_at_least <= counted.messages).all()
    assert (counted.messages_at_least <= counted.spikes).all()


def test_every_kind_of_projection(network: Network, recording: Recording) -> None:
    assert_equal_to_brute_force(network, recording)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_fan_in_is_the_other_side_of_fan_out(data: st.DataObject) -> None:
    out = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    into = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    drawn = data.draw(weights(out, into))
    assert fan_in(drawn).tolist() == np.count_nonzero(drawn.to_csr().toarray(), axis=1).tolist()
    assert fan_in(drawn).sum() == drawn.fan_out().sum()


def test_populations_add_up_to_totals(network: Network, recording: Recording) -> None:
    counted = count(network, recording)
    assert np.array_equal(sum(p.synaptic_events_in for p in counted.populations), counted.synaptic_events)
    assert np.array_equal(sum(p.spikes for p in counted.populations), counted.spikes)
    assert (counted.neuron_spikes + counted.input_spikes == counted.spikes).all()
    assert (counted.synaptic_events_stored("dense") + counted.synaptic_events_stored("sparse") == counted.synaptic_events).all()
    assert (counted.neuron_updates == counted.neurons * counted.ticks).all()
    assert int(counted.spikes.sum()) == sum(recording.counts().values())


def test_windows(network: Network, recording: Recording) -> None:
    counted = count(network, recording)
    assert counted.depth == 5
    assert counted.steps_alone == network.ticks + 5 - 1
    assert counted.fill_and_drain_updates == counted.neurons * 4


def test_a_network_that_is_not_aligned_has_no_depth(network: Network, recording: Recording) -> None:
    flat = network.with_populations(replace(p, depth=None) for p in network.populations.values())
    counted = count(flat, recording)
    assert counted.depth is None
    assert counted.steps_alone == network.ticks


def test_static_inputs_are_bias_writes_and_host_work_not_events(network: Network, recording: Recording) -> None:
    counted = count(network, recording)
    q = next(p for p in counted.populations if p.name == "q")
    assert q.bias_writes == counted.bias_writes == q.size
    assert all(p.source != "features" for p in counted.projections)
    assert static_macs(network) == {"features→q": 4 * 3 * 5}
    assert counted.host_macs == static_macs(network)
    assert count(network, recording, host_macs={"readout": 7}).host_macs == {"readout": 7}


def test_a_bias_is_not_an_input() -> None:
    biased = Population("p", (3,), LIF(beta=1.0, threshold=2.0), bias=1.0)
    silent = Recording("float", 2, {"p": np.zeros((1, 2, 3), dtype=np.uint8)})
    counted = count(Network({"p": biased}, (), ticks=2), silent)
    assert counted.updates_active.tolist() == [0]
    assert counted.updates_inactive.tolist() == [6]


def test_static_macs_take_the_cheap_order() -> None:
    adjacency = sp.csr_matrix(np.eye(4))
    populations = {
        "x": Population("x", (4, 5), Source("static")),
        "p": Population("p", (4, 2), LIF(beta=1.0, threshold=1.0)),
        "s": Population("s", (1, 5), LIF(beta=1.0, threshold=1.0)),
    }
    network = Network(
        populations,
        (
            Projection("x", "p", Kron(adjacency, np.ones((2, 5)))),
            Projection("x", "s", Kron(OnesRow(4), np.ones(5))),
        ),
        ticks=1,
    )
    assert static_macs(network) == {"x→p": 4 * 2 * 5 + 4 * 2, "x→s": 4 * 5 + 5}


def test_a_recording_of_another_network_is_refused(network: Network, recording: Recording) -> None:
    missing = replace(recording, spikes={k: v for k, v in recording.spikes.items() if k != "gate"})
    with pytest.raises(InputError, match=r"no spikes of population 'gate'.*record every population"):
        count(network, missing)
    with pytest.raises(InputError, match=r"population 'drive' has shape \(3, 6, 4, 5\), the network needs \(3, 2, 4, 5\)"):
        count(replace(network, ticks=2), recording)


def test_steps_of_a_network_with_loops_over_layers(network: Network, recording: Recording) -> None:
    """k machine steps a tick and a gap of the longest lag: alone k(T − 1) + depth, streamed k(T + lag); every neuron at every step."""
    loop = replace(network, projections=(*network.projections, Projection("out", "mask", Dense(np.ones((3, 8))), lag=2)))
    stretched = replace(loop, steps_per_tick=3)
    counted, before = count(stretched, recording), count(loop, recording)
    assert (before.steps_alone, before.steps_streamed) == (6 + 5 - 1, 6 + 2)
    assert (counted.steps_alone, counted.steps_streamed) == (3 * 5 + 5, 3 * (6 + 2))
    assert counted.fill_and_drain_updates == counted.neurons * (20 - 6)
    assert counted.gap_updates == counted.neurons * (24 - 6)
    assert (counted.neuron_updates == before.neuron_updates).all()
    assert count(replace(stretched, gated=False), recording).steps_streamed == 3 * 5 + 5 + 1  # one at a time
