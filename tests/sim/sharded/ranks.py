"""What each rank of the tests runs, under torchrun: ``ranks.py JOB FOLDER``. Rank 0 compares with one process and writes what differs."""

import json
import sys
import time
from pathlib import Path

import numpy as np
from looped_networks import looped_network
from networks import random_network

from neurograph.export.quantize import quantize
from neurograph.sim import fixed
from neurograph.sim.sharded.assignment import Assignment, by_graph, contiguous
from neurograph.sim.sharded.run import run
from neurograph.sim.sharded.world import opened_world


def scattered(network, shards, seed):
    """Nodes dealt out at random, at least one to each rank; the same on every rank."""
    rng = np.random.default_rng(seed)
    plain = contiguous(network.populations.values(), shards)
    return Assignment(shards, {n: rng.permutation(owners) for n, owners in plain.owners.items()})


def differences(ours, one):
    """Names of what is not the same, bit for bit, in two recordings."""
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
    if one.tally is not None:
        for key in ("spikes", "updates_active", "messages", "reached"):
            a, b = getattr(ours.tally, key), getattr(one.tally, key)
            found += [f"tally {key} of {name}" for name in b if not np.array_equal(a[name], b[name])]
        found += [
            f"events {i}"
            for i, (a, b) in enumerate(zip(ours.tally.synaptic_events, one.tally.synaptic_events, strict=True))
            if not np.array_equal(a, b)
        ]
    return found


def random_networks(world, folder):
    """Random Kronecker networks, quantised: nodes in ranges, dealt out, or by METIS; in whole or in small chunks."""
    wrong, crossed, split = {}, 0, 0
    for seed in range(40):
        looped = seed % 2 == 1
        network, inputs = looped_network(seed, samples=3) if looped else random_network(seed)
        integers, _ = quantize(network, inputs)
        chosen = [
            contiguous(network.populations.values(), world.shards),
            scattered(network, world.shards, seed),
            by_graph(network, world.shards),
        ][seed % 3]
        memory = 6000 * (1 + seed % 3) if seed % 4 == 3 else None
        ours = run(integers, inputs, record="all", counts=True, assignment=chosen, world=world, max_memory=memory)
        if world.rank == 0:
            wrong[seed] = differences(ours, fixed.run(integers, inputs, counts=True))
            crossed += sum(ours.notes["sharded"]["sent_bytes"])
            split += len(ours.notes["sharded"]["split"])
    return {"wrong": {k: v for k, v in wrong.items() if v}, "crossed": crossed, "split": split}


JOBS = {f.__name__: f for f in (random_networks,)}

if __name__ == "__main__":
    job, folder = sys.argv[1], Path(sys.argv[2])
    start = time.time()
    with opened_world() as world:
        result = JOBS[job](world, folder)
        if world.rank == 0:
            (folder / f"{job}.json").write_text(json.dumps(result))
    print(time.time() - start)
