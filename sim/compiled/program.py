"""Program: a Network as flat arrays and tables (:mod:`neurograph.sim.compiled.tables`), independent of inputs and of the number of ticks
that are run at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.network import LIF, CubaLIF, FixedLIF, Network, Population, Threshold
from neurograph.sim.compiled import tables as tb
from neurograph.sim.compiled.bounds import NARROW, packed_bits, row_sum, sum_type
from neurograph.sim.compiled.columns import quickest
from neurograph.sim.compiled.layout import Form, forms, nodes_of, one_sign
from neurograph.sim.groups import groups
from neurograph.sim.static_currents import bias_from, varying
from neurograph.sim.tally import reach_of

__all__ = ["Program", "build", "unsupported"]

Array = NDArray[Any]
TILE = 512  # features of a tile of a population without nodes
MANY = 1 << 12  # weights of a matrix that is worth a second form
VECTOR = 32  # weights of 16 bits in the widest registers
MOST_SUMS = 1 << 14  # of tables: what a first-level cache holds


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
    return [f"population {p.name!r}" for p in network.populations.values() if p.sends_numbers]


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
    dtype = sum_type(network, found)
    found = [quickest(form, network.populations[form.projection.target].shape, dtype) for form in found]
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
        listed = (f for f in found if f.kind in (tb.DENSE, tb.SPARSE, tb.RUNS) and not by_words(f, dtype))
        row[tb.P_EVENTS] = 0 if any(f.projection.source == name for f in listed) else -1
        if name not in loops and any(f.projection.source == name and by_bits(f, dtype) for f in found):
            row[tb.P_BITS] = 0
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


def _matrix(row: Array, form: Form, dtype: Any, stores: Mapping[str, _Store]) -> None:
    """How a dense matrix stands: as tables or for words where it is small, else as bytes where these hold it, else as weights."""
    assert form.matrix is not None
    full = (form.fan == form.matrix.shape[1]).astype(np.int8)
    row[tb.O_FULL] = stores["bytes"].add(full) if full.any() else -1
    for column in (tb.O_WEIGHTS, tb.O_BYTES, tb.O_BY_TARGET, tb.O_TABLES, tb.O_MARKS, tb.O_WORDS):
        row[column] = -1
    if _in_tables(form, dtype):
        row[tb.O_TABLES], row[tb.O_MARKS] = _tables(form.matrix, stores)
    elif by_words(form, dtype):
        row[tb.O_WORDS], row[tb.O_STRIDE] = _words(form.matrix, stores["weights"])
    else:
        _by_events(row, form, dtype, stores)


def _by_events(row: Array, form: Form, dtype: Any, stores: Mapping[str, _Store]) -> None:
    """Weights, or bytes once a common power of two is taken out; these once more by target where that is worth it."""
    assert form.matrix is not None
    values, shift = _in_bytes(form.matrix) if dtype == np.int32 else (None, 0)
    if values is None:
        row[tb.O_WEIGHTS] = stores["weights"].add(form.matrix)
    else:
        row[tb.O_BYTES], row[tb.O_SHIFT] = stores["bytes"].add(values), shift
        if form.kind == tb.DENSE and len(form.fan) == 1 and values.size >= MANY:
            row[tb.O_BY_TARGET] = stores["bytes"].add(np.ascontiguousarray(values.T))
    most = int(np.abs(form.matrix).max(initial=0)) >> shift if dtype == np.int32 else 0
    row[tb.O_VALUES] = NARROW // max(most, 1)  # events whose sum 16 bits hold


def _in_bytes(matrix: Array) -> tuple[Array | None, int]:
    """A matrix in bytes and the power of two that was taken out; None where it does not fit."""
    values = matrix.astype(np.int32)
    common = int(np.bitwise_or.reduce(np.abs(values), axis=None)) if values.size else 0
    shift = (common & -common).bit_length() - 1 if common else 0
    values >>= shift
    fits = values.min(initial=0) >= -128 and values.max(initial=0) <= 127
    return (values.astype(np.int8) if fits else None), shift if fits else 0


def by_words(form: Form, dtype: Any) -> bool:
    """Whether the spikes that a tick brings to a node are one word, whose sums 16 bits hold."""
    return (
        dtype == np.int32
        and form.matrix is not None
        and len(form.matrix) <= tb.WORD
        and row_sum(form.matrix) <= NARROW
        and (form.kind == tb.PER_NODE or len(form.fan) == 1)
    )


def by_bits(form: Form, dtype: Any) -> bool:
    """Whether a graph's edges sum bits, of rows of whole bytes, into 16."""
    if form.kind != tb.AGGREGATE or dtype != np.int32 or form.fan.shape[1] % 8:
        return False
    return int(abs(form.sparse).sum(axis=1).max()) <= NARROW if form.sparse.nnz else False


def _words(matrix: Array, weights: _Store) -> tuple[int, int]:
    """Where such a matrix stands, in rows of whole vectors with zeros behind the last, and how long a row is."""
    inputs, outputs = matrix.shape
    rows = np.zeros((tb.WORD + 2, -(-outputs // VECTOR) * VECTOR), np.int16)
    rows[:inputs, :outputs] = matrix
    return weights.add(rows), rows.shape[1]


def _in_tables(form: Form, dtype: Any) -> bool:
    """Whether a small matrix that many nodes share has tables of what every pattern of eight inputs brings."""
    if form.kind != tb.PER_NODE or not by_words(form, dtype):
        return False
    assert form.matrix is not None
    inputs, outputs = form.matrix.shape
    return inputs % 8 == 0 and outputs % 16 == 0 and 32 * inputs * outputs <= MOST_SUMS


def _tables(matrix: Array, stores: Mapping[str, _Store]) -> tuple[int, int]:
    """Where these sums, and the marks, stand."""
    patterns = (np.arange(256)[:, None] >> np.arange(8)) & 1
    weights = matrix.reshape(len(matrix) // 8, 8, -1).astype(np.int64)
    sums, met = patterns @ weights, patterns @ (weights != 0) > 0
    return stores["weights"].add(sums), stores["bytes"].add(met)


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
                _matrix(row, form, dtype, stores)
            elif form.runs is not None:
                row[tb.O_WEIGHTS] = stores["parameters"].add(form.runs.weights)
                row[tb.O_INDEX] = stores["index"].add(form.runs.index)
                row[tb.O_POINTER] = stores["pointer"].add(form.runs.pointer)
                row[tb.O_VALUES], row[tb.O_FASTEST] = form.runs.bits, form.runs.fastest
            elif form.sparse is not None:
                row[tb.O_WEIGHTS] = stores["weights"].add(form.sparse.data)
                row[tb.O_INDEX] = stores["index"].add(form.sparse.indices)
                row[tb.O_POINTER] = stores["pointer"].add(form.sparse.indptr)
                row[tb.O_VALUES] = packed_bits(form, dtype)
                row[tb.O_BITS] = by_bits(form, dtype) and projection.source not in loops
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
