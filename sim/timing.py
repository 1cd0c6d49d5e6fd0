"""The machine's clock: at which step an aligned network does what, and how soon one inference follows another.

With k = ``network.steps_per_tick``, T ticks, depth D of the deepest population and L the longest lag of a projection (in ticks),

    tick t of sample s of population p   machine step  s·period + k·t + depth(p)          (the machine counts its steps from 1)
    one inference alone                  k(T − 1) + D steps

    network                              period, steps from one inference to the next
    without lags                         k·T            back to back: the reset at tick 0 clears what came before
    with lags, gated                     k·(T + L)      what the last ticks send over lags arrives in a gap in which neurons hold still
    with lags, not gated                 k(T − 1) + D + 1   one at a time: the host clears state and spikes under way, one step here

A neuron of a *gated* network with lags is a process of ours: it is stepped at steps depth + k·t of its windows only; between ticks it keeps
its state, outside the windows it is cleared and silent. Without gates a neuron is stepped at every machine step from step 1 on.
"""

from __future__ import annotations

from neurograph.errors import NetworkError
from neurograph.network import Network, Population

__all__ = ["check_aligned", "depth_of", "has_lags", "period", "steps"]


def has_lags(network: Network) -> bool:
    """Whether a projection carries spikes of an earlier tick, so that what came before tick 0 would be heard after it."""
    return any(p.lag > 0 for p in network.spiking_projections)


def period(network: Network) -> int:
    """Machine steps from one inference to the next, see the table above."""
    if not has_lags(network):
        return network.steps_per_tick * network.ticks
    if network.gated:
        return network.steps_per_tick * (network.ticks + max(p.lag for p in network.spiking_projections))
    return steps(network, 1) + 1


def steps(network: Network, samples: int) -> int:
    """Machine steps of a run of ``samples`` inferences: the pipeline fills once."""
    deepest = max(depth_of(p) for p in network.populations.values() if not p.is_static)
    alone = network.steps_per_tick * (network.ticks - 1) + deepest
    return alone if samples == 1 else (samples - 1) * period(network) + alone


def depth_of(population: Population) -> int:
    """Its depth.

    Raises:
        NetworkError: it has none, or one below 1.
    """
    if population.depth is None:
        raise NetworkError(f"population {population.name!r}: no depth; run the pass align_delays first")
    if population.depth < 1:
        raise NetworkError(f"population {population.name!r}: depth {population.depth}, must be at least 1; run the pass align_delays")
    return population.depth


def check_aligned(network: Network) -> None:
    """Refuse a network whose spikes would not arrive at the tick that is meant.

    Raises:
        NetworkError: a depth or a delay is missing, or they disagree.
    """
    k = network.steps_per_tick
    for projection in network.spiking_projections:
        source, target = network.populations[projection.source], network.populations[projection.target]
        if projection.delay is None:
            raise NetworkError(f"projection {projection.name}: no delay; run the pass align_delays first")
        need = depth_of(target) - depth_of(source) + k * projection.lag
        if projection.delay != need:
            raise NetworkError(
                f"projection {projection.name}: delay {projection.delay}, must be {need} (depth {target.depth} − {source.depth} + "
                f"{k} × lag {projection.lag}); run the pass align_delays"
            )
