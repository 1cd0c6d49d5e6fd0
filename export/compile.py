"""From a trained model to everything that a bundle holds: the graph, both Networks, the sample input, the host parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import nir
import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from neurograph.errors import InputError, NetworkError, QuantizationError, UnsupportedError
from neurograph.export.host_parts import host_parts
from neurograph.export.integer_check import check_integers
from neurograph.export.lava_dl.quantize import check_netx, quantize_for_netx
from neurograph.export.lower import lower
from neurograph.export.nir_io import TimeMetadata
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.bias_source import bias_source, said_of_biases
from neurograph.export.passes.expand_products import expand_products
from neurograph.export.passes.graded_sums import graded_sums
from neurograph.export.passes.product_gates import product_gates
from neurograph.export.passes.relay_delays import relay_delays
from neurograph.export.passes.split_readout import split_readout
from neurograph.export.quantize import QuantizationReport, quantize
from neurograph.export.targets import Target, check_target, refuse_a_name
from neurograph.export.targets.onnx import onnx_model
from neurograph.export.trace import trace
from neurograph.network import Network
from neurograph.nn.record import record_spikes, returned_spikes
from neurograph.nn.sparse import as_features
from neurograph.sim.inputs import refuse_nameless
from neurograph.sim.recording import Recording
from neurograph.training.checkpoint import Checkpoint

__all__ = ["Compiled", "compile_checkpoint", "compile_graph"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Compiled:
    """What the compiler made of a model.

    Args:
        graph: NIR, graph form.
        network, quantized: aligned float and integer Networks.
        report: of the quantisation.
        no_integers: why there is no integer Network, where the target does without; ``quantized`` and ``report`` are None then.
        inputs: sample input, source → values.
        torch: spikes of the torch model itself in float64, where there is one.
        torch_values: population → (T, *shape) of the torch model's own real-valued neurons.
        readout: what is real-valued behind the last spikes and stays on the host, as a network that hears their spikes.
        host: file name → ONNX model of what stays on the host.
        features: what the encoder takes, (N, F), where there is one.
        labels, test_mask: to tell the accuracy, where known.
        origin: where all this came from, for the manifest.
        target: that it was compiled for.
    """

    graph: nir.NIRGraph
    network: Network
    quantized: Network | None
    report: QuantizationReport | None
    inputs: Mapping[str, Array]
    no_integers: str | None = None
    torch: Recording | None = None
    torch_values: Mapping[str, Array] = field(default_factory=dict)
    readout: Network | None = None
    host: Mapping[str, onnx.ModelProto] = field(default_factory=dict)
    features: Any = None
    labels: Array | None = None
    test_mask: Array | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)
    target: Target | None = None

    def __repr__(self) -> str:
        integers = "without integers" if self.quantized is None else "and in integers"
        return f"<Compiled: {self.network!r}, {integers}, sample of {', '.join(self.inputs)}>"


def compile_graph(
    graph: nir.NIRGraph,
    inputs: Mapping[str, Array],
    target: Target,
    *,
    bits: int = 8,
    time: TimeMetadata | None = None,
    origin: Mapping[str, Any] | None = None,
) -> Compiled:
    """Compile a NIR graph for a target.

    Args:
        graph: from :mod:`neurograph.export.nir_io`.
        inputs: the sample on which it is quantised and checked.
        target: from :func:`neurograph.target`. A chip as it stands in :data:`neurograph.export.targets.TARGETS` has no limits to fit yet
            (:meth:`Target.on`).
        bits: weight bits.
        time: how the graph runs in ticks, where it does not say so itself.
        origin: where it came from, for the manifest.

    Raises:
        InputError: inputs that are no mapping, or a target's name in place of a target.
        NeurographError: see lower, align_delays, check_target, graded_sums and quantize.
    """
    refuse_a_name(target)
    network = lower(graph, time)
    refuse_nameless(network.sources, inputs)
    if not network.neurons:
        raise InputError("graph: has inputs only, nothing that computes is behind them; give one with neurons")
    network, readout = (network, None) if target.onnx else split_readout(network)
    check_target(network, target)
    if target.name == "netx":
        check_netx(network)
    plain, network = network, bias_source(network, timed=not target.programmable, first_too=target.name == "netx")
    if not target.onnx:
        check_integers(network)  # what cannot be is said before what takes long
    network, notes = _graded(network, target, bits)
    biased = said_of_biases(plain, network)
    origin = {**(origin or {}), **({"biases": [biased]} if biased else {}), **({"graded": list(notes)} if notes else {})}
    try:
        aligned = align_delays(expand_products(network), programmable=target.programmable)
        aligned, relays = (aligned, ()) if target.onnx else relay_delays(aligned, longest=target.longest_delay)
        make = quantize_for_netx if target.name == "netx" else quantize
        quantized, report = make(aligned, inputs, bits=bits)
    except (UnsupportedError, QuantizationError, NetworkError) as error:
        if not target.onnx:
            raise
        # The ways out are for who wants a chip: here the bundle goes on without integers.
        why = "; ".join(error.offenders) if isinstance(error, UnsupportedError) else str(error)
        return Compiled(graph, network, None, None, inputs, no_integers=why, origin=origin, target=target)
    origin = {**origin, **({"relays": list(relays)} if relays else {})}
    made = Compiled(graph, aligned, quantized, report, inputs, origin=origin, target=target)
    if readout is None:
        return made
    on_host = [p.name for p in readout.neurons]
    return replace(made, readout=readout, host={"output.onnx": onnx_model(readout)}, origin={**made.origin, "on_host": on_host})


def _graded(network: Network, target: Target, bits: int) -> tuple[Network, tuple[str, ...]]:
    """What a target whose spikes carry a number does with gates and long sums; one whose spikes don't refuses by name."""
    notes: tuple[str, ...] = ()
    limits = target.limits
    if target.graded or target.gates == "product":
        network, notes = product_gates(network, limits, gates=target.gates, bits=bits)
    if limits is not None:
        has = limits if target.graded else replace(limits, target=target.name, graded_bits=0)
        network, more = graded_sums(network, has, relays=target.relays)
        notes += more
    check_target(network, target)
    return network, notes


def compile_checkpoint(checkpoint: Checkpoint, target: Target, *, bits: int = 8, ticks: int | None = None) -> Compiled:
    """Compile a trained model on its graph.

    Args:
        checkpoint: from ``neurograph train``.
        target: from :func:`neurograph.target`.
        bits: weight bits.
        ticks: T, if not the model's own.
    """
    refuse_a_name(target)
    model, data = checkpoint.model.double().eval(), checkpoint.graph
    ticks = ticks or checkpoint.config.ticks
    if ticks < 1:
        raise InputError(f"ticks: {ticks}, must be at least 1")
    with torch.no_grad():
        static = model.encode(as_features(data.x, torch.float64))
        current = static.expand(ticks, *static.shape)
        spikes = record_spikes(model.core, current)
    graph = trace(model.core, current)
    (source,) = (name for name, node in graph.nodes.items() if isinstance(node, nir.Input))
    compiled = compile_graph(graph, {source: static.numpy()}, target, bits=bits)
    recording = Recording("torch", ticks, {name: z.numpy().astype(np.uint8)[None] for name, z in spikes.items()})
    origin = {
        **compiled.origin,
        "dataset": data.name,
        "seed": checkpoint.seed,
        "metrics": checkpoint.metrics,
        "versions": checkpoint.versions,
    }
    return Compiled(
        graph=compiled.graph,
        network=compiled.network,
        quantized=compiled.quantized,
        report=compiled.report,
        inputs=compiled.inputs,
        no_integers=compiled.no_integers,
        torch=recording,
        host=host_parts(model, {name: compiled.network.populations[name].shape[-1] for name in returned_spikes(model.core, current)}),
        features=data.x,
        labels=data.y,
        test_mask=data.test_mask,
        origin=origin,
        target=compiled.target,
    )
