"""A lava-dl `.net` file → an integer Network with netx's spikes, a float Network that it dequantises to, and a NIR graph.

The integers are the file's own, nothing is quantised again; one volt is slayer's, 64 units of weight. What is checked against what:
dense, dense_rec, conv, flatten, delays of dense layers and values at the input against netx in Lava; pool and delays of conv layers, which
netx cannot load or drops, against slayer in torch; concat by the format's own page (netx and slayer have no code for it).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.errors import GraphError, InputError, UnsupportedError
from neurograph.export.lava_dl.graph import VOLT, build
from neurograph.export.lava_dl.layers import KINDS, Layer, read_layers
from neurograph.export.lava_dl.weights import synapses_of
from neurograph.export.lower import lower
from neurograph.export.nir_io import MOST_TICKS, TimeMetadata
from neurograph.network import LIF, CubaLIF, FixedLIF, Network, Neuron, Population, Projection, Threshold
from neurograph.sim.lava.chain import LONGEST_DELAY
from neurograph.sim.lava.netx_weights import Synapses

__all__ = ["NetFile", "read_net"]

Array = NDArray[Any]
_WHERE = "neurograph's reader of lava-dl networks"
_WAY_OUT = f"build the network of {', '.join(KINDS)} layers with 8-bit weights and CUBA neurons"


@dataclass(frozen=True, eq=False)
class NetFile:
    """What a file holds.

    Args:
        integer: the Network of the file's own integers.
        network: the float Network, its exact dequantisation.
        graph: NIR with time metadata; lowered it is ``network``, up to the rounding of time constants.
        names: populations in the order of netx's layers.
        num_layers: entries of the file that run; what comes after is a readout, see ``notes``.
        notes: what a user should know, one line each.
        no_float: why ``network`` and ``graph`` are not what the integers are, or nothing.
    """

    integer: Network
    network: Network
    graph: nir.NIRGraph
    names: tuple[str, ...]
    num_layers: int
    notes: tuple[str, ...]
    no_float: tuple[str, ...] = ()


def read_net(path: Path, *, ticks: int | None = None) -> NetFile:
    """Read a lava-dl network.

    Args:
        path: a file that slayer's ``export_hdf5`` wrote, or one like it.
        ticks: T; if not given, the file's ``simulation/tSample``, or 1.

    Shapes:
        The source ``input`` takes spikes (T, channels, height, width) or (T, inputs); where the file's input layer has neurons, values
        (channels, height, width) or (inputs,), which its weight and bias make a current of.

    Raises:
        GraphError: not such a file, cut off, too large, or parts that make no sense or do not fit.
        UnsupportedError: what netx or neurograph cannot run, all of it by name.
        InputError: ticks out of range.
    """
    layers, simulation = read_layers(path)
    layers, notes = _without_readout(layers)
    synapses: dict[int, Synapses] = {}
    offenders = _offenders(layers, synapses, notes)
    if offenders:
        raise UnsupportedError(_WHERE, [f"{path.name}: {offenders[0]}", *offenders[1:]], _WAY_OUT)
    values = layers[0].kind == "input" and layers[0].neuron is not None
    time = TimeMetadata(_dt(simulation), _ticks(ticks, simulation), inputs="static" if values else "spikes")
    try:
        graph = build(layers, synapses, time)
        skeleton = lower(graph)
    except GraphError as error:
        raise GraphError(f"network {path}: {error}") from None
    by_name = {layer.name: layer for layer in layers if layer.neuron is not None}
    network, integer = _networks(skeleton, by_name, synapses)
    no_float = tuple(
        f"{layer.where}: a bias beside iDecay below 4096: Lava adds it to v, the float neuron to its synaptic current"
        for layer in by_name.values()
        if layer.neuron is not None
        and layer.neuron.is_cuba
        and layer.kind != "input"
        and "bias" in layer.arrays
        and layer.arrays["bias"].any()
    )
    return NetFile(integer, network, graph, tuple(by_name), layers[-1].index + 1, tuple(notes), no_float)


def _ticks(ticks: int | None, simulation: dict[str, float]) -> int:
    chosen = simulation.get("tSample", 1) if ticks is None else ticks
    if not 1 <= chosen <= MOST_TICKS or chosen != int(chosen):
        raise InputError(f"ticks: {chosen:g}, must be a whole number from 1 to {MOST_TICKS:,}; give --ticks")
    return int(chosen)


def _dt(simulation: dict[str, float]) -> float:
    """Seconds a tick: Ts is in milliseconds."""
    ts = simulation.get("Ts", 1.0)
    return ts * 1e-3 if np.isfinite(ts) and 1e-6 <= ts <= 1e6 else 1e-3


def _without_readout(layers: list[Layer]) -> tuple[list[Layer], list[str]]:
    """What comes last and never spikes is read off, not run: means over groups, and neurons without a threshold in reach."""
    notes: list[str] = []
    while len(layers) > 1:
        last = layers[-1]
        silent = last.kind in ("dense", "dense_rec", "conv") and not last.reasons and (last.neuron is None or last.neuron.never_spikes)
        if last.kind != "average" and not silent:
            break
        what = "means over groups of outputs" if last.kind == "average" else "sums without a threshold"
        notes.insert(0, f"{last.where}: {what}, a readout for the host; left out")
        layers = layers[:-1]
    return layers, notes


def _offenders(layers: list[Layer], synapses: dict[int, Synapses], notes: list[str]) -> list[str]:
    """Why layers cannot run. What the weights run as goes into ``synapses``, what is worth saying into ``notes``."""
    found = []
    for number, layer in enumerate(layers):
        reasons = list(layer.reasons)
        if layer.kind not in KINDS:
            reasons.append("a kind of layer that does not exist here")
        elif layer.kind in ("flatten", "concat"):
            reasons += _joins(layer, layers[:number])
        elif layer.kind != "input" or layer.neuron is not None:
            reasons += _neuron_reasons(layer)
        if layer.kind in ("dense", "dense_rec", "conv", "pool") and not reasons:
            if "weight" not in layer.arrays or not layer.arrays["weight"].size:
                reasons.append("has no weights")
            else:
                made, note = synapses_of(layer)
                reasons += ["weights that no 8-bit synapse holds"] if made is None else []
                notes += [] if note is None else [note]
                if made is not None:
                    synapses[layer.index] = made
        if layer.kind == "pool" and not reasons:
            reasons += _pool_reasons(layer, layers[number - 1] if number else None)
        reasons += _delay_reasons(layer, notes)
        found += [f"{layer.where}: {reason}" for reason in dict.fromkeys(reasons)]
    if not any(layer.neuron is not None for layer in layers) and not found:
        found.append("no layer with neurons")
    return found


def _neuron_reasons(layer: Layer) -> list[str]:
    neuron = layer.neuron
    if neuron is None:
        return [] if layer.reasons else ["no neurons, in the middle of the network"]
    reasons = []
    if not (neuron.i_decay > 0).all():
        reasons.append("iDecay 0, a synaptic current that never decays")
    if layer.kind == "input" and neuron.is_cuba:
        reasons.append("iDecay below 4096 in an input layer, whose values netx adds to v")
    if (neuron.v_th > fx.VTH_MAX).any():
        reasons.append(f"vThMant {int(neuron.v_th.max())} (limit {fx.VTH_MAX})")
    bias = layer.arrays.get("bias", np.zeros(1, dtype=np.int64))
    if bias.size and (bias.min() < fx.BIAS_MANT_MIN or bias.max() > fx.BIAS_MANT_MAX):
        reasons.append(f"bias {bias.min()} to {bias.max()} (limit {fx.BIAS_MANT_MIN} to {fx.BIAS_MANT_MAX})")
    return reasons


def _joins(layer: Layer, before: list[Layer]) -> list[str]:
    if layer.kind == "flatten":
        return [] if before else ["is the first one, and no input layer says what shape it takes"]
    late = [index for index in layer.layers if index >= len(before)]
    if late or not before:
        return [f"joins layers {late} that come later: a loop" if before else "is the first one"]
    return [] if layer.layers else ["joins no layers"]


def _pool_reasons(layer: Layer, before: Layer | None) -> list[str]:
    """slayer pools all channels as one tall image, which is pooling of each only where windows fit."""
    weight = layer.arrays["weight"]
    if weight.ndim not in (4, 5) or weight.size != np.prod(weight.shape[2:4]):
        return [f"weights of shape {weight.shape}, must be (1, 1, height, width)"]
    kernel = weight.shape[2:4]
    if layer.stride != kernel or any(layer.padding) or layer.dilation != (1, 1):
        geometry = f"stride {layer.stride}, padding {layer.padding}, dilation {layer.dilation}"
        return [f"{geometry} (slayer pools over channels unless the stride is the kernel)"]
    if before is None or before.shape is None or len(before.shape) != 3 or before.kind in ("flatten", "concat", "dense", "dense_rec"):
        return ["hears no single image of known shape"]
    odd = [n for n, k in zip(before.shape[1:], kernel, strict=True) if (n + n % k) % k]
    return [f"kernel {kernel} on an image of {before.shape[1:]} (slayer pools over channels there)"] if odd else []


def _delay_reasons(layer: Layer, notes: list[str]) -> list[str]:
    delay = layer.arrays.get("delay")
    if delay is None or not delay.any():
        return []
    if layer.kind == "dense_rec":
        return ["delays beside recurrent weights, for which netx loses the weights' exponent"]
    if delay.max() > LONGEST_DELAY:
        return [f"a delay of {delay.max()} ticks (limit {LONGEST_DELAY})"]
    if layer.kind in ("conv", "pool"):
        if "bias" in layer.arrays and layer.arrays["bias"].any():
            return ["delays beside a bias: slayer delays the spikes, bias and all, and netx nothing"]
        notes.append(f"{layer.where}: its delays are kept, as slayer means them; netx drops them")
    return []


def _networks(skeleton: Network, layers: dict[str, Layer], synapses: dict[int, Synapses]) -> tuple[Network, Network]:
    """The float and the integer Network on the structure that the graph lowers to."""
    floats, integers = [], []
    for name, layer in layers.items():
        population = skeleton.populations[name]
        floats.append(replace(population, neuron=_float_neuron(layer, population)))
        integers.append(_fixed(layer, population))
    network = skeleton.with_populations(floats)
    projections = tuple(
        _integer(p, skeleton, synapses[layers[p.target].index] if layers[p.target].kind != "input" else None) for p in network.projections
    )
    return network, replace(network.with_populations(integers), projections=projections)


def _parameter(value: Array, population: Population, scale: int = 1) -> Any:
    """A number, or an array that broadcasts along the channels."""
    flat = value.ravel()
    if (flat == flat[0]).all():
        return flat[0].item() / scale if scale > 1 else int(flat[0])
    shaped = flat.reshape(-1, *(1 for _ in population.shape[1:]))
    return shaped / scale if scale > 1 else shaped


def _float_neuron(layer: Layer, population: Population) -> Neuron:
    neuron = layer.neuron
    assert neuron is not None
    alpha, beta = _parameter(neuron.i_decay, population, 4096), _parameter(neuron.v_decay, population, 4096)
    threshold = _parameter(neuron.v_th, population, VOLT)
    if neuron.is_cuba:
        return CubaLIF(alpha, beta, threshold, gain=1.0)
    if isinstance(population.neuron, Threshold):
        return Threshold(threshold)
    return LIF(beta, threshold, gain=1.0)


def _fixed(layer: Layer, population: Population) -> Population:
    neuron = layer.neuron
    assert neuron is not None
    bias = np.rint(np.asarray(population.bias) * VOLT).astype(np.int64)
    fixed = FixedLIF(
        du=_parameter(neuron.i_decay - 1, population),
        dv=_parameter(neuron.v_decay, population),
        vth=_parameter(neuron.v_th, population),
        bias_mant=int(bias) if bias.ndim == 0 else bias,
        bias_exp=fx.V_SHIFT,
        scale=1 / VOLT,
    )
    return replace(population, neuron=fixed, bias=0.0)


def _integer(projection: Projection, network: Network, made: Synapses | None) -> Projection:
    if made is None:
        return projection  # values at the input stay real until the host makes a bias of them
    weights = projection.weights.map(lambda w: np.rint(w * VOLT / 2.0**made.exponent).astype(np.int64))
    return replace(projection, weights=weights, exponent=made.exponent, sign_mode=made.mode)
