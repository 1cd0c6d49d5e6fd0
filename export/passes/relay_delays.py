"""relay_delays: a delay that is longer than the target's synapses take becomes a chain of relay populations.

A relay is a population like any other: a memoryless Threshold(0.5) that hears one neuron with weight 1 and repeats its spikes, tick by
tick; behind a graded population it is graded. A chain starts at a source and is shared by all its targets that need it. A hop of m machine
steps and n ticks of lag puts the relay at

    depth(relay) = depth(before) + m − k·n

so it runs in the tick-synchronous engines as well. Every hop but the last takes the longest delay there is, and just so many of the lags
that no relay lies deeper than the network already is: the latency stays what it was. There are always enough: with D the deepest depth,
what is left of a delay is at most D − depth(before) + k·(lags left), and it is longer than m. And depth(relay) ≥ D − k + 1 ≥ 1, as a loop
that needs k steps a tick holds k populations in a row.

Requires: align_delays.  Ensures: no delay is longer than the target's.
"""

from __future__ import annotations

from dataclasses import replace

from neurograph.network import FixedLIF, Graded, Network, Population, Projection, Threshold
from neurograph.sim.timing import depth_of
from neurograph.weights import one_to_one

__all__ = ["relay_delays"]

_INTEGER_RELAY = FixedLIF(du=4095, dv=4095, vth=16, bias_mant=0, bias_exp=0, scale=1 / 32)
_INTEGER_WEIGHT = 32


def relay_delays(network: Network, *, longest: int) -> tuple[Network, tuple[str, ...]]:
    """Add the relays.

    Args:
        network: aligned, float or integer.
        longest: largest delay that the target's synapses take (Lava 63, Loihi 1 62), beyond the one step of the connection.

    Returns:
        The network, and a sentence for each source that got relays. Nothing, and the network as it was, where no delay is too long.

    Raises:
        NetworkError: not aligned.
    """
    relays = _Relays(network, longest + 1)
    spiking = {id(p) for p in network.spiking_projections}
    projections = tuple(relays.shorten(p) if id(p) in spiking else p for p in network.projections)
    if not relays.made:
        return network, ()
    populations = {**network.populations, **relays.made}
    return replace(network, populations=populations, projections=(*projections, *relays.hops)), relays.said()


class _Relays:
    """The relays made so far, by what they hear: (origin, lag in all, depth)."""

    def __init__(self, network: Network, longest: int) -> None:
        self.network, self.longest, self.k = network, longest, network.steps_per_tick
        self.deepest = max(depth_of(p) for p in network.populations.values() if not p.is_static)
        self.made: dict[str, Population] = {}
        self.hops: list[Projection] = []
        self._known: dict[tuple[str, int, int], str] = {}
        self._served: dict[str, dict[str, int]] = {}  # origin → target → delay
        self._relays_of: dict[str, list[str]] = {}

    def shorten(self, projection: Projection) -> Projection:
        """The projection, from the last relay of its chain if its delay is too long."""
        name, delay, lag = projection.source, projection.delay or 0, projection.lag
        depth = depth_of(self.network.populations[name])
        if delay <= self.longest:
            return projection
        self._served.setdefault(projection.source, {})[projection.target] = delay
        carried = 0
        while delay > self.longest:
            lags = max(-(-(depth + self.longest - self.deepest) // self.k), 0)
            depth, delay, lag, carried = depth + self.longest - self.k * lags, delay - self.longest, lag - lags, carried + lags
            name = self._relay(projection.source, name, depth, carried, lags)
        return replace(projection, source=name, delay=delay, lag=lag)

    def _relay(self, origin: str, before: str, depth: int, carried: int, lags: int) -> str:
        """The relay of ``origin`` at that depth and lag, made if it is not there yet."""
        key = (origin, carried, depth)
        if key not in self._known:
            number = len(self._relays_of.setdefault(origin, [])) + 1
            name = f"{origin}_relay{number}"
            while name in self.network.populations or name in self.made:
                name += "_"
            self._known[key] = name
            self._relays_of[origin].append(name)
            shape, graded = self.network.populations[origin].shape, self.network.populations[origin].is_graded
            integer = self.network.is_integer
            neuron = Graded() if graded else _INTEGER_RELAY if integer else Threshold(0.5)
            self.made[name] = Population(name, shape, neuron, depth=depth)
            weights = one_to_one(shape, _INTEGER_WEIGHT if integer and not graded else 1.0)
            self.hops.append(Projection(before, name, weights, lags, self.longest, sign_mode="excitatory" if integer else None))
        return self._known[key]

    def said(self) -> tuple[str, ...]:
        """One sentence a source."""
        return tuple(
            f"population {origin!r}: {len(relays)} relay population(s) of {self.network.populations[origin].size} neurons each, "
            f"for delays of {', '.join(f'{delay} machine steps to {target!r}' for target, delay in self._served[origin].items())} "
            f"(the target takes {self.longest})"
            for origin, relays in self._relays_of.items()
        )
