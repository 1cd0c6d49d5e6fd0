"""align_delays: from ticks to machine steps.

A spike crosses one connection in one machine step, so a network is a pipeline. A tick takes k machine steps, and with

    delay(p → q) = depth(q) − depth(p) + k · lag ≥ 1,   depth ≥ 1

tick t of population p happens at machine step k·t + depth(p), and every projection delivers the tick that the model means. Around a loop
the depths cancel: k · (its lags) ≥ (its projections). k is the smallest number for which depths exist (retiming, Leiserson and Saxe
1991): 1 without loops and for self-loops, 2 for two populations that hear each other with lag 1. Depths are the smallest there are;
without lags, depth(p) = 1 + max over inputs of depth.

What a neuron does in the k − 1 steps between its ticks must not matter, nor what it does before its tick 0 where a lag carries that past
it. A *gated* network (processes of ours, on programmable targets) does nothing then; elsewhere only neurons at rest do nothing
(``idle.py``).

Requires: a Network without a loop of lag 0.  Ensures: every population has a depth and every spiking projection a delay of at least 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from neurograph.errors import UnsupportedError
from neurograph.export.passes.idle import acts_before, acts_between, heard_over_lags, static_into
from neurograph.network import Network, Projection
from neurograph.sim import timing

__all__ = ["align_delays", "machine_steps"]


def align_delays(network: Network, *, programmable: bool = True) -> Network:
    """Set ``depth``, ``delay``, ``steps_per_tick`` and ``gated``. Delays may be longer than a target's synapses take: see ``relay_delays``.

    Args:
        network: any.
        programmable: whether the target's neurons can be made to hold still between their ticks and before the first.

    Raises:
        UnsupportedError: the target cannot, and populations do something then: each by name, with the loop's path. All of them at once.
    """
    k = _steps_per_tick(network)
    depth, _ = _depths(network, k)
    assert depth is not None
    if not programmable:
        _refuse_restless(network, k, depth)
    spiking = {id(p) for p in network.spiking_projections}
    projections = tuple(
        replace(p, delay=depth[p.target] - depth[p.source] + k * p.lag) if id(p) in spiking else p for p in network.projections
    )
    populations = {name: replace(population, depth=depth[name]) for name, population in network.populations.items()}
    return replace(network, populations=populations, projections=projections, steps_per_tick=k, gated=programmable)


def machine_steps(network: Network) -> int:
    """Steps of one inference alone: k(T − 1) + depth."""
    return timing.steps(network, 1)


def _steps_per_tick(network: Network) -> int:
    """The smallest k that has depths. A loop has at most as many projections as there are populations, and at least one lag."""
    low, high = 1, len(network.populations)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _depths(network, middle)[0] is not None else (middle + 1, high)
    return low


def _depths(network: Network, k: int) -> tuple[dict[str, int] | None, list[str]]:
    """The smallest depths at k, or None and a loop that has none (Bellman and Ford: the longest path)."""
    into: dict[str, list[Projection]] = {name: [] for name in network.populations}
    for projection in network.spiking_projections:
        into[projection.target].append(projection)
    order = network.order()
    depth, before = dict.fromkeys(order, 1), dict.fromkeys(order, "")
    for _ in range(len(order) + 1):
        moved = ""
        for name in order:
            for projection in into[name]:
                least = depth[projection.source] + 1 - k * projection.lag
                if least > depth[name]:
                    depth[name], before[name], moved = least, projection.source, name
        if not moved:
            return depth, []
    return None, _loop(before, moved)


def _loop(before: Mapping[str, str], name: str) -> list[str]:
    """The loop that the way back from ``name`` runs into, in the direction of its spikes."""
    for _ in before:
        name = before[name]
    loop = [name]
    while before[loop[-1]] != name:
        loop.append(before[loop[-1]])
    return [name, *reversed(loop)]


def _refuse_restless(network: Network, k: int, depth: Mapping[str, int]) -> None:
    """Refuse what would be heard although no tick of the model has it. Nothing is before the tick 0 of depth 1, which is machine step 1."""
    heard = set(network.populations) if k > 1 else heard_over_lags(network)
    path = " → ".join(_depths(network, k - 1)[1]) if k > 1 else ""
    offenders = []
    for population in network.neurons:
        if population.name not in heard:
            continue
        early = acts_before(population) + static_into(network, population)
        if k > 1:
            between = f"in between the ticks of loop {path}, which take {k} machine steps each"
            offenders += [f"population {population.name!r}: {what} {between}" for what in (*early, *acts_between(population))]
        elif depth[population.name] > 1:
            past = "so it may spike before tick 0 and a lag carries that past it"
            offenders += [f"population {population.name!r}: {what}, {past}" for what in early]
    if offenders:
        way_out = "choose a programmable target (lava, loihi2), give a loop as many ticks of lag as it has populations, or input as spikes"
        raise UnsupportedError("a chip that steps every neuron at every machine step", offenders, way_out)
