"""The on-chip Dy-SIGN on the snapshots of a graph: one Network a snapshot, float and in integers.

Every window has the populations p1, q1, … pK, qK over the nodes that take part in it, and these projections:

    current → p1   the host's, held through the window      p(k) → q(k), p(k−1) → q(k)   per-node synapses, this tick's spikes
    p1 → pK        per-node synapses, this tick's spikes    q(k) → p(k)                  Â_t with one gain, the last tick's spikes (lag 1)

Neurons fire where v ≥ θ; the Network's compare with >, so their threshold is the next number below θ, and a spike takes off θ itself.

Integers: a membrane in integer steps is carried from window to window, so all windows share one scale a population, found on one network
that holds the windows side by side, each with the membranes that the float engine has at its start. The scale leaves room for the
largest |v| of all windows; the integers of a window are cut out of it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.errors import GraphError, UnsupportedError
from neurograph.export.integer_search import Form
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.quantize import (
    HEADROOM,
    QuantizationReport,
    at_scale,
    check_integers,
    integer_projections,
    quantize,
    rounded_integers,
    scales,
)
from neurograph.export.targets import Target
from neurograph.models.dysign_onchip import OnChipDySign
from neurograph.models.steps import Step
from neurograph.network import LIF, FixedLIF, Network, Population, Projection, Source
from neurograph.nn.linear import PerNode
from neurograph.sim.recording import Recording
from neurograph.sim.windows import run_windows
from neurograph.weights import Identity, Kron, Weights, one_to_one
from neurograph.windows import DynamicNetwork, Window

__all__ = ["CURRENT", "CompiledWindows", "compile_windows", "float_windows", "integer_windows", "torch_windows"]

Array = NDArray[Any]
CURRENT = "current"


@dataclass(frozen=True)
class CompiledWindows:
    """What the compiler made of a dynamic model.

    Args:
        network, quantized: aligned, float and integer.
        report: of the quantisation, over all windows side by side.
        torch: spikes of p1 to pK of the torch model itself in float64, window by window; None of an empty one.
    """

    network: DynamicNetwork
    quantized: DynamicNetwork
    report: QuantizationReport
    torch: tuple[Recording | None, ...]


def compile_windows(model: torch.nn.Module, steps: Sequence[Step], nodes: int, target: Target, *, bits: int = 8) -> CompiledWindows:
    """Compile an on-chip Dy-SIGN for a target.

    Args:
        model: an :class:`OnChipDySign`; it is read in float64.
        steps: the snapshots, of which the model may have been trained on more.
        nodes: N.
        target: programmable: what a tick needs several machine steps for, and a reset by subtraction.
        bits: of weights.

    Raises:
        UnsupportedError: another model, or a target that cannot do what it needs, by name. GraphError: no snapshot with a node in it.
        QuantizationError: see quantize.
    """
    plain = float_windows(model, steps, nodes)
    _check_target(target, plain.network)
    aligned = _each(plain, align_delays)  # no delay is longer than 2 steps
    quantized, report = integer_windows(aligned, bits=bits)
    assert isinstance(model, OnChipDySign)
    return CompiledWindows(aligned, quantized, report, tuple(spikes for spikes, _ in torch_windows(model, steps, nodes)))


def _check_target(target: Target, network: Network) -> None:
    """Of all that a target may lack, by name."""
    offenders = []
    if target.onnx or target.name == "netx":
        offenders.append("synapses that change between windows")
    if not target.programmable:
        offenders.append(
            "a loop p1 → q1 → p1 within a tick, between whose machine steps neurons with a current of the host must hold still"
        )
        offenders += [f"population {p.name!r}: subtract reset" for p in network.neurons if getattr(p.neuron, "reset", "") == "subtract"]
    if offenders:
        raise UnsupportedError(f"target {target.name}", offenders, "choose lava, loihi2, or a profile of a programmable chip")


def float_windows(model: torch.nn.Module, steps: Sequence[Step], nodes: int) -> DynamicNetwork:
    """The float networks of an on-chip Dy-SIGN, not aligned; ``nodes`` is N.

    Raises:
        UnsupportedError: another model. GraphError: no snapshot with a node in it.
    """
    if not isinstance(model, OnChipDySign):
        raise UnsupportedError(
            "export of a dynamic model",
            [f"{type(model).__name__}: its states are no membranes of a network whose every edge is a synapse"],
            "train the on-chip build (neurograph train dysign-onchip)",
        )
    if not any(len(step.nodes) for step in steps):
        raise GraphError(f"graph: none of its {len(steps)} snapshots has a node that takes part, must be at least one; give edges")
    config = model.config
    names = [f"{kind}{k}" for kind in "pq" for k in range(1, config.layers + 1)]
    windows = tuple(_window(model, step) for step in steps)
    swapped = frozenset((f"q{k}", f"p{k}") for k in range(1, config.layers + 1))
    return DynamicNetwork(nodes, windows, dict.fromkeys(names, config.start), swapped)


def _window(model: OnChipDySign, step: Step) -> Window:
    chosen = step.nodes.numpy()
    if not len(chosen):
        return Window(chosen, None, {})
    nodes, layers = len(chosen), model.config.layers
    populations = [Population(CURRENT, (nodes, model.config.width), Source("static"))]
    projections = [Projection(CURRENT, "p1", one_to_one(populations[0].shape))]
    gains, adjacency = _values(model.log_gain.exp()), _csr(step.adjacency)
    for k in range(1, layers + 1):
        populations += [_neurons(model, f"p{k}", nodes), _neurons(model, f"q{k}", nodes)]
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


def torch_windows(model: OnChipDySign, steps: Sequence[Step], nodes: int) -> Iterator[tuple[Recording | None, Array]]:
    """The torch model itself in float64, window by window: spikes of p1 to pK, (1, L, n, D) each, and the membranes of all N nodes after
    it, those of all p, then those of all q, (N, 2·K·D)."""
    config, exact = model.config, copy.deepcopy(model).double().eval()
    held = torch.full((nodes, 2 * config.layers * config.width), config.start, dtype=torch.float64)
    for step in steps:
        if not len(step.nodes):
            yield None, held.numpy().copy()
            continue
        wide = replace(step, adjacency=step.adjacency.double(), x=step.x.double(), propagated=step.propagated.double())
        with torch.no_grad():
            fired, after = exact.window(wide, held[step.nodes])
        held[step.nodes] = after
        parts = torch.split(fired.to(torch.uint8), config.width, dim=-1)
        yield (
            Recording("torch", config.latency, {f"p{k}": part.numpy()[None] for k, part in enumerate(parts, 1)}),
            held.numpy().copy(),
        )


def _neurons(model: OnChipDySign, name: str, nodes: int) -> Population:
    config = model.config
    threshold = float(np.nextafter(config.threshold, -np.inf))
    by = config.threshold if config.reset == "subtract" else None
    neuron = LIF(0.0, threshold, v_leak=config.start, reset=config.reset, gain=1.0, reset_by=by)
    return Population(name, (nodes, config.width), neuron)


def _per_node(leaf: PerNode, nodes: int) -> Kron:
    return Kron(Identity(nodes), leaf.folded()[0])


def _current(model: OnChipDySign, step: Step) -> Array:
    """Â_t X_t W + X_t W_o + b, in float64."""
    weight, own, bias = (_values(part) for part in (model.input.weight, model.own.weight, model.input.bias))
    return _values(step.propagated) @ weight.T + bias + _values(step.x) @ own.T


def _values(tensor: torch.Tensor) -> Array:
    return np.asarray(tensor.detach().to("cpu", torch.float64).numpy())


def _csr(adjacency: torch.Tensor) -> sp.csr_matrix:
    parts = (_values(adjacency.values()), adjacency.col_indices().numpy(), adjacency.crow_indices().numpy())
    return sp.csr_matrix(parts, shape=tuple(adjacency.shape))


def _each(dynamic: DynamicNetwork, change: Callable[[Network], Network]) -> DynamicNetwork:
    windows = tuple(w if w.network is None else replace(w, network=change(w.network)) for w in dynamic.windows)
    return replace(dynamic, windows=windows)


def integer_windows(dynamic: DynamicNetwork, *, bits: int = 8) -> tuple[DynamicNetwork, QuantizationReport]:
    """The windows in integers of one scale a population, and what rounding did; ``dynamic`` is float.

    Raises:
        QuantizationError: see quantize.
    """
    given = [window for window in dynamic.windows if window.network is not None]
    largest: dict[str, float] = {}
    networks = []
    for run in run_windows(dynamic, "float"):
        if run.network is None or run.recording is None:
            continue
        networks.append(run.network)
        for name, v in run.recording.voltages.items():
            largest[name] = max(largest.get(name, 0.0), float(np.abs(v).max()))
    together = _side_by_side(networks)
    inputs = {name: np.concatenate([window.inputs[name] for window in given]) for name in given[0].inputs}
    integers, report = quantize(together, inputs, bits=bits, form=_carried_form(largest))
    windows = [w if w.network is None else replace(w, network=_integers_of(w.network, integers, bits)) for w in dynamic.windows]
    start = {p.name: int(np.rint(dynamic.start[p.name] / _step(p))) for p in integers.neurons}
    return replace(dynamic, windows=tuple(windows), start=start), report


def _step(population: Population) -> float:
    """Volts of one integer step of v."""
    assert isinstance(population.neuron, FixedLIF)
    return population.neuron.scale / 64


def _side_by_side(networks: Sequence[Network]) -> Network:
    """The windows as one network of all their nodes, without a synapse from one to another."""
    first = networks[0]
    populations = {}
    for name, population in first.populations.items():
        parts = [network.populations[name] for network in networks]
        shape = (sum(part.shape[0] for part in parts), *population.shape[1:])
        neuron = population.neuron
        if isinstance(neuron, LIF):
            starts = [np.broadcast_to(np.asarray(part.neuron.v_leak), part.shape) for part in parts if isinstance(part.neuron, LIF)]
            neuron = replace(neuron, v_leak=np.concatenate(starts))
        populations[name] = replace(population, shape=shape, neuron=neuron)
    nodes = populations[CURRENT].shape[0]
    projections = []
    for index, projection in enumerate(first.projections):
        factors = [network.projections[index].weights for network in networks]
        projections.append(replace(projection, weights=_joined(factors, nodes)))
    return replace(first, populations=populations, projections=tuple(projections))


def _joined(parts: Sequence[Weights], nodes: int) -> Kron:
    krons = [part for part in parts if isinstance(part, Kron)]
    lefts: list[Any] = [part.left for part in krons]
    left = sp.csr_matrix(sp.block_diag(lefts, format="csr")) if sp.issparse(lefts[0]) else Identity(nodes)
    return Kron(left, krons[0].right)


def _carried_form(largest: Mapping[str, float]) -> Form:
    """Lava's integers of neurons without a leak: what stands in ``v_leak`` is where v starts, and no window lets v leave 24 bits."""

    def resting(population: Population) -> Population:
        neuron = population.neuron
        return replace(population, neuron=replace(neuron, v_leak=0.0)) if isinstance(neuron, LIF) else population

    def wide(network: Network, population: Population, bias: float, bits: int) -> tuple[float, ...]:
        least = largest[population.name] / HEADROOM
        return tuple(
            s * 2.0 ** max(0, math.ceil(math.log2(least / s)) if least else 0) for s in scales(network, resting(population), bias, bits)
        )

    def at(population: Population, scale: float, bias: float, limits: tuple[float, float] | None) -> Population:
        made = at_scale(resting(population), scale, bias, limits)
        start = rounded_integers(np.asarray(getattr(population.neuron, "v_leak", 0.0)) / _step(made))
        return replace(made, neuron=replace(made.neuron, v_start=start))

    return Form(check_integers, wide, at, integer_projections)


def _integers_of(window: Network, integers: Network, bits: int) -> Network:
    """The window in the integers that all windows share; its adjacency is rounded as it was among the others."""
    populations = {}
    for name, population in integers.populations.items():
        neuron = population.neuron
        kept = replace(neuron, v_start=0) if isinstance(neuron, FixedLIF) else neuron
        populations[name] = replace(population, shape=window.populations[name].shape, neuron=kept)
    pairs = zip(window.projections, integers.projections, strict=True)
    projections = tuple(_integer_weights(own, shared, populations, bits) for own, shared in pairs)
    return replace(window, populations=populations, projections=projections)


def _integer_weights(own: Projection, shared: Projection, populations: Mapping[str, Population], bits: int) -> Projection:
    neuron = populations[own.target].neuron
    if shared.sign_mode is None or not isinstance(neuron, FixedLIF):  # a current, which the host turns into mantissas
        return own
    mode, unit = shared.sign_mode, neuron.scale / neuron.gain * 2.0**shared.exponent
    weights = own.weights.map(lambda w: fx.round_weights(w / unit, mode, bits))
    return replace(shared, weights=weights)
