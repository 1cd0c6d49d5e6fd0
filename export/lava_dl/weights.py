"""Weights of a layer as integers that a synapse stores, and what is worth a note or a refusal on the way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurograph.export.lava_dl.layers import Layer
from neurograph.sim.lava.netx_weights import Synapses, exact_synapses, netx_synapses

__all__ = ["synapses_of"]


def synapses_of(layer: Layer) -> tuple[Synapses | None, str | None]:
    """What a layer's weights run as.

    The file's own integers, with exponent 0 where they fit 8 bits. Where netx, which loads dense layers, runs others, those: so it is with
    it that the spikes agree.

    Returns:
        The synapses, over weight and behind it weight_rec, both flat; None where no 8-bit synapse holds them. And a note, or None.
    """
    weights = np.concatenate([layer.arrays[name].ravel() for name in ("weight", "weight_rec") if name in layer.arrays])
    exact = exact_synapses(weights)
    if layer.kind not in ("dense", "dense_rec"):
        return exact, None
    runs = netx_synapses(weights)
    if runs is None:
        return exact, f"{layer.where}: all its weights are 0, and such a layer netx itself cannot load"
    if runs.exponent <= 0 and not (runs.stored != weights << -runs.exponent).any():
        return exact, None
    return runs, f"{layer.where}: netx runs {_changed(runs, weights)}; so does this network"


def _changed(runs: Synapses, weights: NDArray[np.int64]) -> str:
    got = runs.stored * 2.0**runs.exponent
    where = int(np.argmax(np.abs(got - weights)))
    return f"{np.count_nonzero(got != weights)} of its weights as others, {weights[where]} as {got[where]:g}"
