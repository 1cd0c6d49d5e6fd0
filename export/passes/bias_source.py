"""bias_source: a bias becomes the synapses of a source that spikes in every tick, where a bias current would not be the same.

A CubaLIF: Lava and Loihi add a bias to v, the model adds it to u. A network with lags on a chip that steps every neuron at every machine
step: a bias acts in between ticks and, but at depth 1, before tick 0, and a lag carries the spikes that it causes past tick 0 (measured:
17 of 80 spikes wrong in Lava, 10 of 192 in netx). A source that spikes at the ticks is the same in all of them, since a bias and a synaptic
current both enter as i where α = 1; it costs what it costs.

Ensures: no CubaLIF has a bias of its own; with ``timed``, no population of a network with lags has where it would be heard too early.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurograph.export.passes.align_delays import align_delays
from neurograph.network import CubaLIF, Network, Population, Projection, Source
from neurograph.sim.timing import has_lags
from neurograph.weights import Dense

__all__ = ["bias_source", "said_of_biases"]


def bias_source(network: Network, *, timed: bool = False, first_too: bool = False) -> Network:
    """A network that does the same, with a constant source in place of such biases.

    Args:
        network: float.
        timed: whether such biases of a network with lags go (targets that are not programmable).
        first_too: whether those of depth 1 too: the first layer of a .net file stands at machine step 2, and is stepped before.
    """
    early = _early(network, 0 if first_too else 1) if timed else set()
    biased = [p for p in network.neurons if np.any(p.bias) and not p.is_real and (p.name in early or isinstance(p.neuron, CubaLIF))]
    if not biased:
        return network
    name = "constant"
    while name in network.populations:
        name += "_"
    columns = {p.name: np.broadcast_to(np.asarray(p.bias, dtype=np.float64), p.shape).reshape(-1, 1) for p in biased}
    projections = tuple(Projection(name, p.name, Dense(columns[p.name].copy())) for p in biased)
    source = Population(name, (1,), Source("constant"))
    populations = [source, *(replace(p, bias=0.0) for p in biased)]
    return replace(network.with_populations(populations), projections=(*network.projections, *projections))


def said_of_biases(before: Network, after: Network) -> str | None:
    """What :func:`bias_source` did, in a sentence for who exports; None where it did nothing."""
    made = [name for name in after.populations if name not in before.populations]
    if not made:
        return None
    heard = [p.target for p in after.projections if p.source == made[0]]
    named = ", ".join(map(repr, heard[:3])) + (f" and {len(heard) - 3:,} more" if len(heard) > 3 else "")
    return (
        f"the bias of {named} became synapses of a source {made[0]!r} that spikes in every tick; "
        "its spikes and synaptic events are counted as others are"
    )


def _early(network: Network, spared: int) -> set[str]:
    """Populations that are stepped at machine steps which are not their ticks, of a network with lags."""
    if not has_lags(network):
        return set()
    aligned = align_delays(network)
    return {p.name for p in aligned.neurons if aligned.steps_per_tick > 1 or (p.depth or 1) > spared}
