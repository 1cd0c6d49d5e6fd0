"""Dy-SIGN on the snapshots of a graph, compiled: one Network a snapshot (:mod:`neurograph.export.dysign_windows`), float and in integers.

Integers: all windows share one scale a population, as a membrane in integer steps may be carried from one to the next. It is found on one
network that holds the windows side by side, each with the membranes and the currents that the float engine has at its start. The scale
leaves room for the largest |v| of all windows, and the exponent of the bias for any rates that are fed back; the integers of a window are
cut out of it. A synapse of Â ⊗ W is one integer, so such products are written out first.
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
from neurograph.export.dysign_windows import onchip_windows, paper_windows, wide
from neurograph.export.integer_search import Form
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.expand_products import MOST_SYNAPSES, expand_products, product_synapses
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
from neurograph.models.dysign import DySign
from neurograph.models.dysign_onchip import OnChipDySign
from neurograph.models.steps import Step
from neurograph.network import LIF, FixedLIF, Network, Population, Projection, base_of
from neurograph.sim.recording import Recording
from neurograph.sim.windows import run_windows
from neurograph.weights import Identity, Kron, Weights
from neurograph.windows import DynamicNetwork, synapses

__all__ = ["CompiledWindows", "compile_windows", "float_windows", "integer_windows", "torch_windows"]

Array = NDArray[Any]


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


def compile_windows(
    model: torch.nn.Module,
    steps: Sequence[Step],
    nodes: int,
    target: Target,
    *,
    bits: int = 8,
    said: Callable[[str], None] = lambda line: None,
) -> CompiledWindows:
    """Compile a Dy-SIGN for a target.

    Args:
        model: an :class:`OnChipDySign`, or a :class:`DySign` that spikes; it is read in float64.
        steps: the snapshots, of which the model may have been trained on more.
        nodes: N.
        target: programmable: what a tick needs several machine steps for, and a reset by subtraction.
        bits: of weights.
        said: hears how many synapses there are before their integers are looked for, which takes longest.

    Raises:
        UnsupportedError: another model, a target that cannot do what it needs, or more than :data:`MOST_SYNAPSES` synapses of Â ⊗ W.
        GraphError: no snapshot with a node in it.
        QuantizationError: see quantize.
    """
    plain = float_windows(model, steps, nodes)
    _check_target(target, plain.network)
    said(_checked_size(plain))
    aligned = _each(plain, align_delays)  # no delay is longer than 2 steps
    quantized, report = integer_windows(aligned, bits=bits)
    assert isinstance(model, (DySign, OnChipDySign))
    return CompiledWindows(aligned, quantized, report, tuple(spikes for spikes, _ in torch_windows(model, steps, nodes)))


def _check_target(target: Target, network: Network) -> None:
    """Of all that a target may lack, by name."""
    offenders = []
    if target.onnx or target.name == "netx":
        offenders.append("synapses that change between windows")
    if not target.programmable:
        if any(p.lag == 0 for p in network.spiking_projections):
            offenders.append(
                "a loop p1 → q1 → p1 within a tick, between whose machine steps neurons with a current of the host must hold still"
            )
        offenders += [f"population {p.name!r}: subtract reset" for p in network.neurons if getattr(p.neuron, "reset", "") == "subtract"]
    if offenders:
        raise UnsupportedError(f"target {target.name}", offenders, "choose lava, loihi2, or a profile of a programmable chip")


def _checked_size(dynamic: DynamicNetwork) -> str:
    """How many synapses there are, in words. Products are limited in all windows, as the integers of all of them are found together."""
    networks = [window.network for window in dynamic.windows if window.network is not None]
    counts = [sum(map(synapses, network.spiking_projections)) for network in networks]
    about = f"{sum(counts):,} synapses in {len(counts)} windows, up to {max(counts):,} in one"
    products = sum(map(product_synapses, networks))
    if products > MOST_SYNAPSES:
        raise UnsupportedError(
            "export of a dynamic model",
            [f"{about}; {products:,} of them are products of Â ⊗ W, at most {MOST_SYNAPSES:,}"],
            "export fewer snapshots (--snapshots), or train on fewer nodes (--nodes), narrower (--width) or dysign-onchip",
        )
    return about


def float_windows(model: torch.nn.Module, steps: Sequence[Step], nodes: int) -> DynamicNetwork:
    """The float networks of a Dy-SIGN of either build, not aligned; ``nodes`` is N.

    Raises:
        UnsupportedError: another model. GraphError: no snapshot with a node in it.
    """
    if not any(len(step.nodes) for step in steps):
        raise GraphError(f"graph: none of its {len(steps)} snapshots has a node that takes part, must be at least one; give edges")
    if isinstance(model, OnChipDySign):
        return onchip_windows(model, steps, nodes)
    if isinstance(model, DySign):
        return paper_windows(model, steps, nodes)
    raise UnsupportedError(
        "export of a dynamic model", [f"{type(model).__name__}: is neither build of Dy-SIGN"], "train dysign-onchip or dysign"
    )


def torch_windows(model: DySign | OnChipDySign, steps: Sequence[Step], nodes: int) -> Iterator[tuple[Recording | None, Array]]:
    """The torch model itself in float64, window by window: spikes of p1 to pK, (1, L, n, D) each, and what is carried of all N nodes after
    it: of the on-chip build the membranes of all p, then those of all q, (N, 2·K·D), of the other the rates of all p, (N, K·D)."""
    config, exact = model.config, copy.deepcopy(model).double().eval()
    onchip = isinstance(model, OnChipDySign)
    size, start = config.layers * config.width * (2 if onchip else 1), config.start if onchip else 0.0
    held = torch.full((nodes, size), start, dtype=torch.float64)
    for step in steps:
        if not len(step.nodes):
            yield None, held.numpy().copy()
            continue
        with torch.no_grad():
            fired, after = exact.window(wide(step), held[step.nodes])
        held[step.nodes] = after
        parts = torch.split(fired.to(torch.uint8), config.width, dim=-1)
        yield (
            Recording("torch", config.latency, {f"p{k}": part.numpy()[None] for k, part in enumerate(parts, 1)}),
            held.numpy().copy(),
        )


def _each(dynamic: DynamicNetwork, change: Callable[[Network], Network]) -> DynamicNetwork:
    windows = tuple(w if w.network is None else replace(w, network=change(w.network)) for w in dynamic.windows)
    return replace(dynamic, windows=windows)


def integer_windows(dynamic: DynamicNetwork, *, bits: int = 8) -> tuple[DynamicNetwork, QuantizationReport]:
    """The windows in integers of one scale a population, and what rounding did; ``dynamic`` is float.

    Raises:
        QuantizationError: see quantize.
    """
    largest: dict[str, float] = {}
    runs = [run for run in run_windows(dynamic, "float") if run.recording is not None]
    for run in runs:
        for name, v in {} if run.recording is None else run.recording.voltages.items():
            largest[name] = max(largest.get(name, 0.0), float(np.abs(v).max()))
    together = expand_products(_side_by_side([run.network for run in runs if run.network is not None]))
    inputs = {name: np.concatenate([run.inputs[name] for run in runs]) for name in runs[0].inputs}
    form = _form(largest, _currents(dynamic), carried=bool(dynamic.start))
    integers, report = quantize(together, inputs, bits=bits, form=form)
    windows = [w if w.network is None else replace(w, network=_integers_of(w.network, integers, bits)) for w in dynamic.windows]
    start = {name: int(np.rint(v / _step(integers.populations[name]))) for name, v in dynamic.start.items()}
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
        if isinstance(neuron, LIF) and np.ndim(neuron.v_leak):
            starts = [np.broadcast_to(np.asarray(part.neuron.v_leak), part.shape) for part in parts if isinstance(part.neuron, LIF)]
            neuron = replace(neuron, v_leak=np.concatenate(starts))
        populations[name] = replace(population, shape=shape, neuron=neuron)
    nodes = next(iter(populations.values())).shape[0]
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


def _currents(dynamic: DynamicNetwork) -> dict[str, float]:
    """The largest |current| that the host could feed each population, whatever its rates were, 0 to 1."""
    found: dict[str, float] = {}
    for source, (name, weights) in dynamic.feedback.items():
        brought = max(float(np.abs(window.inputs[source]).max()) for window in dynamic.windows if window.network is not None)
        found[name] = brought + float(np.abs(weights).sum(axis=1).max())
    return found


def _form(largest: Mapping[str, float], currents: Mapping[str, float], *, carried: bool) -> Form:
    """Lava's integers in which no window lets v leave 24 bits, and the bias holds ``currents``. Where membranes are ``carried``, neurons
    have no leak, and what stands in ``v_leak`` is where v starts and nothing else."""

    def resting(population: Population) -> Population:
        neuron = population.neuron
        return replace(population, neuron=replace(neuron, v_leak=0.0)) if carried and isinstance(neuron, LIF) else population

    def most(population: Population, bias: float) -> float:
        return max(bias, currents.get(population.name, 0.0) + float(np.abs(population.bias).max()))

    def roomy(network: Network, population: Population, bias: float, bits: int) -> tuple[float, ...]:
        rest = resting(population)
        least = (largest[population.name] + float(np.abs(base_of(rest.neuron)).max())) / HEADROOM
        found = scales(network, rest, most(population, bias), bits)
        return tuple(s * 2.0 ** max(0, math.ceil(math.log2(least / s)) if least else 0) for s in found)

    def at(population: Population, scale: float, bias: float, limits: tuple[float, float] | None) -> Population:
        made = at_scale(resting(population), scale, most(population, bias), limits)
        if not carried:
            return made
        start = rounded_integers(np.asarray(getattr(population.neuron, "v_leak", 0.0)) / _step(made))
        return replace(made, neuron=replace(made.neuron, v_start=start))

    return Form(check_integers, roomy, at, integer_projections)


def _integers_of(window: Network, integers: Network, bits: int) -> Network:
    """The window in the integers that all windows share; its adjacency is rounded as it was among the others."""
    populations = {}
    for name, population in integers.populations.items():
        neuron = population.neuron
        kept = replace(neuron, v_start=0) if isinstance(neuron, FixedLIF) and np.ndim(neuron.v_start) else neuron
        populations[name] = replace(population, shape=window.populations[name].shape, neuron=kept)
    pairs = zip(expand_products(window).projections, integers.projections, strict=True)
    projections = tuple(_integer_weights(own, shared, populations, bits) for own, shared in pairs)
    return replace(window, populations=populations, projections=projections)


def _integer_weights(own: Projection, shared: Projection, populations: Mapping[str, Population], bits: int) -> Projection:
    neuron = populations[own.target].neuron
    if shared.sign_mode is None or not isinstance(neuron, FixedLIF):  # a current, which the host turns into mantissas
        return own
    mode, unit = shared.sign_mode, neuron.scale / neuron.gain * 2.0**shared.exponent
    weights = own.weights.map(lambda w: fx.round_weights(w / unit, mode, bits))
    return replace(shared, weights=weights)
