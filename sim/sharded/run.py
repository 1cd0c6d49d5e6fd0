"""One network over all ranks of a process group: the fixed or the float engine, node-sharded.

Every rank calls :func:`run` with the same arguments; rank 0 gets the recording. Bit for bit that of one process in integers; in floats the
sums over a halo or over ranks are added in another order, so a tie |v − θ| of one rounding may fall the other way.

What a rank holds: its own rows of the weights and states, and the halo. What it is given whole all the same: the inputs, the parameters of
the populations while it cuts them, and in :func:`run` the network; :func:`run_part` takes a part that was cut before, see
:func:`neurograph.sim.sharded.stored.read_part`. Rank 0 holds the recording of the whole network: ask for no more of it than it can take.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, TypeVar

import torch
from numpy.typing import NDArray

from neurograph.network import Network
from neurograph.sim.device.chunks import Chunks
from neurograph.sim.device.devices import described, exact_products, memory_named, synchronize
from neurograph.sim.inputs import checked
from neurograph.sim.recording import Recording, check_record
from neurograph.sim.sharded.assignment import Assignment, contiguous
from neurograph.sim.sharded.counting import Counter
from neurograph.sim.sharded.engine import PartRun, sending
from neurograph.sim.sharded.gather import gathered
from neurograph.sim.sharded.halo import halos_of
from neurograph.sim.sharded.partition import Part, cut
from neurograph.sim.sharded.plan import PartPlan, ShareOn
from neurograph.sim.sharded.world import TIMEOUT_S, World, opened_world

__all__ = ["run", "run_part", "together"]

Array = NDArray[Any]
Made = TypeVar("Made")


def run(
    network: Network,
    inputs: Mapping[str, Array],
    *,
    device: str = "cpu",
    record: str = "outputs",
    counts: bool = False,
    max_memory: int | None = None,
    assignment: Assignment | None = None,
    timeout_s: float = TIMEOUT_S,
    world: World | None = None,
) -> Recording | None:
    """Run a network on all ranks; all of them call this with the same arguments.

    Args:
        network: float, or of integers by the rules "lava".
        inputs: source → values of the whole network, see :mod:`neurograph.sim.inputs`.
        device: "cpu" (gloo) or "cuda" (NCCL, a GPU a rank); a process group that is there already is used as it is.
        record: what to keep, see :data:`neurograph.sim.recording.RECORDS`.
        counts: whether to gather a tally, over all ranks.
        max_memory: bytes for what the run holds on each rank's device; 1 GiB beside the weights on a CPU if not given.
        assignment: who owns which node; consecutive ranges if not given, :func:`neurograph.sim.sharded.assignment.by_graph` for METIS.
        timeout_s: how long a rank waits for the others.
        world: ranks of :func:`neurograph.sim.sharded.world.opened_world`, for several runs in one process group.

    Returns:
        On rank 0 the recording of engine "fixed" or "float", with the notes of that engine and "sharded": ranks, backend, which populations
        were split, by rank the halo's nodes and the bytes that it sent to others, the spikes of every population, and how many samples and
        ticks were run at a time. None on other ranks.

    Raises:
        InputError: neither torchrun nor a process group, inputs that do not fit. NetworkError, UnsupportedError, QuantizationError,
        MemoryLimitError: as the engines of one process. ShardError: another rank failed, with its reason, or did not answer in time.
    """
    with opened_world(device, timeout_s) if world is None else nullcontext(world) as ranks:
        chosen = assignment or contiguous(network.populations.values(), ranks.shards)
        part = together(ranks, lambda: cut(network, chosen, ranks.rank))
        return run_part(part, inputs, ranks, record=record, counts=counts, max_memory=max_memory)


def run_part(
    part: Part,
    inputs: Mapping[str, Array],
    world: World,
    *,
    record: str = "outputs",
    counts: bool = False,
    max_memory: int | None = None,
    scan: str = "auto",
) -> Recording | None:
    """:func:`run` of a part that this rank has already; ``inputs`` are those of the whole network."""
    start = time.perf_counter()
    with torch.no_grad(), exact_products(), memory_named(world.device):
        samples, values, shares = together(world, lambda: _prepared(part, inputs, world, record, counts))
        with world.telling():
            halos = halos_of(part, world)
            plan = PartPlan.of(part, shares, world, samples=samples, scan=scan)
        kept = any(getattr(p.neuron, "state", "") == "kept" for p in part.network.neurons)
        states = record == "all"
        mine = together(
            world,
            lambda: Chunks.of(plan.costs(states=states), world.device, max_memory, samples, part.network.ticks, one_by_one=kept),
        )
        with world.telling():
            least = (-world.most(torch.tensor([-mine.most_samples, -mine.most_ticks], device=world.device))).tolist()
            chunks = replace(mine, most_samples=least[0], most_ticks=least[1])
            names = _recorded(part.network, record)
            counter = Counter(part, samples) if counts else None
            made = PartRun(plan, halos, values, samples, recorded=names, states=states, counter=counter, chunks=chunks)
            set_out = world.sent_bytes
            made.all_samples()
            synchronize(world.device)
            crossed = world.sent_bytes - set_out
            notes = {
                "device": described(world.device),
                **plan.notes(),
                "sharded": {**_about(part, world, crossed), "spikes": made.spikes_in_all(), "chunk": least},
            }
            tally = counter.tally(world) if counter is not None else None
            spikes = gathered(part, world, names, made.spikes, spikes=True)
            stateful = [name for name in names if states and name in plan.neurons and plan.neurons[name].state is not None]
            u, v = (gathered(part, world, stateful, kind, spikes=False) for kind in (made.u, made.v))
            world.agree()
    if world.rank:
        return None
    engine, ticks = "fixed" if part.network.is_integer else "float", part.network.ticks
    wall = time.perf_counter() - start
    return Recording(engine, ticks, spikes, v, u, machine_steps=ticks, wall_s=wall, notes=notes, tally=tally)


def together(world: World, make: Callable[[], Made]) -> Made:
    """What ``make`` gives, once all ranks have theirs; it may hold no collective.

    Raises:
        NeurographError: this rank's own error. ShardError: that of another rank.
    """
    try:
        made = make()
    except Exception as error:
        world.agree(error)
        raise
    world.agree()
    return made


def _prepared(
    part: Part, inputs: Mapping[str, Array], world: World, record: str, counts: bool
) -> tuple[int, dict[str, Array], tuple[ShareOn, ...]]:
    check_record(record)
    network = part.network
    whole = [replace(source, shape=part.shapes[source.name]) for source in network.sources]
    samples, values = checked(whole, network.ticks, inputs)
    sources = [network.populations[share.projection.source] for share in part.shares]
    shares = (ShareOn(s, source, world, integer=network.is_integer, counts=counts) for s, source in zip(part.shares, sources, strict=True))
    return samples, values, tuple(shares)


def _recorded(network: Network, record: str) -> list[str]:
    dynamic = sending(network)
    return {"outputs": [name for name in network.outputs if name in dynamic], "none": []}.get(record, dynamic)


def _about(part: Part, world: World, crossed: int) -> dict[str, Any]:
    return {
        "shards": world.shards,
        "backend": world.backend,
        "split": sorted(part.nodes),
        "halo_nodes": world.counts(sum(len(nodes) for nodes in part.halo.values())),
        "sent_bytes": world.counts(crossed),
    }
