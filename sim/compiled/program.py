"""Program: a Network as flat arrays and tables (:mod:`neurograph.sim.compiled.tables`), independent of inputs and of the number of ticks
that are run at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.network import LIF, CubaLIF, FixedLIF, Network, Population, Threshold
from neurograph.sim.compiled import tables as tb
from neurograph.sim.compiled.layout import Form, forms, nodes_of, one_sign
from neurograph.sim.groups import groups
from neurograph.sim.static_currents import bias_from, varying
from neurograph.sim.tally import reach_of

__all__ = ["Program", "build", "unsupported"]

Array = NDArray[Any]
TILE = 512  # features of a tile of a population without nodes
MANY = 1 << 12  # weights of a matrix that is worth a second form
NARROW = (1 << 15) - 1  # the largest sum that 16 bits hold


@dataclass(frozen=True)
class Program:
    """A compiled network.

    Args:
        memory: populations (a row of P_COLUMNS each), operations, order, groups, fans, and the arrays that they point into.
        names: populations in the order of the tables: sources that spike first.
        dtype: of sums and states: int32 where that is provably enough, int64, or float64.
        biased: population → how a constant bias stands: (rows, width), as the sums' type; those that static sources drive are missing.
        driven: populations that static sources drive.
    """

    network: Network
    memory: Mapping[str, Array]
    names: tuple[str, ...]
    dtype: Any
    biased: Mapping[str, Array]
    driven: tuple[str, ...]
    forms: tuple[Form, ...]

    @cached_property
    def nbytes(self) -> int:
        """Bytes of the tables."""
        return sum(array.nbytes for array in self.memory.values())

    @cached_property
    def computing(self) -> tuple[tuple[int, str], ...]:
        """Number and name of every population that is no source."""
        return tuple((i, name) for i, name in enumerate(self.names) if not self.network.populations[name].is_source)

    @cached_property
    def names_of_computing(self) -> tuple[str, ...]:
        """The last of the names."""
        return tuple(name for _, name in self.computing)

    @cached_property
    def keeps(self) -> bool:
        """Whether a state passes from one sample to the next."""
        return any(getattr(p.neuron, "state", "") == "kept" for p in self.network.neurons)


def unsupported(network: Network) -> list[str]:
    """What the kernels do not run: values in place of spikes."""
    return [f"population {p.name!r}" for p in network.populations.values() if p.is_graded or p.is_real]


class _Store:
    """Arrays one behind the other; the same object is stored once."""

    def __init__(self, dtype: Any) -> None:
        self.dtype, self.parts, self.size, self.held = dtype, [], 0, {}  # type: Any, list[Array], int, dict[int, tuple[Any, int]]

    def add(self, values: Any) -> int:
        if id(values) in self.held:
            return self.held[id(values)][1]
        start = self.size
        flat = np.ravel(values).astype(self.dtype, copy=False)
        self.parts.append(flat)
        self.size += flat.size
        self.held[id(values)] = values, start
        return start

    def joined(self) -> Array:
        if len(self.parts) == 1:
            return np.ascontiguousarray(self.parts[0])
        return np.concatenate(self.parts) if self.parts else np.zeros(1, self.dtype)


def build(network: Network) -> Program:
    """Compile a network of spikes; how many of its ticks are run at once does not matter yet.

    Raises:
        QuantizationError: a bias that does not fit a mantissa.
    """
    nodes = nodes_of(network)
    found = forms(network, nodes)
    dtype = _dtype(network, found)
    stores = {
        "weights": _Store(np.int16 if dtype == np.int32 else dtype),
        "bytes": _Store(np.int8),
        "index": _Store(np.int32),
        "pointer": _Store(np.int64),
        "parameters": _Store(dtype),
        "counts": _Store(np.int64),
    }
    names = tuple(p.name for p in network.populations.values() if p.is_source and not p.is_static)
    names += tuple(p.name for p in network.neurons)
    number = {name: i for i, name in enumerate(names)}
    order = groups(network)
    loops = {name: i for i, group in enumerate(order) for name in group if _is_loop(network, group)}
    operations, first_op = _operations(found, names, number, loops, stores, dtype, network.ticks)
    fans, first_out = _fans(found, names, stores)
    populations = np.full((len(names), tb.P_COLUMNS), -1, np.int64)
    biased: dict[str, Array] = {}
    driven = tuple(p.name for p in network.neurons if any(network.populations[j.source].is_static for j in network.into(p.name)))
    for i, name in enumerate(names):
        population = network.populations[name]
        row = populations[i]
        row[tb.P_NODES], row[tb.P_WIDTH] = nodes[name], population.size // nodes[name]
        row[tb.P_HISTORY] = min(max((p.lag for p in network.out_of(name)), default=0), network.ticks)
        row[tb.P_FIRST_OP], row[tb.P_LAST_OP] = first_op[name]
        row[tb.P_FIRST_OUT], row[tb.P_LAST_OUT] = first_out[name]
        row[tb.P_EVENTS] = 0 if any(f.kind in (tb.DENSE, tb.SPARSE) and f.projection.source == name for f in found) else -1
        row[tb.P_REACH], row[tb.P_REACH_STEP] = _reach(network, name, nodes[name], found, stores["counts"])
        row[tb.P_LOOP] = 0 if name in loops else -1
        if not population.is_source:
            _neuron(row, population, stores["parameters"])
            row[tb.P_STATE] = 0
            if name not in driven:
                biased[name] = _bias(population, nodes[name], dtype)
    tables = {key: store.joined() for key, store in stores.items()}
    grouped = [[number[name] for name in group] for group in order]
    ends = np.cumsum([0, *map(len, grouped)])
    memory = {
        "populations": populations,
        "operations": operations,
        "order": np.array([p for group in grouped for p in group], np.int64),
        "groups": np.array([(ends[i], ends[i + 1], _is_loop(network, group)) for i, group in enumerate(order)], np.int64).reshape(-1, 3),
        "fans": fans,
        **tables,
    }
    return Program(network, memory, names, dtype, biased, driven, tuple(found))


def _is_loop(network: Network, group: Sequence[str]) -> bool:
    return len(group) > 1 or any(p.source == group[0] for p in network.into(group[0]))


def _dtype(network: Network, found: Sequence[Form]) -> Any:
    """int32 where neither a weight leaves 16 bits, nor the input of a tick 24 of the 32 bits, nor a parameter its range."""
    if not network.is_integer:
        return np.float64
    bounds = {p.name: 0 for p in network.neurons}
    for form in found:
        most = _largest_sum(form)
        exponent = form.projection.exponent
        bounds[form.projection.target] += (most << exponent) if exponent >= 0 else (most >> -exponent) + 1
        if most >= 1 << 31 or int(np.abs(form.weights).max(initial=0)) > NARROW:
            return np.int64
    if max(bounds.values(), default=0) << fx.V_SHIFT > 2 * fx.STATE_LIMIT:
        return np.int64
    for population in network.neurons:
        neuron = population.neuron
        if isinstance(neuron, FixedLIF):
            taken = 0 if neuron.reset_by is None else neuron.reset_by
            values = [np.asarray(x).astype(np.int64) for x in (neuron.vth, neuron.v_reset, taken, neuron.v_start)]
            if np.abs(values[0]).max() << fx.V_SHIFT > fx.STATE_LIMIT or max(np.abs(x).max() for x in values[1:]) > fx.STATE_LIMIT:
                return np.int64
    return np.int32


def _largest_sum(form: Form) -> int:
    """The largest Σ|w| over the synapses of one neuron."""
    right = 1 if form.values is None else _row_sum(form.values)
    if form.matrix is not None:
        return _row_sum(form.matrix)
    if form.sparse is not None:
        return right * int(np.abs(sp.csr_matrix(form.sparse)).sum(axis=1).max()) if form.sparse.nnz else 0
    return right * (form.projection.weights.shape[1] // form.fan.shape[1] if form.kind == tb.REDUCE else 1)


def _bytes(form: Form, dtype: Any, store: _Store) -> tuple[int, int]:
    """Where a dense matrix stands by target in bytes, and the power of two that was taken out; −1 where it does not fit or is no use."""
    assert form.matrix is not None
    if dtype != np.int32 or form.kind != tb.DENSE or len(form.fan) > 1 or form.matrix.size < MANY:
        return -1, 0
    values = form.matrix.astype(np.int32)
    common = int(np.bitwise_or.reduce(np.abs(values), axis=None))
    shift = (common & -common).bit_length() - 1 if common else 0
    values >>= shift
    if values.min() < -128 or values.max() > 127:
        return -1, 0
    return store.add(np.ascontiguousarray(values.T.astype(np.int8))), shift


def _packed_bits(form: Form, dtype: Any) -> int:
    """Bits of a sum of a sparse matrix, sign included, if the number of its events fits above them; else 0."""
    if form.kind != tb.SPARSE or dtype == np.float64:
        return 0
    bits = _largest_sum(form).bit_length() + 1
    fan_in = int(np.bincount(form.sparse.indices).max(initial=0))
    return bits if bits + fan_in.bit_length() < 8 * np.dtype(dtype).itemsize else 0


def _row_sum(by_source: Array) -> int:
    size = np.abs(by_source.astype(np.int64))
    return int((size.sum(axis=0) if by_source.ndim == 2 else size).max(initial=0))


def _operations(
    found: Sequence[Form],
    names: Sequence[str],
    number: Mapping[str, int],
    loops: Mapping[str, int],
    stores: Mapping[str, _Store],
    dtype: Any,
    ticks: int,
) -> tuple[Array, dict[str, tuple[int, int]]]:
    rows: list[Any] = []
    first = {}
    for name in names:
        mine = [form for form in found if form.projection.target == name]
        first[name] = len(rows), len(rows) + len(mine)
        for form in mine:
            projection, row = form.projection, np.zeros(tb.O_COLUMNS, np.int64)
            row[tb.O_KIND], row[tb.O_RIGHT] = form.kind, form.right
            row[tb.O_SIGNED] = one_sign(form.weights)
            row[tb.O_SIGNED_LEFT] = form.sparse is None or one_sign(form.sparse.data)
            row[tb.O_SOURCE], row[tb.O_EXPONENT] = number[projection.source], projection.exponent
            row[tb.O_LAG] = min(projection.lag, ticks)  # what is longer never arrives
            row[tb.O_INNER] = projection.source in loops and loops[projection.source] == loops.get(name)
            if form.matrix is not None:
                row[tb.O_WEIGHTS] = stores["weights"].add(form.matrix)
                most = int(np.abs(form.matrix).max(initial=0)) if dtype == np.int32 else 0
                row[tb.O_VALUES] = NARROW // max(most, 1)  # events whose sum 16 bits hold
                row[tb.O_BYTES], row[tb.O_SHIFT] = _bytes(form, dtype, stores["bytes"])
            elif form.sparse is not None:
                row[tb.O_WEIGHTS] = stores["weights"].add(form.sparse.data)
                row[tb.O_INDEX] = stores["index"].add(form.sparse.indices)
                row[tb.O_POINTER] = stores["pointer"].add(form.sparse.indptr)
                row[tb.O_VALUES] = _packed_bits(form, dtype)
            if form.values is not None:
                row[tb.O_VALUES] = stores["parameters"].add(form.values)
            rows.append(row)
    return np.array(rows, np.int64).reshape(-1, tb.O_COLUMNS), first


def _fans(found: Sequence[Form], names: Sequence[str], stores: Mapping[str, _Store]) -> tuple[Array, dict[str, tuple[int, int]]]:
    rows: list[Any] = []
    first = {}
    for name in names:
        mine = [form for form in found if form.projection.source == name]
        first[name] = len(rows), len(rows) + len(mine)
        for form in mine:
            left = -1 if form.left is None else stores["counts"].add(form.left)
            step = form.fan.shape[1] if len(form.fan) > 1 else 0
            rows.append((left, stores["counts"].add(form.fan), step, form.index))
    return np.array(rows, np.int64).reshape(-1, 4), first


def _reach(network: Network, name: str, nodes: int, found: Sequence[Form], counts: _Store) -> tuple[int, int]:
    """Populations that a spike of each neuron reaches; one row for all nodes where no projection tells nodes apart."""
    mine = [form for form in found if form.projection.source == name]
    width = network.populations[name].size // nodes
    if all(len(form.fan) == 1 and (form.left is None or form.left.all()) for form in mine):
        by_target: dict[str, Array] = {}
        for form in mine:
            target = form.projection.target
            by_target[target] = by_target.get(target, np.zeros(width, bool)) | (form.fan[0] > 0)
        return counts.add(np.sum(list(by_target.values()), axis=0, dtype=np.int64) if mine else np.zeros(width, np.int64)), 0
    return counts.add(reach_of(network, name)), width


def _neuron(row: Array, population: Population, parameters: _Store) -> None:
    neuron, nodes = population.neuron, row[tb.P_NODES]
    flags = 0

    def put(column: int, value: Any) -> None:
        rows = _rows(value, population, nodes)
        row[column], row[column + 1] = parameters.add(rows), rows.shape[1] if len(rows) > 1 else 0

    subtract = getattr(neuron, "reset", "value") == "subtract"
    taken = getattr(neuron, "reset_by", None)
    if isinstance(neuron, FixedLIF):
        threshold = np.asarray(neuron.vth, np.int64) << fx.V_SHIFT
        put(tb.THRESHOLD, threshold)
        put(tb.DU, np.asarray(neuron.du, np.int64) + 1)
        put(tb.DV, neuron.dv)
        put(tb.RESET, (threshold if taken is None else taken) if subtract else neuron.v_reset)
        put(tb.P_START, neuron.v_start)
        flags |= tb.SYNAPTIC if (np.asarray(neuron.du) + 1 != fx.DECAY_UNITY).any() else 0
    else:
        assert isinstance(neuron, (LIF, CubaLIF, Threshold))
        gain, alpha = getattr(neuron, "gain", None), getattr(neuron, "alpha", 1.0)
        put(tb.THRESHOLD, neuron.threshold)
        put(tb.ALPHA, alpha)
        put(tb.BETA, getattr(neuron, "beta", 1.0))
        put(tb.GAIN_OF, 1.0 if gain is None else gain)
        put(tb.V_LEAK, getattr(neuron, "v_leak", 0.0))
        put(tb.RESET_FLOAT, (neuron.threshold if taken is None else taken) if subtract else getattr(neuron, "v_reset", 0.0))
        put(tb.P_START, getattr(neuron, "v_leak", 0.0))
        flags |= tb.SYNAPTIC if (np.asarray(alpha) != 1).any() else 0
        flags |= tb.GAIN if gain is not None else 0
        flags |= tb.MEMORYLESS if isinstance(neuron, Threshold) else 0
    flags |= tb.KEPT if getattr(neuron, "state", "cleared") == "kept" else 0
    row[tb.P_FLAGS] = flags | (tb.SUBTRACT if subtract else 0)
    row[tb.P_SYNAPTIC] = 0 if flags & tb.SYNAPTIC else -1


def _rows(value: Any, population: Population, nodes: int) -> Array:
    """A parameter as (1, width) where all nodes share it, else (nodes, width)."""
    array = np.asarray(value)
    width = population.size // nodes
    if array.ndim == 0 or array.size == 1:
        return np.broadcast_to(array.reshape(1, 1), (1, width))
    full = np.broadcast_to(array, population.shape).reshape(nodes, width)
    return full[:1] if nodes > 1 and (full == full[:1]).all() else full


def _bias(population: Population, nodes: int, dtype: Any) -> Array:
    """The bias of a population that no static source drives, as (1 or nodes, width); refused where it does not fit, as by every engine."""
    own = _rows(varying(bias_from(population, [], 1))[0], population, nodes)
    neuron = population.neuron
    return (own.astype(np.int64) << neuron.bias_exp if isinstance(neuron, FixedLIF) else own).astype(dtype)
