"""An integer Network as one sequential chain of dense layers over flat vectors: what lava-dl's `.net` can hold.

All populations of one level are merged into one vector with per-neuron parameters; what has to pass a level is repeated by relays, neurons
without memory that fire when and only when they are hit (weight 2 against threshold 1). Nothing is rounded: the chain gives the same spikes
as the network, tick by tick, or it is refused.

    u ← decay(u, du + 1) + 64 Σ w s,    v ← decay(v, dv) + u + 64 b,    z = [v > 64 vth],    v ← 0 where z

A level whose input would be no spikes at all (only static currents) hears one silent channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.errors import UnsupportedError
from neurograph.network import FixedLIF, Network, Population
from neurograph.sim.lava.netx_weights import netx_synapses
from neurograph.weights import Weights

__all__ = ["LONGEST_DELAY", "MOST_SYNAPSES", "Chain", "Level", "chain_of", "loops"]

Array = NDArray[Any]
LONGEST_DELAY = 62  # netx clamps longer ones
MOST_SYNAPSES = 1 << 26
_RELAY_WEIGHT, _RELAY_THRESHOLD = 2, 1
_WAY_OUT = "leave these out of the model, or run it in another engine or for another --target"


@dataclass(frozen=True, eq=False)
class Level:
    """One dense layer of n neurons behind m inputs, integers throughout.

    Args:
        weight: (n, m); delay: (n, m) ticks, or None where all are 0.
        bias: (n,) in units of weight; du, dv, vth: (n,), as of a FixedLIF.
    """

    weight: Array
    delay: Array | None
    bias: Array
    du: Array
    dv: Array
    vth: Array


@dataclass(frozen=True, eq=False)
class Chain:
    """The levels, and where each population stands.

    Args:
        width: channels of the input.
        levels: first to last.
        slots: population → (level, start, stop); a spike source has level 0, the first neurons have level 1.
    """

    width: int
    levels: tuple[Level, ...]
    slots: Mapping[str, tuple[int, int, int]]

    @property
    def delayed(self) -> bool:
        return any(level.delay is not None for level in self.levels)


def chain_of(network: Network, bias: Mapping[str, Array]) -> Chain:
    """Merge a network into a chain.

    Args:
        network: integer, feed-forward.
        bias: population → bias mantissas of one inference, as :func:`neurograph.sim.inputs.prepare` gives them, static currents included.

    Raises:
        UnsupportedError: all at once: loops; resets other than to 0; state that is kept; biases and weights that are no whole units or do
            not fit; delays past 62; two projections with different delays between the same neurons; a chain past MOST_SYNAPSES.
    """
    offenders = [o for p in network.neurons for o in _neuron_offenders(p, bias[p.name].ravel())]
    offenders += [f"projection {p.name}: is recurrent" for p in network.spiking_projections if loops(network, p.source, p.target)]
    if offenders:
        raise UnsupportedError("a sequential .net file", offenders, _WAY_OUT)
    plan = _plan(network)
    widths = [max(sum(network.populations[name].size for name in level), 1) for level in plan]
    synapses = sum(a * b for a, b in pairwise(widths))
    if synapses > MOST_SYNAPSES:
        offender = f"{synapses:,} entries of block matrices (limit {MOST_SYNAPSES:,})"
        raise UnsupportedError("a sequential .net file", [offender], "take a smaller graph, or export it for another target")
    places = [_places(network, level) for level in plan]
    born = _levels_of(network)
    levels = []
    for index in range(1, len(plan)):
        levels.append(_level(network, index, places[index - 1], places[index], widths[index - 1 : index + 1], born, bias, offenders))
    if offenders:
        raise UnsupportedError("a sequential .net file", offenders, _WAY_OUT)
    slots = {name: (born[name], places[born[name]][name].start, places[born[name]][name].stop) for name in born}
    return Chain(widths[0], tuple(levels), slots)


def _neuron_offenders(population: Population, mantissa: Array) -> list[str]:
    neuron, what = population.neuron, f"population {population.name!r}"
    if not isinstance(neuron, FixedLIF):
        return [f"{what}: {type(neuron).__name__} is no integer neuron"]
    found = []
    if neuron.reset != "value" or np.any(neuron.v_reset) or np.any(neuron.v_start):
        found.append(f"{what}: a reset or a start other than at 0")
    if neuron.state != "cleared":
        found.append(f"{what}: state that is kept between inferences")
    total = mantissa.astype(np.int64) << neuron.bias_exp
    if (total % (1 << fx.V_SHIFT)).any():
        found.append(f"{what}: a bias in steps finer than one unit of weight (64 steps of v)")
    units = total >> fx.V_SHIFT
    if units.size and (units.min() < fx.BIAS_MANT_MIN or units.max() > fx.BIAS_MANT_MAX):
        found.append(f"{what}: bias {units.min()} to {units.max()} units (limit {fx.BIAS_MANT_MIN} to {fx.BIAS_MANT_MAX})")
    return found


def loops(network: Network, source: str, target: str) -> bool:
    """Whether ``target`` leads back to ``source``."""
    reached, waiting = set(), [target]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [p.target for p in network.spiking_projections if p.source == name]
    return source in reached


def _levels_of(network: Network) -> dict[str, int]:
    """Each population as late as its readers allow, so that few relays are needed; spike sources at level 0."""
    spiking = network.spiking_projections
    early: dict[str, int] = {p.name: 0 for p in network.sources if not p.is_static}
    for name in _ordered(network):
        if name not in early and not network.populations[name].is_source:
            early[name] = 1 + max((early[p.source] for p in spiking if p.target == name), default=0)
    height = max(early.values(), default=0)
    level = dict(early)
    for name in reversed(_ordered(network)):
        if level.get(name, 0) > 0:
            level[name] = min((level[p.target] - 1 for p in spiking if p.source == name), default=height)
    return level


def _ordered(network: Network) -> list[str]:
    """Populations, each after all that it hears from, lagged or not: there are no loops here."""
    done: list[str] = []
    waiting = list(network.populations)
    while waiting:
        ready = [name for name in waiting if all(p.source in done or p.source == name for p in network.into(name))]
        done += ready
        waiting = [name for name in waiting if name not in ready]
    return done


def _plan(network: Network) -> list[list[str]]:
    """The populations of each level: its own, then earlier ones that later levels or a readout still need."""
    born = _levels_of(network)
    last = dict(born)
    for p in network.spiking_projections:
        last[p.source] = max(last[p.source], born[p.target] - 1)
    height = max(born.values(), default=0)
    last |= {name: height for name in network.outputs if name in born}
    return [[n for n in born if born[n] == i] + [n for n in born if born[n] < i <= last[n]] for i in range(height + 1)]


def _places(network: Network, level: list[str]) -> dict[str, slice]:
    places, start = {}, 0
    for name in level:
        places[name] = slice(start, start + network.populations[name].size)
        start = places[name].stop
    return places


def _level(
    network: Network,
    index: int,
    before: Mapping[str, slice],
    here: Mapping[str, slice],
    widths: list[int],
    born: Mapping[str, int],
    bias: Mapping[str, Array],
    offenders: list[str],
) -> Level:
    m, n = widths
    weight, delay = np.zeros((n, m), dtype=np.int64), np.zeros((n, m), dtype=np.int64)
    level = Level(weight, None, *(np.full(n, x, dtype=np.int64) for x in (0, fx.DECAY_UNITY - 1, fx.DECAY_UNITY - 1, _RELAY_THRESHOLD)))
    for name, rows in here.items():
        if born[name] < index:
            weight[rows, before[name]] = _RELAY_WEIGHT * np.eye(rows.stop - rows.start, dtype=np.int64)
            continue
        population = network.populations[name]
        neuron = population.neuron
        assert isinstance(neuron, FixedLIF)
        level.bias[rows] = bias[name].ravel().astype(np.int64) << neuron.bias_exp >> fx.V_SHIFT
        for key in ("du", "dv", "vth"):
            getattr(level, key)[rows] = np.broadcast_to(np.asarray(getattr(neuron, key), dtype=np.int64), population.shape).ravel()
        for projection in network.into(name):
            if network.populations[projection.source].is_static:
                continue
            block = _units(projection.weights, projection.exponent)
            if block is None:
                offenders.append(f"projection {projection.name}: exponent {projection.exponent} leaves no whole units of weight")
                continue
            if projection.lag > LONGEST_DELAY:
                offenders.append(f"projection {projection.name}: a lag of {projection.lag} ticks (limit {LONGEST_DELAY})")
            columns = before[projection.source]
            there = block != 0
            if (there & (weight[rows, columns] != 0) & (delay[rows, columns] != projection.lag)).any():
                offenders.append(f"projection {projection.name}: another one between the same neurons has a different lag")
            weight[rows, columns] += block
            delay[rows, columns][there] = projection.lag
    if not before and not weight.any():
        weight[:] = _RELAY_WEIGHT  # the silent channel: netx cannot load a matrix of zeros
    offenders += _weight_offenders(index, weight, here)
    return Level(weight, delay if delay.any() else None, level.bias, level.du, level.dv, level.vth)


def _units(weights: Weights, exponent: int) -> Array | None:
    """Dense integers with the exponent applied, or None where it is not exact."""
    block = weights.to_csr().toarray().astype(np.int64)
    if exponent < 0 and (block % (1 << -exponent)).any():
        return None
    return fx.shift(block, exponent)


def _weight_offenders(index: int, weight: Array, here: Mapping[str, slice]) -> list[str]:
    """Weights that netx or Lava would change without a word."""
    names = ", ".join(here)
    runs = netx_synapses(weight)
    if runs is None:
        return [f"level {index} ({names}): all its weights are 0, which netx cannot load"]
    if runs.exponent > 0 or (runs.stored != np.left_shift(weight, -runs.exponent)).any():
        return [f"level {index} ({names}): weights {weight.min()} to {weight.max()}, which netx does not run as they are (8 bits)"]
    return []
