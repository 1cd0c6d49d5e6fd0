"""One small graph for each NIR primitive, each way of connecting them, and each extension node: the rows of the support table."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import nir
import numpy as np
import scipy.sparse as sp

from neurograph.export import nodes as ext
from neurograph.export.nir_io import TimeMetadata, mend_groups

__all__ = ["DT", "TICKS", "graphs"]

DT, TICKS = 1e-3, 12
_N = 6


def graphs() -> dict[str, tuple[nir.NIRGraph, TimeMetadata, tuple[int, ...]]]:
    """Row → (graph, how it runs in ticks, shape of its input)."""
    rng = np.random.default_rng(2)
    made: dict[str, tuple[nir.NIRGraph, TimeMetadata, tuple[int, ...]]] = {}
    for name, build in _ROWS.items():
        graph, shape, rules = build(rng)
        made[name] = (graph, TimeMetadata(DT, TICKS, inputs="spikes", **rules), shape)
    return made


def _chain(shape: Any, *nodes: Any, **rules: Any) -> tuple[nir.NIRGraph, tuple[int, ...], dict[str, Any]]:
    """Input → nodes in order → Output."""
    size = (shape,) if isinstance(shape, int) else shape
    made = {"input": nir.Input(input_type=np.array(size))} | {f"n{i}": node for i, node in enumerate(nodes)}
    made["output"] = nir.Output(output_type=None)
    return nir.NIRGraph(made, list(pairwise(made))), size, rules


def _lif(shape: Any = _N, threshold: Any = 0.3, tau: Any = 2 * DT, leak: float = 0.0, reset: float = 0.0) -> nir.LIF:
    full = np.ones(shape)
    return nir.LIF(tau=tau * full, r=full, v_leak=leak * full, v_threshold=threshold * full, v_reset=reset * full)


def _cuba(rng: Any) -> nir.CubaLIF:
    full = np.ones(_N)
    tau = rng.uniform(2 * DT, 5 * DT, _N)
    return nir.CubaLIF(tau_syn=tau, tau_mem=tau[::-1].copy(), r=full, v_leak=0 * full, v_threshold=0.4 * full, w_in=3 * full)


def _weight(rng: Any, rows: int = _N, columns: int = _N) -> Any:
    return rng.normal(0.3, 1.0, (rows, columns))


def _conv2d(rng: Any, groups: int = 1, stride: int = 1, dilation: int = 1) -> Any:
    weight = rng.normal(0.2, 1.0, (4, 2 // groups, 3, 3))
    node = nir.Conv2d((6, 6), weight, stride=stride, padding=1, dilation=dilation, groups=groups, bias=rng.normal(0, 0.1, 4))
    return mend_groups(node)


def _pool(kind: Any) -> Any:
    return kind(kernel_size=np.array([2, 2]), stride=np.array([2, 2]), padding=np.array([0, 0]))


def _loop(rng: Any, across: bool) -> tuple[nir.NIRGraph, tuple[int, ...], dict[str, Any]]:
    """A population that hears itself, or two that hear each other."""
    ends = {"input": nir.Input(input_type=np.array([_N])), "output": nir.Output(output_type=np.array([_N]))}
    back = nir.Linear(rng.normal(0, 0.5, (_N, _N)))
    nodes = {**ends, "in": nir.Linear(_weight(rng)), "a": _lif(), "back": back}
    if across:
        nodes |= {"forth": nir.Linear(_weight(rng)), "b": _lif()}
        edges = [("input", "in"), ("in", "a"), ("a", "forth"), ("forth", "b"), ("b", "back"), ("back", "a"), ("b", "output")]
    else:
        edges = [("input", "in"), ("in", "a"), ("a", "back"), ("back", "a"), ("a", "output")]
    return nir.NIRGraph(nodes, edges), (_N,), {}


def _branches(rng: Any) -> tuple[nir.NIRGraph, tuple[int, ...], dict[str, Any]]:
    """Two edges into one node, over ways of unequal depth."""
    ends = {"input": nir.Input(input_type=np.array([_N])), "output": nir.Output(output_type=np.array([_N]))}
    nodes = {**ends, "w": nir.Linear(_weight(rng)), "a": _lif(), "b": _lif()}
    return nir.NIRGraph(nodes, [("input", "w"), ("w", "a"), ("a", "b"), ("w", "b"), ("b", "output")]), (_N,), {}


def _nested(rng: Any) -> tuple[nir.NIRGraph, tuple[int, ...], dict[str, Any]]:
    inner, _, _ = _chain(_N, nir.Linear(_weight(rng)), _lif())
    inner.nodes["output"] = nir.Output(output_type=np.array([_N]))
    ends = {"input": nir.Input(input_type=np.array([_N])), "output": nir.Output(output_type=np.array([_N]))}
    edges = [("input", "block"), ("block", "b"), ("b", "output")]
    return nir.NIRGraph({**ends, "block": inner, "b": _lif()}, edges, type_check=False), (_N,), {}


def _csr(rng: Any, rows: int, columns: int) -> dict[str, Any]:
    matrix = sp.random(rows, columns, 0.6, "csr", rng=rng, data_rvs=lambda k: rng.normal(0.5, 1.0, k))
    return {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr, "shape": np.array([rows, columns])}


def _real(node: nir.NIRNode, rng: Any) -> tuple[nir.NIRGraph, tuple[int, ...], dict[str, Any]]:
    """A real-valued node that feeds a spiking one."""
    return _chain(_N, nir.Linear(_weight(rng)), node, _lif(threshold=0.1))


_FULL = np.ones(_N)
_ROWS: dict[str, Callable[[Any], tuple[nir.NIRGraph, tuple[int, ...], dict[str, Any]]]] = {
    "Affine": lambda rng: _chain(_N, nir.Affine(_weight(rng), rng.normal(0, 0.3, _N)), _lif()),
    "Linear": lambda rng: _chain(_N, nir.Linear(_weight(rng)), _lif()),
    "Scale": lambda rng: _chain(_N, nir.Scale(rng.uniform(0.5, 2, _N)), _lif()),
    "Conv1d": lambda rng: _chain(
        (2, 9),
        nir.Conv1d(9, rng.normal(0.2, 1, (3, 2, 3)), stride=2, padding=1, dilation=1, groups=1, bias=np.zeros(3)),
        _lif((3, 5)),
    ),
    "Conv2d": lambda rng: _chain((2, 6, 6), _conv2d(rng), _lif((4, 6, 6))),
    "Conv2d, stride 2": lambda rng: _chain((2, 6, 6), _conv2d(rng, stride=2), _lif((4, 3, 3))),
    "Conv2d, dilation 2": lambda rng: _chain((2, 6, 6), _conv2d(rng, dilation=2), _lif((4, 4, 4))),
    "Conv2d, groups 2": lambda rng: _chain((2, 6, 6), _conv2d(rng, groups=2), _lif((4, 6, 6))),
    "SumPool2d": lambda rng: _chain((2, 4, 4), _pool(nir.SumPool2d), _lif((2, 2, 2))),
    "AvgPool2d": lambda rng: _chain((2, 4, 4), _pool(nir.AvgPool2d), _lif((2, 2, 2))),
    "Flatten": lambda rng: _chain(
        (2, 3), nir.Flatten(input_type={"input": np.array([2, 3])}, start_dim=0, end_dim=-1), nir.Linear(_weight(rng)), _lif()
    ),
    "Delay": lambda rng: _chain(_N, nir.Linear(_weight(rng)), _lif(), nir.Delay(np.full(_N, 2 * DT)), _lif(threshold=0.2)),
    "Delay, unequal": lambda rng: _chain(_N, nir.Linear(_weight(rng)), _lif(), nir.Delay(np.arange(_N) % 3 * DT), _lif(threshold=0.2)),
    "LIF": lambda rng: _chain(_N, nir.Linear(_weight(rng)), _lif()),
    "LIF, parameters a neuron": lambda rng: _chain(
        _N, nir.Linear(_weight(rng)), _lif(threshold=rng.uniform(0.2, 0.5, _N), tau=rng.uniform(2 * DT, 5 * DT, _N))
    ),
    "LIF, v_leak": lambda rng: _chain(_N, nir.Linear(_weight(rng)), _lif(leak=0.1, reset=0.1)),
    "LIF, v_leak above threshold": lambda rng: _chain(_N, nir.Linear(_weight(rng)), _lif(leak=0.5, threshold=0.4)),
    "LIF, v_reset other than v_leak": lambda rng: _chain(_N, nir.Linear(_weight(rng)), _lif(reset=-0.2)),
    "LIF, subtract": lambda rng: _chain(_N, nir.Linear(_weight(rng)), _lif(), reset="subtract"),
    "LIF, tau = dt (memoryless)": lambda rng: _chain(_N, nir.Linear(_weight(rng)), _lif(tau=DT)),
    "IF": lambda rng: _chain(_N, nir.Linear(_weight(rng)), nir.IF(r=_FULL, v_threshold=_FULL)),
    "CubaLIF": lambda rng: _chain(_N, nir.Linear(_weight(rng)), _cuba(rng)),
    "CubaLIF, bias": lambda rng: _chain(_N, nir.Affine(_weight(rng), rng.normal(0.2, 0.2, _N)), _cuba(rng)),
    "Threshold": lambda rng: _chain(_N, nir.Linear(_weight(rng)), nir.Threshold(0.5 * _FULL)),
    "LI": lambda rng: _real(nir.LI(tau=2 * DT * _FULL, r=_FULL, v_leak=0 * _FULL), rng),
    "CubaLI": lambda rng: _real(nir.CubaLI(tau_syn=2 * DT * _FULL, tau_mem=3 * DT * _FULL, r=_FULL, v_leak=0 * _FULL), rng),
    "I": lambda rng: _real(nir.I(r=_FULL), rng),
    "several layers": lambda rng: _chain(_N, nir.Linear(_weight(rng)), _lif(), nir.Linear(_weight(rng, 4)), _lif(4)),
    "two edges into one node, unequal depth": _branches,
    "chain of linear nodes": lambda rng: _chain(_N, nir.Linear(_weight(rng)), nir.Scale(0.5 * _FULL), nir.Linear(_weight(rng)), _lif()),
    "recurrent edge": lambda rng: _loop(rng, across=False),
    "recurrent edge over two populations": lambda rng: _loop(rng, across=True),
    "nested NIRGraph": _nested,
    "neurograph.PerNode": lambda rng: _chain((4, 3), ext.PerNode(rng.normal(0.3, 1, (2, 3)), np.zeros(2), 4), _lif((4, 2))),
    "neurograph.Aggregate": lambda rng: _chain((4, 3), ext.Aggregate(**_csr(rng, 5, 4), features=3), _lif((5, 3))),
    "neurograph.ReduceNodes": lambda rng: _chain((4, 3), ext.ReduceNodes(np.array([0.3, 0.5, 0.9]), 4), _lif((1, 3))),
    "neurograph.BroadcastNodes": lambda rng: _chain((1, 3), ext.BroadcastNodes(4, 3), _lif((4, 3))),
    "neurograph.SparseLinear": lambda rng: _chain(_N, ext.SparseLinear(**_csr(rng, 5, _N)), _lif(5)),
}
