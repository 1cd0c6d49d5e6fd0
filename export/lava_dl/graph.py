"""Layers of a lava-dl file → a NIR graph with time metadata, in slayer's volts: 64 units of weight, bias or threshold are 1 V.

    iDecay 4096    LIF       tau = dt·4096/vDecay, r = 4096/vDecay      (IF where vDecay is 0)
    iDecay < 4096  CubaLIF   tau_syn = dt·4096/iDecay, w_in its 4096/iDecay, tau_mem and r as above

A delay is a Delay behind its weights, or before them where it goes by input. What a concat joins reaches the next neurons by edges of
their own, which add up; no machine waits for the longer path, so the shortest one sets when a layer's tick is, and the others come late:
lag = (layers on this path) − (layers on the shortest).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray

from neurograph.errors import GraphError
from neurograph.export.lava_dl.layers import MOST_LAYERS, MOST_NEURONS, Cuba, Layer
from neurograph.export.linear_nodes import MOST_SYNAPSES
from neurograph.export.nir_io import TimeMetadata, mend_groups
from neurograph.export.shapes import check_graph
from neurograph.sim.lava.netx_weights import Synapses

__all__ = ["SOURCE", "VOLT", "build"]

Array = NDArray[Any]
SOURCE = "input"
VOLT = 64
_NEVER = 2.0**40  # ticks of a time constant that stands for none where NIR has no node without
_MOST_DIAGONAL = 4096  # neurons of a flat input layer with a bias, which takes a matrix


@dataclass(frozen=True)
class _Part:
    """Spikes of one population on their way, and how many layers they have come through."""

    node: str
    shape: tuple[int, ...]
    depth: int


@dataclass(frozen=True)
class _Signal:
    """What a layer gives: parts side by side in their first axis."""

    parts: tuple[_Part, ...]
    flat: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        first = self.parts[0].shape
        if self.flat:
            return (sum(int(np.prod(p.shape)) for p in self.parts),)
        return (sum(p.shape[0] for p in self.parts), *first[1:])


def build(layers: list[Layer], synapses: dict[int, Synapses], time: TimeMetadata) -> nir.NIRGraph:
    """The graph.

    Args:
        layers: those that run: everything the caller would refuse is out.
        synapses: layer → its integers, flat.
        time: for the metadata; ``inputs`` says whether the source brings spikes or values.

    Raises:
        GraphError: shapes that do not fit each other.
    """
    builder = _Builder(synapses, time)
    signals: dict[int, _Signal] = {}
    before: _Signal | None = None
    for layer in layers:
        try:
            before = signals[layer.index] = builder.layer(layer, before, signals)
        except GraphError as error:
            raise GraphError(f"{layer.where}: {error}") from None
    assert before is not None
    for number, part in enumerate(before.parts):
        name = "output" if number == 0 else f"output_{number}"
        builder.node(name, nir.Output(output_type=np.array(part.shape)), part.node)
    graph = nir.NIRGraph(builder.nodes, builder.edges, metadata={"neurograph": asdict(time)}, type_check=False)
    return check_graph(graph)


class _Builder:
    def __init__(self, synapses: dict[int, Synapses], time: TimeMetadata) -> None:
        self.synapses, self.time = synapses, time
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []

    def node(self, name: str, node: Any, *sources: str) -> str:
        self.nodes[name] = node
        self.edges += [(source, name) for source in sources]
        return name

    def layer(self, layer: Layer, before: _Signal | None, signals: dict[int, _Signal]) -> _Signal:
        if layer.kind == "input":
            return self._input(layer)
        if before is None:
            before = self._source(self._first_shape(layer))
        if layer.kind == "flatten":
            return replace(before, flat=True)
        if layer.kind == "concat":
            return self._concat(layer, before, signals)
        shape = {"conv": self._conv, "pool": self._pool}.get(layer.kind, self._dense)(layer, before)
        if layer.shape is not None and layer.shape != shape and not (len(shape) == 1 and np.prod(layer.shape) == shape[0]):
            raise GraphError(f"shape {layer.shape}, but its weights give {shape}; export it again with lava-dl")
        if np.prod(shape, dtype=object) > MOST_NEURONS:
            raise GraphError(f"gives {shape}, at most {MOST_NEURONS:,} neurons; split the layer")
        assert layer.neuron is not None
        self.nodes[layer.name] = self._neurons(layer.neuron, shape)
        return _Signal((_Part(layer.name, shape, 1 + min(p.depth for p in before.parts)),))

    def _first_shape(self, layer: Layer) -> tuple[int, ...]:
        if layer.kind not in ("dense", "dense_rec"):
            raise GraphError("is the first one, and no input layer says what shape it takes; add one to the model")
        return (self._matrix(layer)[0].shape[1],)

    def _source(self, shape: tuple[int, ...]) -> _Signal:
        self.node(SOURCE, nir.Input(input_type=np.array(shape)))
        return _Signal((_Part(SOURCE, shape, 0),))

    def _input(self, layer: Layer) -> _Signal:
        if layer.index or layer.shape is None:
            raise GraphError("must be the first one, and have a shape; export it again with lava-dl")
        signal = self._source(layer.shape)
        if layer.neuron is None:
            return signal
        scale, offset = (int(layer.arrays[k].ravel()[0]) / VOLT if k in layer.arrays else d for k, d in (("weight", 1.0), ("bias", 0.0)))
        self.node(f"{layer.name}_weights", self._transform(layer.shape, scale, offset), SOURCE)
        self.node(layer.name, self._neurons(layer.neuron, layer.shape), f"{layer.name}_weights")
        return _Signal((_Part(layer.name, layer.shape, 0),))

    def _transform(self, shape: tuple[int, ...], scale: float, offset: float) -> Any:
        if not offset:
            return nir.Scale(np.full(shape, scale))
        if len(shape) == 3:
            ones = np.ones((shape[0], 1, 1, 1))
            return mend_groups(nir.Conv2d(shape[1:], scale * ones, 1, 0, 1, shape[0], np.full(shape[0], offset)))
        if len(shape) == 2 or shape[0] > _MOST_DIAGONAL:
            raise GraphError(
                f"a bias on an input of shape {shape}, must be an image or at most {_MOST_DIAGONAL} values; add it to the data"
            )
        return nir.Affine(scale * np.eye(shape[0]), np.full(shape[0], offset))

    def _concat(self, layer: Layer, before: _Signal, signals: dict[int, _Signal]) -> _Signal:
        count = len(before.parts) + sum(len(signals[index].parts) for index in layer.layers)
        if count > MOST_LAYERS:
            raise GraphError(f"joins {count} layers, at most {MOST_LAYERS}; put neurons between")
        joined = [before, *(signals[index] for index in layer.layers)]
        if len({s.flat or len(s.shape) == 1 for s in joined}) > 1 or len({s.shape[1:] for s in joined}) > 1:
            raise GraphError(f"joins shapes {', '.join(str(s.shape) for s in joined)}, which must agree but for the first size")
        signal = _Signal(tuple(p for s in joined for p in s.parts), joined[0].flat)
        if layer.shape is not None and np.prod(layer.shape) != np.prod(signal.shape):
            raise GraphError(f"shape {layer.shape}, but what it joins gives {signal.shape}: the layer before, then layers {layer.layers}")
        return signal

    def _weights(self, layer: Layer, name: str = "weight") -> Array:
        """The integers that run, in volts."""
        made, shape = self.synapses[layer.index], layer.arrays[name].shape
        start = 0 if name == "weight" else layer.arrays["weight"].size
        return made.stored[start : start + layer.arrays[name].size].reshape(shape) * (2.0**made.exponent / VOLT)

    def _bias(self, layer: Layer, outputs: int) -> Array | None:
        if "bias" not in layer.arrays or not layer.arrays["bias"].any():
            return None
        bias = layer.arrays["bias"].ravel() / VOLT
        if bias.size not in (1, outputs):
            raise GraphError(f"{bias.size} biases, must be one for each of {outputs} outputs; export it again with lava-dl")
        return np.broadcast_to(bias, (outputs,)).copy()

    def _matrix(self, layer: Layer) -> tuple[Array, tuple[int]]:
        weight = self._weights(layer)
        rows = int(np.prod(layer.shape)) if layer.shape is not None else len(weight)
        if weight.ndim == 1 and rows and weight.size % rows == 0:
            weight = weight.reshape(rows, -1)
        if weight.ndim != 2 or len(weight) != rows or not weight.size:
            raise GraphError(f"weights of shape {weight.shape} for {rows} neurons, must be (neurons, inputs); export it again with lava-dl")
        return weight, (rows,)

    def _dense(self, layer: Layer, before: _Signal) -> tuple[int, ...]:
        weight, shape = self._matrix(layer)
        if not before.flat and len(before.shape) > 1:
            raise GraphError(f"hears an image of shape {before.shape}; put a flatten layer between the two")
        if weight.shape[1] != np.prod(before.shape):
            raise GraphError(f"takes {weight.shape[1]} inputs, but {int(np.prod(before.shape))} arrive; export it again with lava-dl")
        bias, start = self._bias(layer, len(weight)), 0
        delay = self._delays(layer, weight.shape)
        for number, part in enumerate(before.parts):
            tag, stop, source = self._tag(layer, before, number), start + int(np.prod(part.shape)), part.node
            if len(part.shape) > 1:
                source = self.node(f"{tag}_flatten", nir.Flatten({"input": np.array(part.shape)}, 0, -1), source)
            late, offset = self._late(before, part), bias if number == 0 else None
            ends = self._delayed(tag, weight[:, start:stop], offset, delay[:, start:stop] + late, source)
            self.edges += [(end, layer.name) for end in ends]
            start = stop
        if layer.kind == "dense_rec":
            loop = self._weights(layer, "weight_rec") if "weight_rec" in layer.arrays else np.zeros(0)
            if loop.size != shape[0] ** 2:
                raise GraphError(f"{loop.size} recurrent weights, must be {shape[0] ** 2}; export it again with lava-dl")
            self.edges.append((self.node(f"{layer.name}_loop", nir.Linear(loop.reshape(shape[0], -1)), layer.name), layer.name))
        return shape

    def _delays(self, layer: Layer, shape: tuple[int, ...]) -> Array:
        """Ticks for each synapse (or with an axis of 1): by neuron where the numbers allow that, else by input, as netx has it."""
        delay = layer.arrays.get("delay", np.zeros(1, dtype=np.int64))
        if delay.shape == shape:
            return delay
        if delay.size in (1, shape[0]):
            return np.broadcast_to(delay.reshape(-1, 1), shape)
        if delay.size != shape[1]:
            raise GraphError(f"{delay.size} delays, must be one, {shape[0]} (by neuron) or {shape[1]} (by input); export it again")
        return np.broadcast_to(delay.reshape(1, -1), shape)

    def _delayed(self, tag: str, block: Array, bias: Array | None, lag: Array, source: str) -> list[str]:
        """Weights with a delay before or behind them; where neither does, one pair of nodes for each delay that there is."""
        if (lag == lag[:, :1]).all():
            source = self.node(f"{tag}_weights", _linear(block, bias), source)
            return [self._delay(f"{tag}_delay", lag[:, 0], source)]
        if (lag == lag[:1]).all():
            return [self.node(f"{tag}_weights", _linear(block, bias), self._delay(f"{tag}_delay", lag[0], source))]
        ends, lags = [], np.unique(lag[block != 0])
        if len(lags) * block.size > MOST_SYNAPSES:
            raise GraphError(f"{len(lags)} delays over {block.size:,} synapses, at most {MOST_SYNAPSES:,} together; give delays by neuron")
        for number, each in enumerate(lags):
            node = _linear(np.where(lag == each, block, 0.0), bias if number == 0 else None)
            ends.append(self._delay(f"{tag}_delay_{each}", np.full(len(block), each), self.node(f"{tag}_weights_{each}", node, source)))
        return ends

    def _conv(self, layer: Layer, before: _Signal) -> tuple[int, ...]:
        weight = self._weights(layer)
        if weight.ndim == 5 and weight.shape[4] == 1:
            weight = weight[..., 0]
        if weight.ndim != 4 or before.flat or len(before.shape) != 3:
            raise GraphError(f"weights of shape {weight.shape} for an input of shape {before.shape}, must be 4 and 3 axes")
        bias, start = self._bias(layer, len(weight)), 0
        geometry = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, p, d, k, s in
                    zip(before.shape[1:], layer.padding, layer.dilation, weight.shape[2:], layer.stride, strict=True)]  # fmt: skip
        if weight.shape[1] * layer.groups != before.shape[0] or len(weight) % layer.groups or min(geometry) < 1:
            raise GraphError(f"weights of shape {weight.shape} in {layer.groups} groups do not fit an input of shape {before.shape}")
        shape = (len(weight), *geometry)
        for number, part in enumerate(before.parts):
            tag, stop = self._tag(layer, before, number), start + part.shape[0]
            block = weight if len(before.parts) == 1 else weight[:, start:stop]
            offset = bias if number == 0 and bias is not None else np.zeros(len(weight))
            node = nir.Conv2d(part.shape[1:], block, layer.stride, layer.padding, layer.dilation, layer.groups, offset)
            source = self.node(f"{tag}_weights", mend_groups(node), part.node)
            self._join(layer, tag, source, self._late(before, part), shape)
            start = stop
        return shape

    def _pool(self, layer: Layer, before: _Signal) -> tuple[int, ...]:
        """A convolution of each channel alone. slayer adds (size mod kernel) zeros at the end of an axis; NIR pads both ends alike, so as
        many zeros stand at the front of the kernel."""
        weight = self._weights(layer)
        kernel, (channels, *size) = weight.shape[2:4], before.shape
        extra = [n % k for n, k in zip(size, kernel, strict=True)]
        each = np.zeros((channels, 1, kernel[0] + extra[0], kernel[1] + extra[1]))
        each[:, 0, extra[0] :, extra[1] :] = weight.reshape(kernel)
        tag = self._tag(layer, before, 0)
        node = nir.Conv2d(before.shape[1:], each, tuple(kernel), tuple(extra), 1, channels, np.zeros(channels))
        source = self.node(f"{tag}_weights", mend_groups(node), before.parts[0].node)
        shape = (channels, *((n + e) // k for n, e, k in zip(size, extra, kernel, strict=True)))
        self._join(layer, tag, source, 0, shape)
        return shape

    def _join(self, layer: Layer, tag: str, source: str, late: int, shape: tuple[int, ...]) -> None:
        """On to the neurons, by way of a delay by channel."""
        delay = layer.arrays.get("delay", np.zeros(1, dtype=np.int64)).ravel()
        if delay.size not in (1, shape[0]):
            raise GraphError(f"{delay.size} delays, must be one or {shape[0]} (by channel); export it again with lava-dl")
        lag = np.broadcast_to((delay + late).reshape(-1, 1, 1), shape)
        self.edges.append((self._delay(f"{tag}_delay", lag, source), layer.name))

    def _delay(self, name: str, lag: Array, source: str) -> str:
        return self.node(name, nir.Delay(np.ascontiguousarray(lag * self.time.dt)), source) if lag.any() else source

    def _late(self, before: _Signal, part: _Part) -> int:
        return part.depth - min(p.depth for p in before.parts)

    def _tag(self, layer: Layer, before: _Signal, number: int) -> str:
        return layer.name if len(before.parts) == 1 else f"{layer.name}_{number}"

    def _neurons(self, cuba: Cuba, shape: tuple[int, ...]) -> Any:
        def full(value: Array) -> Array:
            value = np.asarray(value, dtype=np.float64).ravel()
            if value.size not in (1, shape[0]):
                raise GraphError(f"{value.size} neuron parameters, must be one or {shape[0]} (by channel)")
            return np.broadcast_to(value.reshape(-1, *(1 for _ in shape[1:])), shape).copy()

        unity, dt = 4096.0, self.time.dt
        i, v, threshold = full(cuba.i_decay), full(cuba.v_decay), full(cuba.v_th) / VOLT
        zeros = np.zeros(shape)
        if not cuba.is_cuba and not v.any():
            return nir.IF(r=np.ones(shape), v_threshold=threshold, v_reset=zeros)
        slow = np.divide(unity, v, out=np.full(shape, _NEVER), where=v > 0)
        common = {"r": slow, "v_leak": zeros, "v_threshold": threshold, "v_reset": zeros}
        if not cuba.is_cuba:
            return nir.LIF(tau=dt * slow, **common)
        return nir.CubaLIF(tau_syn=dt * unity / i, tau_mem=dt * slow, w_in=unity / i, **common)


def _linear(weight: Array, bias: Array | None) -> Any:
    return nir.Linear(weight) if bias is None else nir.Affine(weight, bias)
