"""What the ranks of the tests do: ``ranks.py FOLDER JOB …``, each rank the same. Rank 0 compares with one process and writes JOB.json."""

import json
import os
import re
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import scipy.sparse as sp
import torch
import torch.distributed as dist
from looped_networks import looped_network
from networks import random_network

from neurograph.export.quantize import quantize
from neurograph.network import FixedLIF, Graded, Network, Population, Product, Projection, Source, Threshold
from neurograph.sim import fixed, floating
from neurograph.sim.sharded.assignment import Assignment, by_graph, contiguous
from neurograph.sim.sharded.run import run, run_part
from neurograph.sim.sharded.stored import read_part
from neurograph.sim.sharded.world import opened_world
from neurograph.storage import load_network
from neurograph.weights import Identity, Kron, OnesColumn, OnesRow, one_to_one


def scattered(network, shards, seed):
    """Nodes dealt out at random, at least one to each rank; the same on every rank."""
    rng = np.random.default_rng(seed)
    plain = contiguous(network.populations.values(), shards)
    return Assignment(shards, {n: rng.permutation(owners) for n, owners in plain.owners.items()})


def assigned(network, world, seed):
    """Ranges, at random, or by METIS."""
    if seed % 3 == 0:
        return contiguous(network.populations.values(), world.shards)
    return by_graph(network, world.shards) if seed % 3 == 1 else scattered(network, world.shards, seed)


def differences(ours, one):
    """What is not the same, bit for bit, in two recordings."""
    found = []
    for kind in ("spikes", "voltages", "currents"):
        a, b = getattr(ours, kind), getattr(one, kind)
        if list(a) != list(b):
            found.append(f"{kind}: {list(a)} and {list(b)}")
        found += [
            f"{kind} of {name}" for name in a if name in b and not (a[name].dtype == b[name].dtype and np.array_equal(a[name], b[name]))
        ]
    for key in one.notes:
        if ours.notes.get(key) != one.notes[key]:
            found.append(f"notes {key}: {ours.notes.get(key)} and {one.notes[key]}")
    if ours.notes["sharded"]["spikes"] != one.counts():
        found.append("spikes in all")
    if one.tally is not None:
        for key in ("spikes", "updates_active", "messages", "reached"):
            a, b = getattr(ours.tally, key), getattr(one.tally, key)
            found += [f"tally {key} of {name}" for name in b if not np.array_equal(a[name], b[name])]
        events = zip(ours.tally.synaptic_events, one.tally.synaptic_events, strict=True)
        found += [f"events {i}" for i, (a, b) in enumerate(events) if not np.array_equal(a, b)]
    return found


def same_runs(world, networks, engine, how=False):
    """Run networks sharded and, on rank 0, in one process: what differs by name, and what crossed and was split in all."""
    wrong, crossed, split, chunked, compiled = {}, 0, 0, 0, 0
    for seed, (name, network, inputs) in enumerate(networks):
        every = {"record": "all", "counts": True, "assignment": assigned(network, world, seed), "world": world}
        every["compiled"] = how
        memory = least_memory(world, network, inputs, every) * (1 + seed % 4 // 2) if seed % 2 else None
        ours = run(network, inputs, max_memory=memory, **every)
        if world.rank == 0:
            found = differences(ours, engine.run(network, inputs, counts=True))
            wrong |= {name: found} if found else {}
            about = ours.notes["sharded"]
            crossed, split = crossed + sum(about["sent_bytes"]), split + len(about["split"])
            compiled += about["compiled"]
            chunked += about["chunk"] != [ours.samples, network.ticks]
        assert (ours is None) == (world.rank > 0)
    return {"wrong": wrong, "crossed": crossed, "split": split, "in_chunks": chunked, "compiled": compiled, "networks": len(networks)}


def least_memory(world, network, inputs, how):
    """Bytes without which one tick of one sample does not run on some rank."""
    _, message, _ = told(lambda: run(network, inputs, max_memory=1, **how))
    mine = int(re.search(r"takes ([\d,]+) bytes", message)[1].replace(",", ""))
    return int(world.most(torch.tensor([mine])))


def looped_or_not(seed):
    return looped_network(seed, samples=3) if seed % 2 else random_network(seed)


def random_integers(world, folder):
    """Random Kronecker networks, quantised; nodes in ranges, at random and by METIS, whole and in small chunks."""
    made = []
    for seed in range(24):
        network, inputs = looped_or_not(seed)
        made.append((str(seed), quantize(network, inputs)[0], inputs))
    return same_runs(world, made, fixed)


def random_floats(world, folder):
    """The same in floats."""
    made = []
    for seed in range(100, 112):
        network, inputs = looped_or_not(seed)
        made.append((str(seed), exact(network), inputs))
    return same_runs(world, made, floating)


def in_stages(world, folder):
    """Feed-forward networks, and loops that do not cross ranks, by the compiled engine between exchanges; integers, then floats."""
    found = {}
    for key, seeds, engine in (("integers", range(200, 224), fixed), ("floats", range(300, 308), floating)):
        made = []
        for seed in seeds:
            network, inputs = random_network(seed, recurrent=False, layers=6)
            network = with_small_loops(network, seed)
            if seed % 3:
                inputs = {name: np.stack([value, np.roll(value, 1), value]) for name, value in inputs.items()}
            network = quantize(network, inputs)[0] if engine is fixed else exact(network)
            made.append((str(seed), network, inputs))
        found[key] = same_runs(world, made, engine, how=True)
    return found


def with_small_loops(network, seed):
    """Some populations hear themselves, neuron by neuron, one tick later."""
    rng = np.random.default_rng(seed)
    some = [p for p in network.neurons if rng.random() < 0.2 and not isinstance(p.neuron, Threshold)]
    loops = [Projection(p.name, p.name, one_to_one(p.shape, 0.5), lag=1) for p in some if heard_at_home(network, p)]
    return replace(network, projections=(*network.projections, *loops))


def heard_at_home(network, population):
    """Whether no sum over ranks reaches it."""
    return all(network.populations[p.source].shape[0] == population.shape[0] for p in network.into(population.name))


def exact(network):
    """Weights are multiples of 1/64, whose sums are exact in any order, so that there are no ties."""
    rounded = [replace(p, weights=p.weights.map(lambda w: np.rint(w * 64) / 64)) for p in network.projections]
    return replace(network, projections=tuple(rounded))


def kept_states(world, folder):
    """State that goes on from one inference to the next."""
    made = []
    for seed in (1, 3, 5, 7):
        network, inputs = looped_network(seed, samples=3, static=False)
        network = quantize(network, inputs)[0]
        kept = [replace(p, neuron=replace(p.neuron, state="kept")) for p in network.neurons]
        made.append((str(seed), network.with_populations(kept), inputs))
    return same_runs(world, made, fixed)


def relayed(nodes=7, most=9):
    """A graded source over a graph to a relay, products of it with binary spikes, their sum over all nodes, and an integer neuron a node.

    Of the last node none hears but itself.
    """
    rng = np.random.default_rng(5)
    shape = (nodes, 2)
    matrix = rng.integers(-4, 5, (nodes, nodes)) * (rng.random((nodes, nodes)) < 0.4)
    matrix[:, -1], matrix[-1, -1] = 0, 4
    graph = sp.csr_matrix(matrix)
    neurons = {
        "x": Source("graded", bits=12),
        "s": Source(),
        "r": Graded(),
        "m": Product(1),
        "sum": Graded(),
        "n": FixedLIF(2000, 500, 40, 3, 2, 1.0),
    }
    populations = {name: Population(name, (1, 2) if name == "sum" else shape, neuron) for name, neuron in neurons.items()}
    projections = (
        Projection("x", "r", Kron(graph, Identity(2)), sign_mode="mixed"),
        Projection("r", "m", one_to_one(shape, 2)),
        Projection("s", "m", Kron(graph, Identity(2)), port=1),
        Projection("m", "sum", Kron(OnesRow(nodes), np.array([1, -1]))),
        Projection("sum", "n", Kron(OnesColumn(nodes), np.array([1, 2])), exponent=-1),
        Projection("m", "n", one_to_one(shape, 1), lag=1),
        Projection("n", "n", Kron(graph, Identity(2)), lag=2, exponent=-2),
    )
    inputs = {"x": rng.integers(-most, most + 1, (2, 5, *shape)), "s": rng.integers(0, 2, (2, 5, *shape))}
    return Network(populations, projections, 5, outputs=("n",)), inputs


def graded(world, folder):
    network, inputs = relayed()
    return same_runs(world, [(str(i), network, inputs) for i in range(3)], fixed)


def stored(world, folder):
    """A network in a file, of which each rank reads its part; only what was asked for is recorded."""
    with h5py.File(folder / "network.h5", "r") as file:
        part, _ = read_part(file, world.shards, world.rank)
        network = load_network(file)
    inputs = dict(np.load(folder / "inputs.npz"))
    whole = run_part(part, inputs, world, record="all", counts=True)
    others = {record: run_part(part, inputs, world, record=record) for record in ("spikes", "outputs", "none")}
    if world.rank:
        return None
    one = fixed.run(network, inputs, counts=True)
    wrong = differences(whole, one)
    for record, ours in others.items():
        wrong += [f"{record}: {name}" for name, spikes in ours.spikes.items() if not np.array_equal(spikes, one.spikes[name])]
    return {
        "wrong": wrong,
        "recorded": {record: list(ours.spikes) for record, ours in others.items()},
        "states": [list(ours.currents) + list(ours.voltages) for ours in others.values()],
        "sharded": whole.notes["sharded"],
    }


def told(action):
    """Type and text of the error that an action ends in, and how long that took."""
    start = time.perf_counter()
    try:
        action()
    except Exception as error:
        return [type(error).__name__, str(error), time.perf_counter() - start]
    return None


def refusals(world, folder):
    """Errors that every rank has, that one rank has before the run, and that one rank has in the middle of it; nothing can follow that."""
    network, inputs = relayed()
    mine = world.rank == 1

    def refused(**change):
        return told(lambda: run(**{"network": network, "inputs": inputs, "world": world} | change))

    wild = {**inputs, "x": inputs["x"].copy()}
    wild["x"][:, 3, -1] = 2047  # the last node is on the last rank
    large = [replace(p, weights=p.weights.map(lambda w: w * 2000)) if p.source == "x" else p for p in network.projections]
    found = {
        "shape": refused(inputs={**inputs, "s": inputs["s"][:, :, 1:]}),
        "binary": refused(inputs={**inputs, "s": inputs["s"] * 2}),
        "record": refused(record="everything"),
        "memory": refused(max_memory=10),
        "one rank": refused(inputs={} if mine else inputs),
        "no error of ours": refused(assignment="none" if mine else None),
        "and on": refused(),
        "midway": refused(network=replace(network, projections=tuple(large)), inputs=wild),
    }
    (folder / f"refusals.{world.rank}.json").write_text(json.dumps(found))
    return found


def late(world, folder):
    """A rank that comes too late; the others wait for 2 seconds."""
    network, inputs = relayed()
    with opened_world(timeout_s=2) as impatient:
        if world.rank == 1:
            time.sleep(4)
            found = None
        else:
            found = told(lambda: run(network, inputs, world=impatient))
    dist.barrier()
    return found


def gone(world, folder):
    """A rank that goes away without a word."""
    with opened_world(timeout_s=5) as impatient:
        if world.rank == 1:
            os._exit(3)
        return told(lambda: impatient.sum_integers(torch.zeros(1)))


def one_gpu(world, folder):
    """Two ranks that share a GPU; gloo carries what they exchange."""
    with opened_world("cuda:0") as shared:
        return random_integers(shared, folder)


def two_gpus(world, folder):
    return {**random_integers(world, folder), "backend": world.backend}


JOBS = {
    f.__name__: f for f in (random_integers, random_floats, in_stages, kept_states, graded, stored, late, gone, refusals, one_gpu, two_gpus)
}


def main(folder, names):
    with opened_world("cuda" if "two_gpus" in names else "cpu", timeout_s=120) as world:
        for name in names:
            result = JOBS[name](world, folder)
            if world.rank == 0:
                (folder / f"{name}.json").write_text(json.dumps(result))


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(Path(sys.argv[1]), sys.argv[2:])
