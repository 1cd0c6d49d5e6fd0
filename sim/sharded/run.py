"""One network over all ranks of a process group: the fixed or the float engine, node-sharded.

Every rank calls :func:`run` with the same arguments; rank 0 gets the recording. Bit for bit that of one process in integers; in floats the
sums over a halo or over ranks are added in another order, so a tie |v − θ| of one rounding may fall the other way.

What a rank holds: its own rows of the weights and states, and the halo. What it is given whole all the same: the inputs, the parameters of
the populations while it cuts them, and in :func:`run` the network; :func:`run_part` takes a part that was cut before, see
:func:`neurograph.sim.sharded.stored.read_part`. Rank 0 holds the recording of the whole network: ask for no more of it than it can take.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, TypeVar

import torch
from numpy.typing import NDArray

from neurograph.errors import UnsupportedError
from neurograph.network import Network
from neurograph.sim.device.chunks import Chunks
from neurograph.sim.device.devices import described, exact_products, memory_named, synchronize
from neurograph.sim.inputs import checked
from neurograph.sim.recording import Recording, check_record
from neurograph.sim.sharded.assignment import Assignment, contiguous
from neurograph.sim.sharded.counting import Counter
from neurograph.sim.sharded.engine import PartRun, sending
from neurograph.sim.sharded.gather import gathered
from neurograph.sim.sharded.halo import Halo, halos_of
from neurograph.sim.sharded.partition import Part, cut
from neurograph.sim.sharded.plan import PartPlan, ShareOn
from neurograph.sim.sharded.staged import StagedRun, can_be_compiled
from neurograph.sim.sharded.stages import Steps, steps_of
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
    compiled: bool | None = None,
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
        compiled: True runs the compiled kernels between exchanges, False torch throughout; None the kernels on CPUs where every rank has a
            C compiler, they know the network, and no loop crosses ranks. The results are the same.
        assignment: who owns which node; consecutive ranges if not given, :func:`neurograph.sim.sharded.assignment.by_graph` for METIS.
        timeout_s: how long a rank waits for the others.
        world: ranks of :func:`neurograph.sim.sharded.world.opened_world`, for several runs in one process group.

    Returns:
        On rank 0 the recording of engine "fixed" or "float", with the notes of that engine and "sharded": ranks, backend, which populations
        were split, by rank the halo's nodes and the bytes that it sent to others, the spikes of every population, and how many samples and
        ticks were run at a time, and whether by the compiled kernels. None on other ranks.

    Raises:
        InputError: neither torchrun nor a process group, inputs that do not fit. NetworkError, UnsupportedError, QuantizationError,
        MemoryLimitError: as the engines of one process. ShardError: another rank failed, with its reason, or did not answer in time.
    """
    with opened_world(device, timeout_s) if world is None else nullcontext(world) as ranks:
        chosen = assignment or contiguous(network.populations.values(), ranks.shards)
        part = together(ranks, lambda: cut(network, chosen, ranks.rank))
        return run_part(part, inputs, ranks, record=record, counts=counts, max_memory=max_memory, compiled=compiled)


def run_part(
    part: Part,
    inputs: Mapping[str, Array],
    world: World,
    *,
    record: str = "outputs",
    counts: bool = False,
    max_memory: int | None = None,
    compiled: bool | None = None,
) -> Recording | None:
    """:func:`run` of a part that this rank has already; ``inputs`` are those of the whole network."""
    start = time.perf_counter()
    network, states = part.network, record == "all"
    with torch.no_grad(), exact_products(), memory_named(world.device):
        samples, values = together(world, lambda: _checked(part, inputs, record))
        names = _recorded(network, record)
        with world.telling():
            halos = halos_of(part, world)
            steps = _steps(part, world, halos, names, compiled)
        counter = Counter(part, samples) if counts else None
        made: StagedRun | PartRun
        if steps is not None:
            kinds: Any = {"recorded": names, "states": states, "counter": counter, "max_memory": max_memory}
            sums = {share.projection.target for share in part.shares if share.summed}
            plan = _plan(part, world, sums, samples, counts=counts)
            made, batch = together(world, lambda: _staged(plan, steps, halos, values, samples, kinds))
            chunk = [-int(world.most(torch.tensor([-batch]))[0]), network.ticks]
        else:
            plan = _plan(part, world, [p.name for p in network.neurons], samples, counts=counts)
            kept = any(getattr(p.neuron, "state", "") == "kept" for p in network.neurons)
            costs = plan.costs(states=states)
            mine = together(world, lambda: Chunks.of(costs, world.device, max_memory, samples, network.ticks, one_by_one=kept))
            chunk = (-world.most(torch.tensor([-mine.most_samples, -mine.most_ticks], device=world.device))).tolist()
            chunks = replace(mine, most_samples=chunk[0], most_ticks=chunk[1])
            made = PartRun(plan, halos, values, samples, recorded=names, states=states, counter=counter, chunks=chunks)
        with world.telling():
            set_out = world.sent_bytes
            made.all_samples(chunk[0]) if isinstance(made, StagedRun) else made.all_samples()
            synchronize(world.device)
            about = _about(part, world, world.sent_bytes - set_out)
            about |= {"compiled": steps is not None, "spikes": made.spikes_in_all(), "chunk": chunk}
            notes = {"device": described(world.device), **made.notes(), "sharded": about}
            tally = counter.tally(world) if counter is not None else None
            spikes = gathered(part, world, names, made.spikes, spikes=True)
            stateful = [p.name for p in network.neurons if states and not p.is_graded]
            u, v = (gathered(part, world, stateful, kind, spikes=False) for kind in (made.u, made.v))
            world.agree()
    if world.rank:
        return None
    engine, wall = "fixed" if network.is_integer else "float", time.perf_counter() - start
    return Recording(engine, network.ticks, spikes, v, u, machine_steps=network.ticks, wall_s=wall, notes=notes, tally=tally)


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


def _checked(part: Part, inputs: Mapping[str, Array], record: str) -> tuple[int, dict[str, Array]]:
    check_record(record)
    whole = [replace(source, shape=part.shapes[source.name]) for source in part.network.sources]
    return checked(whole, part.network.ticks, inputs)


def _steps(part: Part, world: World, halos: Collection[str], names: Collection[str], compiled: bool | None) -> Steps | None:
    """The steps of a part that the compiled engine runs, on every rank or on none; a collective.

    Raises:
        UnsupportedError: ``compiled`` is True, and it cannot.
    """
    possible = world.device.type == "cpu" and compiled is not False
    steps = steps_of(part, halos, names) if possible else None
    refused = int(steps is None or not can_be_compiled(part.network))
    if not int(world.most(torch.tensor([refused], device=world.device))[0]):
        return steps
    if compiled:
        what = "loops that cross ranks" if possible and steps is None else "this network, device or machine"
        raise UnsupportedError("the compiled engine over several ranks", [what], "leave compiled=True out")
    return None


def _plan(part: Part, world: World, names: Collection[str], samples: int, *, counts: bool) -> PartPlan:
    """Shares and neurons of some populations on the device; a collective."""
    network = part.network
    chosen = [share for share in part.shares if share.projection.target in names]
    sources = [network.populations[share.projection.source] for share in chosen]

    def on_device() -> tuple[ShareOn, ...]:
        pairs = zip(chosen, sources, strict=True)
        return tuple(ShareOn(share, source, world, integer=network.is_integer, counts=counts) for share, source in pairs)

    shares = together(world, on_device)
    with world.telling():
        return PartPlan.of(part, shares, world, names, samples=samples, scan="auto")


def _staged(
    plan: PartPlan, steps: Steps, halos: Mapping[str, Halo], values: Mapping[str, Array], samples: int, kinds: Mapping[str, Any]
) -> tuple[StagedRun, int]:
    made = StagedRun(plan, steps, halos, values, samples, **kinds)
    return made, made.batch()


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
