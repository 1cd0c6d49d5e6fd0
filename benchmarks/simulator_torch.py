"""snnTorch and Norse as simulators of float networks: their own cells, tick by tick, float32, on the CPU.

Connections take the form in which a user of torch would write them: matrices, CSR, a product per node, a sum over nodes; the CNN's are its
own Conv2d, AvgPool2d and Linear. What enters a cell is scaled so that its equation is the network's: γ for snnTorch, γ/β for Norse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import nir
import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch.nn import functional

from neurograph.network import LIF, Network, Population, Threshold, gain_of
from neurograph.weights import Dense, Identity, OnesColumn, OnesRow, Sparse, Weights

__all__ = ["FRAMEWORKS", "Stepper", "unsupported"]

Array = NDArray[Any]
Tensor = torch.Tensor
Linear = Callable[[Tensor], Tensor]
FRAMEWORKS: Mapping[str, str] = {"snntorch": "snnTorch", "norse": "Norse"}


def unsupported(network: Network, framework: str) -> str | None:
    """Why a framework's cells cannot be these neurons, or None."""
    for p in network.neurons:
        neuron = p.neuron
        if not isinstance(neuron, (LIF, Threshold)):
            return f"no cell for {type(neuron).__name__}"
        if isinstance(neuron, LIF) and (np.any(neuron.v_leak) or np.any(neuron.v_reset) or neuron.reset_by is not None):
            return "a rest or a reset other than 0"
        if isinstance(neuron, LIF) and neuron.reset == "subtract" and (framework == "norse" or np.any(neuron.beta)):
            return "no integrate-and-fire cell with reset by subtraction" if framework == "norse" else "subtracts a tick late"
    return None


class Stepper:
    """A float network in a framework; :meth:`run` is what is timed.

    Args:
        network: float, of what :func:`unsupported` lets through.
        framework: "snntorch" or "norse".
        graph: the NIR graph of a convolutional network: a chain of nodes named 0, 1, …
    """

    def __init__(self, network: Network, framework: str, graph: Any = None) -> None:
        self.network, self.framework = network, framework
        self.order = [p for p in map(network.populations.__getitem__, network.order()) if not p.is_source]
        self.scale = {p.name: _scale(p, framework) for p in self.order}
        self.into: dict[str, list[tuple[str, int, Linear]]] = {p.name: [] for p in self.order}
        self.bias = {p.name: _bias(p) for p in self.order}
        self.static: list[tuple[str, str, Linear]] = []
        for q in network.projections:
            if network.populations[q.source].is_static:
                self.static.append((q.source, q.target, _linear(q.weights)))
            elif graph is None:
                self.into[q.target].append((q.source, q.lag, _linear(q.weights)))
        if graph is not None:
            self._from_graph(graph)

    def _from_graph(self, graph: Any) -> None:
        """Connections of a chain, each the nodes between two that spike, their biases within."""
        (source,) = (s.name for s in self.network.sources if not s.is_constant)
        nodes: list[Linear] = []
        for key in sorted((key for key in graph.nodes if key.isdigit()), key=int):
            if key not in self.into:
                nodes.append(_node(graph.nodes[key]))
                continue
            self.into[key].append((source, 0, _chained(nodes, self.network.populations[source].shape)))
            self.bias[key] = torch.zeros(())
            source, nodes = key, []

    @torch.inference_mode()
    def run(self, inputs: Mapping[str, Array], keep: bool = False) -> dict[str, Array]:
        """Spikes of every population that computes, uint8 (samples, T, n), or of none."""
        network = self.network
        samples = len(next(iter(inputs.values())))
        given = {name: torch.from_numpy(np.asarray(values, dtype=np.float32)) for name, values in inputs.items()}
        bias = dict(self.bias)
        for source, target, linear in self.static:
            bias[target] = bias[target] + linear(given[source].reshape(samples, -1))
        spikes = {name: values.flatten(2) for name, values in given.items() if not network.populations[name].is_static}
        past: dict[str, list[Tensor]] = {p.name: [] for p in self.order}
        cells = {p.name: _cell(p, self.framework) for p in self.order}
        for tick in range(network.ticks):
            for p in self.order:
                current = bias[p.name]
                for source, lag, linear in self.into[p.name]:
                    if tick >= lag:
                        current = current + linear(spikes[source][:, tick] if source in spikes else past[source][tick - lag])
                past[p.name].append(cells[p.name](self.scale[p.name] * current.expand(samples, p.size)))
        return {name: torch.stack(z, 1).numpy().astype(np.uint8) for name, z in past.items()} if keep else {}


def _scale(p: Population, framework: str) -> Any:
    neuron = p.neuron
    if isinstance(neuron, Threshold):
        return 1.0
    gain, beta = np.asarray(gain_of(neuron), dtype=np.float32), np.asarray(getattr(neuron, "beta", 1.0), dtype=np.float32)
    scale = gain / beta if framework == "norse" else gain
    return float(scale) if scale.ndim == 0 else torch.from_numpy(np.broadcast_to(scale, p.shape).reshape(-1).copy())


def _bias(p: Population) -> Tensor:
    return torch.from_numpy(np.broadcast_to(np.asarray(p.bias, dtype=np.float32), p.shape).reshape(1, -1).copy())


def _cell(p: Population, framework: str) -> Linear:
    """A cell with its state, ready for tick 0."""
    neuron: Any = p.neuron
    threshold = torch.from_numpy(np.broadcast_to(np.asarray(neuron.threshold, dtype=np.float32), p.shape).reshape(-1).copy())
    beta = float(np.mean(getattr(neuron, "beta", 1.0)))
    if framework == "snntorch":
        import snntorch

        reset = "subtract" if getattr(neuron, "reset", "value") == "subtract" else "zero"
        leaky = snntorch.Leaky(beta=1.0 - beta, threshold=threshold, reset_mechanism=reset)
        state: list[Any] = [torch.zeros(1, p.size)]

        def step(current: Tensor) -> Tensor:
            spikes, state[0] = leaky(current, state[0].expand_as(current))
            return spikes

        return step
    import norse.torch as norse

    parameters = norse.LIFBoxParameters(tau_mem_inv=torch.as_tensor(beta * 1000), v_th=threshold)
    cell, kept = norse.LIFBoxCell(parameters, dt=1e-3), [None]

    def step_norse(current: Tensor) -> Tensor:
        spikes, kept[0] = cell(current, kept[0])
        return spikes

    return step_norse


def _linear(weights: Weights) -> Linear:
    """(samples, in) → (samples, out)."""
    if isinstance(weights, Dense):
        matrix = torch.from_numpy(np.ascontiguousarray(weights.matrix, dtype=np.float32))
        return lambda x: functional.linear(x, matrix)
    if isinstance(weights, Sparse):
        csr = _csr(weights.matrix)
        return lambda x: (csr @ x.T).T
    left, right, (_, n), (_, d) = weights.left, weights.right, weights.left.shape, weights.right_shape
    factor = None if isinstance(right, Identity) else torch.from_numpy(np.ascontiguousarray(right, dtype=np.float32))
    mix, nodes = _csr(left) if sp.issparse(left) else None, left.shape[0]

    def apply(x: Tensor) -> Tensor:
        y = x.reshape(-1, n, d)
        if isinstance(left, OnesRow):
            y = y.sum(1, keepdim=True)
        if factor is not None:
            y = y * factor if factor.ndim == 1 else functional.linear(y, factor)
        if mix is not None:
            y = (mix @ y.transpose(0, 1).reshape(n, -1)).reshape(nodes, len(y), -1).transpose(0, 1)
        if isinstance(left, OnesColumn):
            y = y.expand(-1, nodes, -1)
        return y.reshape(len(y), -1)

    return apply


def _csr(matrix: Any) -> Tensor:
    csr = sp.csr_matrix(matrix)
    parts = (torch.from_numpy(csr.indptr.astype(np.int64)), torch.from_numpy(csr.indices.astype(np.int64)))
    return torch.sparse_csr_tensor(*parts, torch.from_numpy(csr.data.astype(np.float32)), csr.shape)


def _node(node: Any) -> Linear:
    """A node of the CNN's graph on (samples, channels, …)."""
    if isinstance(node, nir.Flatten):
        return lambda x: x.flatten(1)
    if isinstance(node, nir.SumPool2d):
        size, stride, padding = (tuple(int(v) for v in value) for value in (node.kernel_size, node.stride, node.padding))
        return lambda x: functional.avg_pool2d(x, size, stride, padding) * float(np.prod(size))
    weight, bias = (torch.from_numpy(np.ascontiguousarray(value, dtype=np.float32)) for value in (node.weight, node.bias))
    if isinstance(node, nir.Affine):
        return lambda x: functional.linear(x, weight, bias)
    if isinstance(node, nir.Conv2d):
        stride, padding, dilation = (_pair(value) for value in (node.stride, node.padding, node.dilation))
        return lambda x: functional.conv2d(x, weight, bias, stride, padding, dilation, node.groups)
    raise TypeError(f"node {type(node).__name__}: not one of a convolutional chain")


def _pair(value: Any) -> tuple[int, int]:
    first, second = np.broadcast_to(np.asarray(value), 2).tolist()
    return int(first), int(second)


def _chained(nodes: list[Linear], shape: tuple[int, ...]) -> Linear:
    """Nodes one after the other on flat neurons, which have a shape before them."""

    def apply(x: Tensor) -> Tensor:
        x = x.reshape(-1, *shape)
        for node in nodes:
            x = node(x)
        return x.flatten(1)

    return apply
