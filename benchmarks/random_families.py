"""Families of small random networks: what the networks of a family share is what Lava holds once a process; all else is drawn for each.

Shared: ticks, samples, and for every population its kind, bias exponent and reset rule, for every projection its lag, weight exponent, sign
mode and port. Each network takes some of the populations and projections, with sizes, forms of weights, weights, weight bits, decays,
thresholds, biases and inputs of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.errors import QuantizationError
from neurograph.graded import check_messages, input_bounds
from neurograph.network import LIF, CubaLIF, FixedLIF, Graded, Network, Neuron, Population, Product, Projection, Source, Threshold
from neurograph.sim.inputs import prepare
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse, Weights

__all__ = ["FLOAT_KINDS", "KINDS", "Case", "Family", "draw", "family"]

Array = NDArray[Any]
KINDS = ("forward", "lags", "loops", "rest", "graded", "graded loops", "static", "kept", "extreme", "extreme loops")
FLOAT_KINDS = ("float forward", "float lags", "float loops")
MOST_PROJECTIONS = 16  # a Lava process each
LARGEST_INPUT = 1 << 27  # of one tick, in steps of v: Lava computes in 32 bits, and a u that wrapped only once grows from tick to tick
TRIES = 200


@dataclass(frozen=True)
class Case:
    """A network and inputs for it, source → (samples, …)."""

    network: Network
    inputs: Mapping[str, Array]


@dataclass(frozen=True)
class Family:
    """Neurons hold what is shared, and None of what is drawn; edges are projections without weights."""

    kind: str
    neurons: Mapping[str, Neuron]
    edges: tuple[tuple[str, str, dict[str, Any]], ...]
    ticks: int
    samples: int

    @property
    def programmable(self) -> bool:
        """Whether its networks need a target whose neurons can be made to hold still."""
        return self.kind != "rest"


def family(kind: str, rng: np.random.Generator) -> Family:
    """A random family of a kind."""
    neurons: dict[str, Neuron] = {"in": Source(), "more": Source()}
    if rng.random() < 0.5:
        neurons["always"] = Source("constant")
    if kind == "static" or (kind in ("loops", "extreme", "float forward", "float loops") and rng.random() < 0.5):
        neurons["current"] = Source("static")
    for i in range(5):
        neurons[f"p{i}"] = _lif(kind, rng)
        if kind.startswith("graded") and i in (0, 2):
            neurons |= {f"numbers{i}": Source("graded", int(rng.choice([2, 5, 8, 12, 16]))), f"sum{i}": Graded()}
            neurons[f"product{i}"] = Product(int(rng.choice([0, 1, 4, 15])))
    edges = _edges(kind, neurons, rng)
    return Family(kind, neurons, tuple(edges), int(rng.integers(4, 9)), int(rng.integers(1, 4)))


def _lif(kind: str, rng: np.random.Generator) -> Neuron:
    reset: Any = "value" if kind == "rest" else str(rng.choice(["value", "subtract"]))
    by = 0 if reset == "subtract" and rng.random() < 0.5 else None  # 0: drawn for each network
    if kind.startswith("float"):
        gain = None if rng.random() < 0.5 else 1.0
        more: dict[str, Any] = {"reset": reset, "reset_by": None if by is None else 1.0, "gain": gain}
        return [LIF(1.0, 1.0, **more), CubaLIF(1.0, 1.0, 1.0, **more), Threshold(1.0)][rng.choice(3, p=[0.5, 0.35, 0.15])]
    exponent = int(rng.choice([0, 7, rng.integers(0, 8)]))
    scale = 2.0 ** (6 - exponent - int(rng.integers(2, 9)))  # volts of a mantissa of 1: 1/4 to 1/256
    saturation = [None, (fx.BIAS_MANT_MIN, fx.BIAS_MANT_MAX), (-100, 300)][rng.integers(3)] if kind == "static" else None
    state: Any = "kept" if kind == "kept" else "cleared"
    return FixedLIF(0, 0, 0, 0, exponent, scale, reset=reset, state=state, saturation=saturation, reset_by=by)


def _edges(kind: str, neurons: Mapping[str, Neuron], rng: np.random.Generator) -> list[tuple[str, str, dict[str, Any]]]:
    names, edges = list(neurons), []
    for i, target in enumerate(names):
        neuron = neurons[target]
        if isinstance(neuron, Source):
            continue
        ports = (0, 1) if isinstance(neuron, Product) else (0,)
        for port in ports:
            numbers = isinstance(neuron, (Graded, Product))
            earlier = [n for n in names[:i] if not (n == "current" and (numbers or isinstance(neuron, (CubaLIF, Threshold))))]
            near = [n for n in earlier if isinstance(neurons[n], Source)] + earlier[-3:] if rng.random() < 0.5 else earlier
            chosen = list(dict.fromkeys(str(n) for n in rng.choice(near, size=int(rng.integers(1, 4)))))
            edges += [(source, target, {"port": port}) for source in chosen]
    if kind == "static":
        edges = [e for e in edges if e[0] != "current"] + [("current", f"p{i}", {"port": 0}) for i in rng.choice(5, 3, replace=False)]
    rng.shuffle(edges)
    missing = [e for e in edges if isinstance(neurons[e[1]], Product)]  # a Product needs both its ports
    edges = (missing + [e for e in edges if e not in missing])[: MOST_PROJECTIONS - 6]
    edges += _back(kind, [n for n in names if not isinstance(neurons[n], Source)], neurons, rng)
    return [(a, b, {**about, **_synapses(kind, neurons[a], neurons[b], rng)}) for a, b, about in edges]


def _back(kind: str, names: list[str], neurons: Mapping[str, Neuron], rng: np.random.Generator) -> list[tuple[str, str, dict[str, Any]]]:
    """Edges that carry earlier ticks: loops of one to three populations, and forward ones with a lag."""
    if not any(word in kind for word in ("lags", "loops", "rest", "graded")) or kind == "graded":
        return []
    back: list[tuple[str, str, dict[str, Any]]] = []
    for _ in range(4):
        i = int(rng.integers(len(names)))
        j = i if "lags" in kind and rng.random() < 0.6 else int(rng.integers(max(0, i - 2), i + 1))
        source, target = (names[j], names[i]) if "lags" in kind else (names[i], names[j])
        if any(isinstance(neurons[n], (Graded, Product)) for n in (source, target)):
            source = target = "p1"
        back.append((source, target, {"port": 0, "lag": int(rng.choice([1, 1, 1, 2, 3, 12]))}))
        if source != target and "lags" not in kind:
            back.append((target, source, {"port": 0}))  # the way there
    return back


def _synapses(kind: str, source: Neuron, target: Neuron, rng: np.random.Generator) -> dict[str, Any]:
    if kind.startswith("float") or (isinstance(source, Source) and source.kind == "static"):
        return {} if kind.startswith("float") else {"sign_mode": "mixed"}
    mode = str(rng.choice(["mixed", "mixed", "excitatory", "inhibitory"]))
    if isinstance(target, (Graded, Product)):
        return {"sign_mode": mode, "exponent": int(rng.choice([-1, 0, 0, 1, 2]))}
    exponents = [7, 7, 6, 5, -8] if "extreme" in kind else [-8, 7, *rng.integers(-8, 8, 6), *rng.integers(-2, 3, 4)]
    return {"sign_mode": mode, "exponent": int(rng.choice(exponents))}


def draw(of: Family, rng: np.random.Generator) -> tuple[Case, int]:
    """A network of the family, and how many were drawn before it that our engines or Lava's limits refuse."""
    for refused in range(TRIES):
        try:
            return _draw(of, rng), refused
        except QuantizationError:
            continue
    raise RuntimeError(f"family of kind {of.kind}: {TRIES} networks in a row were refused; try another seed")


def _draw(of: Family, rng: np.random.Generator) -> Case:
    nodes = int(rng.integers(2, 7 if "extreme" in of.kind else 5))

    def shape() -> tuple[int, ...]:
        if rng.random() < 0.1:
            return (int(rng.integers(1, 10)),)
        return int(rng.choice([1, nodes, nodes])), int(rng.integers(1, 4))

    names = {n for n, neuron in of.neurons.items() if rng.random() < (0.8 if isinstance(neuron, Source) else 0.6)} or {"p0"}
    names.add("in")  # says how many inferences there are; it need not be heard
    edges = [e for e in of.edges if rng.random() < 0.85 and {e[0], e[1]} <= names]
    names = _complete(of, names, edges)
    shapes = {n: shape() for n in of.neurons if n in names}
    projections = tuple(Projection(a, b, _weights(of, a, b, about, shapes, rng), **about) for a, b, about in edges if {a, b} <= names)
    populations = {n: Population(n, shapes[n], of.neurons[n]) for n in shapes}
    network = Network(populations, projections, of.ticks)
    network = network.with_populations([_parameters(of, network, p, rng) for p in network.neurons if not p.is_graded])
    check_messages(network)
    case = Case(network, {p.name: _input(of, p, rng) for p in network.sources if not p.is_constant})
    prepare(network, case.inputs)
    return case


def _complete(of: Family, names: set[str], edges: list[tuple[str, str, dict[str, Any]]]) -> set[str]:
    """Without Products that do not hear both their inputs, and what then hears nothing of its own."""
    while True:
        heard = {(b, about["port"]) for a, b, about in edges if {a, b} <= names}
        deaf = {n for n in names if isinstance(of.neurons[n], Product) and not {(n, 0), (n, 1)} <= heard}
        if not deaf:
            return names if any(not isinstance(of.neurons[n], Source) for n in names) else {*names, "p0"}
        names = names - deaf


def _input(of: Family, source: Population, rng: np.random.Generator) -> Array:
    kind: Any = source.neuron
    if kind.kind == "static":
        return rng.integers(-32, 33, (of.samples if of.kind != "kept" else 1, *source.shape)) / 16
    size = (of.samples, of.ticks, *source.shape)
    if kind.kind == "graded":
        limit = (1 << (kind.bits - 1)) - 1
        return np.where(rng.random(size) < 0.2, rng.choice([-limit, limit], size), rng.integers(-limit, limit + 1, size))
    return (rng.random(size) < rng.choice([0.0, 0.1, 0.3, 0.5, 0.9, 1.0], p=[0.04, 0.2, 0.26, 0.3, 0.15, 0.05])).astype(np.uint8)


def _weights(of: Family, a: str, b: str, about: dict[str, Any], shapes: Mapping[str, tuple[int, ...]], rng: np.random.Generator) -> Weights:
    source, target = of.neurons[a], of.neurons[b]

    def sixteenths(size: Any) -> Array:
        return rng.integers(-32, 33, size) / 16

    def few(size: Any) -> Array:
        low, high, step = fx.weight_limits(about["sign_mode"])
        return rng.integers(max(low, -6) // step, min(high, 6) // step + 1, size) * step

    low, high, step = fx.weight_limits(about.get("sign_mode", "mixed"), int(rng.choice([8, 8, 8, rng.integers(1, 9)])))
    only_ends, zeros = rng.random() < (0.4 if "extreme" in of.kind else 0.15), rng.choice([0.0, 0.2])

    def integers(size: Any) -> Array:
        values = rng.choice([low, high], size) if only_ends else rng.integers(low // step, high // step + 1, size) * step
        return np.where(rng.random(size) < zeros, 0, values)

    if of.kind.startswith("float") or (isinstance(source, Source) and source.kind == "static"):
        return _form(shapes[a], shapes[b], sixteenths, rng)
    return _form(shapes[a], shapes[b], few if isinstance(target, (Graded, Product)) else integers, rng)


def _form(source: tuple[int, ...], target: tuple[int, ...], values: Any, rng: np.random.Generator) -> Weights:
    """A map between two shapes, of a random form that fits."""
    (n, d), (m, e) = ((1, *x)[-2:] for x in (source, target))
    forms = ["dense", "dense", "sparse"]
    if n == m:
        forms += ["per node"] * 2 + ["one to one", "aggregate"] * (d == e)
    forms += (["reduce"] * 2 if m == 1 and n > 1 and d == e else []) + (["broadcast"] * 2 if n == 1 and m > 1 and d == e else [])
    form = str(rng.choice(forms))
    if form == "per node":
        return Kron(Identity(n), values((e, d)))
    if form == "one to one":
        return Kron(Identity(n), values(d) if rng.random() < 0.5 else np.repeat(values(1), d))
    if form == "reduce":
        return Kron(OnesRow(n), values(d))
    if form == "broadcast":
        return Kron(OnesColumn(m), values(d))
    if form == "dense":
        return Dense(values((m * e, n * d)))
    rows, columns = (m, n) if form == "aggregate" else (m * e, n * d)
    there = rng.random((rows, columns)) < rng.choice([0.2, 0.5])
    matrix = sp.csr_matrix(there)
    matrix = sp.csr_matrix((values(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape)  # may hold zeros
    return Kron(matrix, Identity(d)) if form == "aggregate" else Sparse(matrix)


def _parameters(of: Family, network: Network, population: Population, rng: np.random.Generator) -> Population:
    neuron, shape = population.neuron, population.shape
    positive, negative = input_bounds(network, population.name)
    if not isinstance(neuron, FixedLIF):
        return _float_parameters(population, rng)
    largest = float(max(positive.max(), negative.max()))
    if 64 * largest > LARGEST_INPUT:
        raise QuantizationError(f"population {population.name!r}: input to {largest:g}, beyond Lava's 32 bits")

    def per_neuron(*choices: Any) -> Any:
        """One value for all, or one each; of the given ones (a range is drawn from)."""
        size = shape if rng.random() < 0.4 else ()
        picked = [rng.integers(c[0], c[1], size) if isinstance(c, tuple) else np.full(size, c) for c in choices]
        made = np.choose(rng.integers(0, len(picked), size), picked) if rng.random() < 0.5 else picked[rng.integers(len(picked))]
        return made if made.ndim else int(made)

    around = max(int(rng.uniform(0.05, 0.8) * max(float(positive.max()), 4.0)), 1)
    vth = np.clip(per_neuron((around // 2, around + 1), (around // 4, around + 1), around), 0, fx.VTH_MAX)
    if rng.random() < 0.1:
        vth = np.asarray(per_neuron(0, fx.VTH_MAX, (0, fx.VTH_MAX + 1)))
    drawn: dict[str, Any] = {"vth": vth if vth.ndim else int(vth)}
    if of.kind == "rest":
        drawn["vth"] = np.maximum(drawn["vth"], 1)  # a reset to a threshold of 0 is refused
        drawn |= {"du": 4095, "dv": per_neuron(0, 4096), "v_reset": per_neuron(0, (-900, 1))}
        return replace(population, neuron=replace(neuron, **drawn))
    push = max(64 * around >> neuron.bias_exp, 2)
    small = (max(-push, fx.BIAS_MANT_MIN), min(push, fx.BIAS_MANT_MAX) + 1)
    drawn |= {
        "du": per_neuron(4095, 4095, 0, (0, 4096), (2000, 4096)),
        "dv": per_neuron(0, 4095, 4096, (0, 4096), (0, 800)),
        "bias_mant": per_neuron(0, 0, small, fx.BIAS_MANT_MIN, fx.BIAS_MANT_MAX) if rng.random() < 0.7 else 0,
        "v_start": per_neuron((-2000, 64 * around)) if rng.random() < 0.2 else 0,
    }
    if of.kind == "static" and rng.random() < 0.7:
        drawn["bias_mant"] = per_neuron((-50, 51))  # leaves room for currents
    if neuron.reset == "subtract":
        drawn["reset_by"] = None if neuron.reset_by is None else per_neuron((1, 64 * around + 2))
    else:
        drawn["v_reset"] = per_neuron(0, (-5000, 1), (0, 32 * around + 1))
    return replace(population, neuron=replace(neuron, **drawn))


def _float_parameters(population: Population, rng: np.random.Generator) -> Population:
    """Numbers of few binary digits: all sums are exact in any order, so no tie is a question of rounding."""
    neuron, shape = population.neuron, population.shape

    def sixteenths(low: int, high: int) -> Any:
        made = rng.integers(low, high + 1, shape if rng.random() < 0.4 else ()) / 16
        return made if made.ndim else float(made)

    drawn: dict[str, Any] = {"threshold": sixteenths(1, 32)}
    if isinstance(neuron, Threshold):
        return replace(population, neuron=replace(neuron, **drawn))
    assert isinstance(neuron, (LIF, CubaLIF))
    drawn |= {"beta": float(rng.choice([0.25, 0.5, 0.75, 1.0])), "v_leak": sixteenths(-2, 2) if rng.random() < 0.5 else 0.0}
    if isinstance(neuron, CubaLIF):
        drawn["alpha"] = float(rng.choice([0.25, 0.5, 1.0]))
    if neuron.gain is not None:
        drawn |= {"gain": float(rng.choice([0.5, 1.0, 2.0])), "beta": float(rng.choice([0.0, 0.5, 1.0]))}
    drawn |= (
        {"reset_by": None if neuron.reset_by is None else sixteenths(4, 32)}
        if neuron.reset == "subtract"
        else {"v_reset": sixteenths(-8, 0)}
    )
    bias = sixteenths(-8, 8) if rng.random() < 0.5 else 0.0
    return replace(population, neuron=replace(neuron, **drawn), bias=bias)
