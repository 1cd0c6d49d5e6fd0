"""Integers for a network out of those of the same network on another graph, without a search: no engine is run.

A search for scales runs the network some twenty times. On another graph (:func:`neurograph.export.other_graph.on_graph`) the weights of
each node are the same and its spikes much alike, so every population keeps the scale, the bias and the decays that were found, and

    propagation, sum over nodes     weights are rounded anew at that scale, at the exponent that was found if they fit there
    more can arrive than before     the scale is doubled until nothing can wrap at 24 bits, whatever spikes come

A sum over N nodes of weights w/N takes an exponent lower by log2 N: below −8 there is none, so from some 2¹⁷ nodes on its weights have
fewer than 8 bits, and at 10⁶ nodes 5 are left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.errors import NetworkError, QuantizationError, UnsupportedError
from neurograph.export.other_graph import shared
from neurograph.export.passes.fold_gain import fold_gain
from neurograph.export.passes.saturate_bias import saturation
from neurograph.export.quantize import at_scale, drift, integer_projections, largest_gain
from neurograph.graded import synaptic_sums
from neurograph.network import FixedLIF, Network, Population, Projection
from neurograph.weights import Identity, Kron, OnesRow

__all__ = ["carry_integers"]

Array = NDArray[Any]
_OCTAVES = 16


def carry_integers(network: Network, quantized: Network, *, bits: int = 8) -> Network:
    """The integer network of ``network``, at the scales of ``quantized``.

    Args:
        network: float.
        quantized: the integers of the same network on another graph, with the same populations and projections.
        bits: weight bits, as ``quantized`` was made with.

    Raises:
        NetworkError: networks that are not the same but for the graph, or integers that differ from node to node.
        UnsupportedError: graded populations, whose sums are laid out for one graph.
        QuantizationError: bits out of range; a population in which too much arrives for 24 bits; weights of which nothing is left.
    """
    if not 2 <= bits <= 8:
        raise QuantizationError(f"weight bits: {bits}, must be 2 to 8; use --weight-bits 8")
    network = fold_gain(network)
    _check_same(network, quantized)
    graded = [f"population {p.name!r}: graded" for p in network.populations.values() if p.is_graded]
    if graded:
        raise UnsupportedError(
            "carrying integers to another graph", graded, "compile for a target without graded spikes, or quantise there"
        )
    populations = {p.name: p for p in network.sources}
    projections = list(network.projections)
    for population in network.neurons:
        incoming = [i for i, p in enumerate(network.projections) if p.target == population.name]
        carried = _Carried(network, quantized, population, incoming, bits)
        populations[population.name], found = carried.best()
        for index, projection in zip(incoming, found, strict=True):
            projections[index] = projection
    return replace(network, populations={name: populations[name] for name in network.populations}, projections=tuple(projections))


def _check_same(network: Network, quantized: Network) -> None:
    def parts(of: Network) -> tuple[Any, ...]:
        return tuple(of.populations), tuple((p.source, p.target, p.lag, p.port) for p in of.projections), of.ticks

    if parts(network) != parts(quantized) or not quantized.is_integer or network.is_integer:
        raise NetworkError("networks: must be a float network and the integers of the same one on another graph")


class _Carried:
    """One population at the scale that was found for it, or above."""

    def __init__(self, network: Network, quantized: Network, population: Population, incoming: list[int], bits: int) -> None:
        self.network, self.population, self.bits = network, population, bits
        self.source = quantized.populations[population.name]
        neuron = self.source.neuron
        assert isinstance(neuron, FixedLIF)
        self.neuron: FixedLIF = neuron
        self.old = [quantized.projections[i] for i in incoming]
        self.new = [replace(network.projections[i], sign_mode=old.sign_mode) for i, old in zip(incoming, self.old, strict=True)]

    def best(self) -> tuple[Population, list[Projection]]:
        """The population and its projections at the finest scale at which nothing wraps."""
        before = self._reach(self.old)
        for octave in range(_OCTAVES):
            scale = self.neuron.scale * 2.0**octave
            projections = [self._rounded(new, old, scale) for new, old in zip(self.new, self.old, strict=True)]
            made = self._at(scale)
            if (octave == 0 and self._reach(projections) <= before) or self._fits(made, projections):
                return made, projections
        raise QuantizationError(
            f"population {self.population.name!r}: what can arrive on this graph passes 24 bits at every scale; quantise on this graph"
        )

    def _rounded(self, new: Projection, old: Projection, scale: float) -> Projection:
        """At the exponent that was found, where it is among those that suit the weights."""
        choices = integer_projections(self.network, new, scale / largest_gain(self.population), self.bits)
        chosen = next((choice for choice in choices if choice.exponent == old.exponent), choices[0])
        if np.any(new.weights.values) and not np.any(chosen.weights.values):
            raise QuantizationError(
                f"projection {new.name}: weights of at most {np.abs(new.weights.values).max():.1g} V all round to 0 at exponent "
                f"{chosen.exponent}, limit {fx.EXPONENT_MIN}; sum over fewer nodes, or threshold in between"
            )
        return chosen

    def _at(self, scale: float) -> Population:
        """The population at a scale, with the bias and the decays that were found."""
        neuron, gain = self.neuron, largest_gain(self.population)
        step = neuron.scale / (1 << fx.V_SHIFT) * 2.0**neuron.bias_exp
        drifts = drift(self.population)
        mantissa = np.asarray(self._kept("bias_mant"), dtype=np.float64)
        biased = replace(self.population, bias=(mantissa * step - drifts) / gain)
        most = (fx.BIAS_MANT_MAX * step - float(drifts.max())) / gain  # of the bias exponent that was found
        made = at_scale(biased, scale, most, saturation(self.network, self.population, _bounds(self.new)))
        assert isinstance(made.neuron, FixedLIF)
        return replace(made, neuron=replace(made.neuron, du=self._kept("du"), dv=self._kept("dv")))

    def _kept(self, key: str) -> Any:
        """A parameter that was found, which all nodes must share where there are other nodes now."""
        value = getattr(self.neuron, key)
        return value if self.source.shape == self.population.shape else shared(self.source, key, value)

    def _fits(self, made: Population, projections: list[Projection]) -> bool:
        """Whether neither u nor v can leave 24 bits."""
        neuron = made.neuron
        assert isinstance(neuron, FixedLIF)
        ends = neuron.saturation or (fx.BIAS_MANT_MIN, fx.BIAS_MANT_MAX)
        bias = float(max(-ends[0], ends[1]))
        if not any(self.network.populations[p.source].is_static for p in self.new):
            bias = min(bias, float(np.max(np.abs(neuron.bias_mant))))
        held = self._reach(projections) * fx.DECAY_UNITY / (int(np.min(neuron.du)) + 1)
        return bool(np.max(neuron.vth) + held + bias * 2.0**neuron.bias_exp / (1 << fx.V_SHIFT) < fx.STATE_LIMIT >> fx.V_SHIFT)

    def _reach(self, projections: list[Projection]) -> float:
        """The largest sum that can arrive in a tick, in units of weight."""
        positive, negative = _bounds(projections)
        return float(max(positive.max(), negative.max()))


def _bounds(projections: Iterable[Projection]) -> tuple[Array, Array]:
    """The largest positive and negative sums that spikes can bring, by feature: of the nodes that hear most over each projection."""
    positive, negative = np.zeros(1), np.zeros(1)
    for projection in projections:
        if projection.sign_mode is None:  # a static current
            continue
        up, down = _sums(projection)
        positive = positive + 2.0**projection.exponent * up
        negative = negative + 2.0**projection.exponent * down
    return positive, negative


def _sums(projection: Projection) -> tuple[Array, Array]:
    """The same of one projection, without its exponent."""
    weights = projection.weights
    if not isinstance(weights, Kron):
        sources, size = weights.shape[1], weights.shape[0]
        up, down = synaptic_sums([replace(projection, exponent=0)], size, lambda name: (np.zeros(sources), np.ones(sources)))
        return up.max(keepdims=True), down.max(keepdims=True)
    left, right = weights.left, np.ones((1, 1)) if isinstance(weights.right, Identity) else weights.right
    rows = right[:, None] if right.ndim == 1 else right
    up, down = np.maximum(rows, 0).sum(axis=1), np.maximum(-rows, 0).sum(axis=1)
    most, least = 1.0, 0.0
    if isinstance(left, OnesRow):
        most = float(left.size)
    elif sp.issparse(left):
        most, least = (float(np.asarray(_part(left, sign).sum(axis=1)).max()) for sign in (1, -1))
    return most * up + least * down, most * down + least * up


def _part(matrix: sp.csr_matrix, sign: int) -> sp.csr_matrix:
    """The positive or the negative entries, as magnitudes."""
    return sp.csr_matrix((np.maximum(sign * matrix.data, 0), matrix.indices, matrix.indptr), shape=matrix.shape)
