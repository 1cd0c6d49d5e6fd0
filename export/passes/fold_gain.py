"""fold_gain: what a neuron multiplies its input with goes into the weights where it differs from neuron to neuron, or is not above 0.

    v ← … + γ_n Σ_m w_nm s_m   becomes   v ← … + Σ_m (γ_n w_nm) s_m,   γ = 1

Ensures: every population has one gain above 0 for all its neurons, so that its integer weights can share one scale.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from neurograph.network import LIF, CubaLIF, Integrator, Network, gain_of
from neurograph.weights import Sparse

__all__ = ["fold_gain"]


def fold_gain(network: Network) -> Network:
    """A network that does the same, with gains that do not vary inside a population."""
    with_gain = (p for p in network.neurons if isinstance(p.neuron, (LIF, CubaLIF, Integrator)))
    varying = {p.name: p for p in with_gain if np.ptp(gain_of(p.neuron)) or np.min(gain_of(p.neuron)) <= 0}
    if not varying:
        return network
    gains = {name: np.broadcast_to(np.asarray(gain_of(p.neuron)), p.shape).ravel() for name, p in varying.items()}
    projections = tuple(
        replace(p, weights=Sparse(sp.csr_matrix(sp.diags(gains[p.target]) @ p.weights.to_csr()))) if p.target in varying else p
        for p in network.projections
    )
    populations = [
        replace(p, neuron=replace(p.neuron, gain=1.0), bias=gains[name].reshape(p.shape) * p.bias)  # type: ignore[arg-type]
        for name, p in varying.items()
    ]
    return replace(network.with_populations(populations), projections=projections)
