"""product_gates: a gate of two spikes as a product of two graded ones, where that takes less of a core.

    z = [w₀ s₀ + w₁ s₁ + b > θ]  with  w₀ + b ≤ θ,  w₁ + b ≤ θ,  b ≤ θ < w₀ + w₁ + b,  s binary     ⇔     z = s₀ · s₁

Exact. What the two forms cost is one dataclass and one function (:class:`GateCost`, :func:`gate_cost`). The wiring is the same, so synaptic
events, updates, messages and depth are too; what may differ is what a core holds: bits of weights as packed, parameter sets and thresholds.
A gate with one threshold ties or loses (a weight of 16 packs into 4 bits, one of 1 into 8), and stays as it is; a gate whose thresholds
differ from neuron to neuron needs as many of them, and a product needs one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.errors import QuantizationError
from neurograph.export.placement.grids import links
from neurograph.export.placement.limits import Limits
from neurograph.export.placement.packing import stored_bits
from neurograph.export.placement.routes import lists
from neurograph.export.placement.usage import parameters
from neurograph.export.quantize import quantize
from neurograph.export.targets import Gates
from neurograph.graded import message_range
from neurograph.network import Network, Population, Product, Projection, Source, Threshold
from neurograph.weights import Identity, Kron

__all__ = ["GateCost", "gate_cost", "gates_of", "product_gates", "with_product"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class GateCost:
    """What one gate population takes.

    Args:
        synapses: nonzero weights: synaptic events if every input spiked.
        updates: neurons, stepped each tick.
        messages: neurons that can send one.
        depth: levels of the pipeline.
        synaptic_bits: of the weights into it, as the target packs them, the population on one core.
        parameter_sets, thresholds: distinct ones.
        core_share: the largest share of a core's limits among the last three: what is compared.
    """

    synapses: int
    updates: int
    messages: int
    depth: int
    synaptic_bits: int
    parameter_sets: int
    thresholds: int
    core_share: float


def product_gates(network: Network, limits: Limits | None, *, gates: Gates = "auto", bits: int = 8) -> tuple[Network, tuple[str, ...]]:
    """Choose the form of every gate.

    Args:
        network: float, before its delays are set.
        limits: of a target with graded spikes; None keeps thresholds unless ``gates`` is "product".
        gates: "auto" takes the cheaper form, and the threshold where they tie; the others take theirs.
        bits: weight bits.

    Returns:
        A network that spikes the same, and a note for each gate that became a product, or one that says why none did.
    """
    if gates == "threshold" or (gates == "auto" and limits is None):
        return network, ()
    found, changed, shares = gates_of(network), network, []
    for name in found:
        product = with_product(network, name)
        if gates == "auto" and limits is not None:
            try:
                costs = gate_cost(network, name, limits, bits=bits), gate_cost(product, name, limits, bits=bits)
            except QuantizationError:  # has no integers as it is: the quantiser says so
                continue
            if costs[1].core_share >= costs[0].core_share:
                shares.append(f"{name} {costs[0].core_share:.1%}, as products {costs[1].core_share:.1%}")
                continue
        changed = with_product(changed, name)
    notes = [f"population {name!r}: its gates are products of graded spikes" for name in found if changed.populations[name].is_graded]
    if shares:
        notes.append(
            f"gates stay threshold neurons, since products of graded spikes would take as much of a core or more: {', '.join(shares)}"
        )
    return changed, tuple(notes)


def gates_of(network: Network) -> tuple[str, ...]:
    """Names of the populations that are the AND of two binary inputs, neuron by neuron."""
    return tuple(p.name for p in network.neurons if _is_gate(network, p))


def with_product(network: Network, name: str) -> Network:
    """The network with one gate as a Product: its two projections get weights of 1 and a port each."""
    ports = {id(p): port for port, p in enumerate(network.into(name))}
    projections = tuple(
        replace(p, weights=p.weights.map(lambda w: (np.asarray(w) != 0).astype(np.float64)), port=ports[id(p)]) if id(p) in ports else p
        for p in network.projections
    )
    gate = replace(network.populations[name], neuron=Product(), bias=0.0)
    return replace(network, populations={**network.populations, name: gate}, projections=projections)


def gate_cost(network: Network, name: str, limits: Limits, *, bits: int = 8) -> GateCost:
    """Cost of one gate population in the form that it has, in the integers that it gets.

    Raises:
        QuantizationError: it gets none.
    """
    alone = _alone(network, name)
    silent = {s.name: np.zeros((1, *s.shape)) for s in alone.sources}
    integer, _ = quantize(alone, silent, bits=bits)
    gate, of, sets = integer.populations[name], links(integer), parameters(integer)[name]
    parts = [lists(link, np.zeros(gate.size, dtype=np.int64), 1) for link in of]
    packed = sum(int(stored_bits(part, limits, shared=limits.shared_lists).sum()) for part in parts)
    numbers = len(np.unique(sets.sets)), len(np.unique(sets.thresholds))
    return GateCost(
        synapses=sum(int(p.weights.fan_out().sum()) for p in integer.projections),
        updates=gate.size,
        messages=gate.size,
        depth=1,
        synaptic_bits=packed,
        parameter_sets=numbers[0],
        thresholds=numbers[1],
        core_share=max(packed / limits.synaptic_bits, numbers[0] / limits.parameter_sets, numbers[1] / limits.thresholds),
    )


def _alone(network: Network, name: str) -> Network:
    """The gate and two spike sources, for one tick."""
    sources = [replace(p, source=f"{i}", lag=0, delay=None) for i, p in enumerate(network.into(name))]
    shapes = {f"{i}": network.populations[p.source].shape for i, p in enumerate(network.into(name))}
    inputs = {key: Population(key, shape, Source()) for key, shape in shapes.items()}
    return Network({**inputs, name: network.populations[name]}, tuple(sources), ticks=1)


def _is_gate(network: Network, population: Population) -> bool:
    incoming = network.into(population.name)
    if not isinstance(population.neuron, Threshold) or len(incoming) != 2 or not all(_binary(network, p) for p in incoming):
        return False
    weights = [_single_weight(p) for p in incoming]
    if weights[0] is None or weights[1] is None:
        return False
    threshold = np.broadcast_to(np.asarray(population.neuron.threshold, dtype=np.float64) - population.bias, population.shape).ravel()
    alone = np.maximum(np.maximum(weights[0], weights[1]), 0.0)
    return bool(((alone <= threshold) & (weights[0] + weights[1] > threshold)).all())


def _binary(network: Network, projection: Projection) -> bool:
    source = network.populations[projection.source]
    if source.is_static or source.is_real:
        return False
    low, high = message_range(network, source.name)
    return bool(low.min() >= 0 and high.max() <= 1)


def _single_weight(projection: Projection) -> Array | None:
    """The one weight into each neuron; None where one has none or several."""
    weights, every = projection.weights, np.ones((1, projection.weights.shape[1]))
    if isinstance(weights, Kron) and sp.issparse(weights.left) and not isinstance(weights.right, Identity):
        return None  # a product of two factors, which map() has no form for
    met = weights.map(lambda w: (np.asarray(w) != 0).astype(np.float64))
    return weights.apply(every)[0] if (met.apply(every)[0] == 1).all() else None
