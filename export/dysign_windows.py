"""The two builds of Dy-SIGN on the snapshots of a graph as float networks, one a snapshot, over the nodes that take part in it.

On-chip build, membranes carried from window to window; populations p1, q1, … pK, qK:

    current → p1   the host's, held through the window      p(k) → q(k), p(k−1) → q(k)   per-node synapses, this tick's spikes
    p1 → pK        per-node synapses, this tick's spikes    q(k) → p(k)                  Â_t with one gain, the last tick's spikes (lag 1)

Paper build, membranes new in each window; populations p1, … pK, a tick for each latency step, all spikes those of the last tick (lag 1):

    current(k) → p(k)   the host's: what the snapshot brings, and W_p a of the rates a of p(k) in the window before (feedback)
    p(k) → p(k)         Â_t ⊗ W_s       p(k−1) → p(k)   Â_t ⊗ W_x       p1 → pK   W_c per node

With leak λ its membranes do v ← λ v + i from v = start · θ, as u ← λ(u − θ s) + i does. A LIF starts at its v_leak, to which it leaks
too, v + (1 − λ)(v_leak − v) + i: so v_leak is start · θ, and a bias of −(1 − λ) v_leak takes out what the leak then brings.

Neurons fire where v ≥ θ; the Network's compare with >, so their threshold is the next number below θ, and a spike takes off θ itself.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from neurograph.errors import UnsupportedError
from neurograph.models.dysign import DySign
from neurograph.models.dysign_onchip import OnChipDySign
from neurograph.models.steps import Step
from neurograph.network import LIF, Network, Population, Projection, Source
from neurograph.nn.linear import PerNode
from neurograph.weights import Identity, Kron, one_to_one
from neurograph.windows import DynamicNetwork, Window

__all__ = ["CURRENT", "onchip_windows", "paper_windows", "wide"]

Array = NDArray[Any]
CURRENT = "current"


def wide(step: Step) -> Step:
    """The step in float64."""
    return replace(step, adjacency=step.adjacency.double(), x=step.x.double(), propagated=step.propagated.double())


def onchip_windows(model: OnChipDySign, steps: Sequence[Step], nodes: int) -> DynamicNetwork:
    """The networks of an on-chip Dy-SIGN, not aligned; ``nodes`` is N.

    Raises:
        NetworkError: no snapshot with a node in it.
    """
    config = model.config
    names = [f"{kind}{k}" for kind in "pq" for k in range(1, config.layers + 1)]
    windows = tuple(_onchip_window(model, step) for step in steps)
    swapped = frozenset((f"q{k}", f"p{k}") for k in range(1, config.layers + 1))
    return DynamicNetwork(nodes, windows, dict.fromkeys(names, config.start), swapped)


def _onchip_window(model: OnChipDySign, step: Step) -> Window:
    chosen = step.nodes.numpy()
    if not len(chosen):
        return Window(chosen, None, {})
    nodes, layers = len(chosen), model.config.layers
    populations = [Population(CURRENT, (nodes, model.config.width), Source("static"))]
    projections = [Projection(CURRENT, "p1", one_to_one(populations[0].shape))]
    gains, adjacency = _values(model.log_gain.exp()), _csr(step.adjacency)
    for k in range(1, layers + 1):
        populations += [_onchip_neurons(model, f"p{k}", nodes), _onchip_neurons(model, f"q{k}", nodes)]
        heard: list[tuple[str, Any]] = [(f"p{k}", model.recurrent[k - 1])]
        heard += [(f"p{k - 1}", model.between[k - 2])] if k > 1 else []
        for source, leaf in heard:
            projections.append(Projection(source, f"q{k}", _per_node(leaf, nodes)))
        populations[-1] = replace(populations[-1], bias=sum(leaf.folded()[1] for _, leaf in heard))
        arriving = Kron(sp.csr_matrix(adjacency * gains[k - 1]), Identity(model.config.width))
        projections.append(Projection(f"q{k}", f"p{k}", arriving, lag=1))
    if model.compensation is not None:
        projections.append(Projection("p1", f"p{layers}", _per_node(model.compensation, nodes)))
        populations[-2] = replace(populations[-2], bias=model.compensation.folded()[1])
    outputs = tuple(f"p{k}" for k in range(1, layers + 1))
    network = Network({p.name: p for p in populations}, tuple(projections), model.config.latency, outputs=outputs)
    return Window(chosen, network, {CURRENT: _current(model, step)})


def _onchip_neurons(model: OnChipDySign, name: str, nodes: int) -> Population:
    config = model.config
    by = config.threshold if config.reset == "subtract" else None
    neuron = LIF(0.0, _below(config.threshold), v_leak=config.start, reset=config.reset, gain=1.0, reset_by=by)
    return Population(name, (nodes, config.width), neuron)


def _per_node(leaf: PerNode, nodes: int) -> Kron:
    return Kron(Identity(nodes), leaf.folded()[0])


def _current(model: OnChipDySign, step: Step) -> Array:
    """Â_t X_t W + X_t W_o + b, in float64."""
    weight, own, bias = (_values(part) for part in (model.input.weight, model.own.weight, model.input.bias))
    return _values(step.propagated) @ weight.T + bias + _values(step.x) @ own.T


def paper_windows(model: DySign, steps: Sequence[Step], nodes: int) -> DynamicNetwork:
    """The networks of a Dy-SIGN of the paper build, not aligned; ``nodes`` is N.

    Raises:
        UnsupportedError: rates that are no spikes. NetworkError: no snapshot with a node in it.
    """
    config = model.config
    if config.forward != "spikes":
        raise UnsupportedError(
            "export of a dynamic model",
            [f"DySign: forward {config.forward!r}, whose rates are found without a spike"],
            "set forward='spikes'",
        )
    exact = copy.deepcopy(model).double().eval()
    layers = range(1, config.layers + 1)
    swapped = frozenset([(f"p{k}", f"p{k}") for k in layers] + [(f"p{k - 1}", f"p{k}") for k in layers if k > 1])
    carry = {} if exact.carry is None else {f"{CURRENT}{k}": (f"p{k}", _weight(exact.carry[k - 1])) for k in layers}
    tick_weights = config.leak ** np.arange(config.latency - 1, -1, -1, dtype=np.float64)
    return DynamicNetwork(nodes, tuple(_paper_window(exact, step) for step in steps), {}, swapped, tick_weights, carry)


def _paper_window(model: DySign, step: Step) -> Window:
    chosen, config = step.nodes.numpy(), model.config
    if not len(chosen):
        return Window(chosen, None, {})
    shape, layers, adjacency = (len(chosen), config.width), config.layers, _csr(step.adjacency)
    with torch.no_grad():
        drive = model.drive(wide(step), torch.zeros(shape[0], layers * config.width, dtype=torch.float64))
    populations, projections, inputs = [], [], {}
    for k, part in enumerate(torch.split(drive, config.width, dim=1), 1):
        source, name = f"{CURRENT}{k}", f"p{k}"
        populations += [Population(source, shape, Source("static")), _paper_neurons(model, name, shape)]
        inputs[source] = _values(part)
        projections.append(Projection(source, name, one_to_one(shape)))
        projections.append(Projection(name, name, Kron(adjacency, _weight(model.recurrent[k - 1])), lag=1))
        if k > 1:
            projections.append(Projection(f"p{k - 1}", name, Kron(adjacency, _weight(model.between[k - 2])), lag=1))
    if model.compensation is not None:
        projections.append(Projection("p1", f"p{layers}", Kron(Identity(shape[0]), _weight(model.compensation)), lag=1))
    outputs = tuple(f"p{k}" for k in range(1, layers + 1))
    network = Network({p.name: p for p in populations}, tuple(projections), config.latency, outputs=outputs)
    return Window(chosen, network, inputs)


def _paper_neurons(model: DySign, name: str, shape: tuple[int, int]) -> Population:
    config = model.config
    beta, rest = 1 - config.leak, config.start * config.threshold
    neuron = LIF(beta, _below(config.threshold), v_leak=rest, reset="subtract", gain=1.0, reset_by=config.threshold)
    return Population(name, shape, neuron, bias=-beta * rest)


def _below(threshold: float) -> float:
    return float(np.nextafter(threshold, -np.inf))


def _weight(linear: torch.nn.Module) -> Array:
    return _values(cast(torch.nn.Linear, linear).weight)


def _values(tensor: torch.Tensor) -> Array:
    return np.asarray(tensor.detach().to("cpu", torch.float64).numpy())


def _csr(adjacency: torch.Tensor) -> sp.csr_matrix:
    parts = (_values(adjacency.values()), adjacency.col_indices().numpy(), adjacency.crow_indices().numpy())
    return sp.csr_matrix(parts, shape=tuple(adjacency.shape))
