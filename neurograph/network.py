"""Network: the one in-memory form of a deployable network, which every engine runs and every report counts.

A directed graph of populations and projections (PyNN's words) over NumPy and SciPy arrays. Tick semantics: in a tick every
population is evaluated once, in topological order; a projection with lag 0 carries this tick's spikes, one with lag k those of
k ticks before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal, Union

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import NetworkError
from neurograph.weights import Weights

__all__ = [
    "LIF",
    "CubaLIF",
    "FixedLIF",
    "Graded",
    "Integrator",
    "Network",
    "Neuron",
    "Population",
    "Product",
    "Projection",
    "Source",
    "Threshold",
    "base_of",
    "gain_of",
]

Array = NDArray[Any]
Value = Union[float, Array]
Reset = Literal["value", "subtract"]
State = Literal["cleared", "kept"]


@dataclass(frozen=True)
class Source:
    """Input. ``spikes`` are given tick by tick, (T, *shape), binary; ``values`` likewise, real (float engine only); a ``static`` source is
    one real value a neuron, (*shape), held for the whole inference, which the host turns into a bias current of the populations that it
    projects to; a ``constant`` one spikes in every tick and takes no input; a ``graded`` one takes integers of ``bits``
    bits, sign included, tick by tick."""

    kind: Literal["spikes", "static", "values", "constant", "graded"] = "spikes"
    bits: int = 24


@dataclass(frozen=True)
class LIF:
    """``v ← v + β(v_leak − v) + γi``, ``z = [v > θ]``, then ``v ← v_reset`` where z ("value") or ``v ← v − θz`` ("subtract").
    ``reset_by``, where it is given, stands in place of the θ that is subtracted.

    γ is ``gain``, β if not given; an integrate-and-fire neuron is β = 0 with a gain. v starts at v_leak. Parameters are
    scalars or arrays that broadcast to the population's shape. Units: volts; β and γ have none.
    """

    beta: Value
    threshold: Value
    v_leak: Value = 0.0
    v_reset: Value = 0.0
    reset: Reset = "value"
    state: State = "cleared"
    gain: Value | None = None
    reset_by: Value | None = None


@dataclass(frozen=True)
class CubaLIF:
    """``u ← (1−α)u + i``, ``v ← v + β(v_leak − v) + γu``, then as :class:`LIF`."""

    alpha: Value
    beta: Value
    threshold: Value
    v_leak: Value = 0.0
    v_reset: Value = 0.0
    reset: Reset = "value"
    state: State = "cleared"
    gain: Value | None = None
    reset_by: Value | None = None


@dataclass(frozen=True)
class Integrator:
    """Real-valued: ``u ← (1−α)u + i``, ``v ← v + β(v_leak − v) + γu``, and v itself goes out. Float engine only.

    A leaky integrator has α = 1, a current-based one α < 1, a pure integrator β = 0.
    """

    beta: Value
    gain: Value
    alpha: Value = 1.0
    v_leak: Value = 0.0
    state: State = "cleared"


@dataclass(frozen=True)
class Threshold:
    """Memoryless: ``z = [i > θ]``. Coincidence gates and relays are these."""

    threshold: Value
    state: State = "cleared"


@dataclass(frozen=True)
class Graded:
    """``z = i``: an integer relay without state or threshold, on targets whose spikes carry a number. A message goes out where z is not 0.

    The same in a float and in an integer network: what arrives is integers times integer weights (:mod:`neurograph.graded` has the range).
    """


@dataclass(frozen=True)
class Product:
    """``z = (a₀ · a₁) >> exponent``, rounded down, memoryless; aₖ is what projections with ``port`` k bring. Otherwise as :class:`Graded`.

    Of two binary inputs with weight 1 it is their AND.
    """

    exponent: int = 0


@dataclass(frozen=True)
class FixedLIF:
    """Lava's integer LIF (dialect ``lava``). All parameters are integers; :mod:`neurograph.fixedpoint` has the arithmetic.

    After a spike with reset "value", v ← v_reset; with "subtract", v ← v − reset_by (both in steps of v; the threshold if not given).
    ``scale`` is the float network's volts per 64 integer steps of v, kept to turn static currents into bias mantissas and to read v in
    volts. ``saturation`` is the range of mantissas beyond which the neuron spikes the same anyway (the pass ``saturate_bias``). v starts at
    ``v_start``, in steps of v: 0 but for a neuron that rests at or above its threshold (:func:`base_of`).
    """

    du: Value
    dv: Value
    vth: Value
    bias_mant: Value
    bias_exp: int
    scale: float
    gain: float = 1.0
    v_reset: Value = 0
    reset: Reset = "value"
    state: State = "cleared"
    saturation: tuple[int, int] | None = None
    reset_by: Value | None = None
    v_start: Value = 0


Neuron = Union[Source, LIF, CubaLIF, Integrator, Threshold, Graded, Product, FixedLIF]


def gain_of(neuron: Neuron) -> Value:
    """γ: what the neuron multiplies its input with before it reaches v."""
    if isinstance(neuron, (LIF, CubaLIF)) and neuron.gain is None:
        return neuron.beta
    gain: Value = getattr(neuron, "gain", 1.0)
    return gain


def base_of(neuron: Neuron) -> Value:
    """The voltage from which machines that rest at 0 count v, neuron by neuron; it always lies below the threshold.

        v_leak            where v_leak < θ: the rest is 0, and the leak no current any more
        v_reset, 0, θ − 1 the first of these that lies below θ, elsewhere; then the leak is the constant β(v_leak − base) a tick beside the
                          decay toward base, and v starts at v_leak − base

    With w = v − base, v ← v + β(v_leak − v) + γi is w ← w − βw + β(v_leak − base) + γi: the same spikes for any base.
    """
    if not isinstance(neuron, (LIF, CubaLIF)):
        return 0.0
    if np.all(np.asarray(neuron.v_leak) < np.asarray(neuron.threshold)):
        return neuron.v_leak
    leak, reset, threshold = np.broadcast_arrays(neuron.v_leak, neuron.v_reset, np.asarray(neuron.threshold, dtype=np.float64))
    below = [leak < threshold, reset < threshold, threshold > 0]
    base: Array = np.select(below, [leak, reset, np.zeros_like(threshold)], threshold - 1)
    return base


@dataclass(frozen=True)
class Population:
    """A group of neurons of one kind.

    Args:
        name: unique in the network.
        shape: ``(nodes, features)`` or any tuple; a name may not hold ``/``.
        neuron: the neuron's equation and parameters.
        bias: constant input current (volts, before β), broadcasting to shape; a FixedLIF holds its own.
        depth: pipeline depth, set by ``align_delays``: tick t happens at machine step k·t + depth.
    """

    name: str
    shape: tuple[int, ...]
    neuron: Neuron
    bias: Value = 0.0
    depth: int | None = None

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    @property
    def is_source(self) -> bool:
        return isinstance(self.neuron, Source)

    @property
    def is_static(self) -> bool:
        return isinstance(self.neuron, Source) and self.neuron.kind == "static"

    @property
    def is_constant(self) -> bool:
        return isinstance(self.neuron, Source) and self.neuron.kind == "constant"

    @property
    def is_real(self) -> bool:
        """Whether what goes out is a real value in place of a spike."""
        return isinstance(self.neuron, Integrator) or (isinstance(self.neuron, Source) and self.neuron.kind == "values")

    @property
    def is_graded(self) -> bool:
        """Whether what goes out is an integer in place of a spike."""
        return isinstance(self.neuron, (Graded, Product)) or (isinstance(self.neuron, Source) and self.neuron.kind == "graded")

    @property
    def sends_numbers(self) -> bool:
        """Whether what goes out is a number, real or integer, in place of a spike: a synaptic event of it is a multiply."""
        return self.is_real or self.is_graded

    @property
    def ports(self) -> int:
        """How many sums of inputs a neuron keeps apart: two of a Product, else one."""
        return 2 if isinstance(self.neuron, Product) else 1


@dataclass(frozen=True)
class Projection:
    """Synapses from one population to another.

    Args:
        source, target: population names.
        weights: the linear map; floats in volts, or integers of the target.
        lag: ticks that the model itself delays the spike (0 forward, 1 recurrent).
        delay: machine steps from spike to arrival, at least 1; set by ``align_delays``.
        exponent: integer networks only, the shared weight exponent: contribution = (W s) · 2^exponent.
        sign_mode: integer networks only: "mixed", "excitatory", "inhibitory".
        port: which input of a Product it feeds, 0 or 1; 0 for any other target.
    """

    source: str
    target: str
    weights: Weights
    lag: int = 0
    delay: int | None = None
    exponent: int = 0
    sign_mode: Literal["mixed", "excitatory", "inhibitory"] | None = None
    port: int = 0

    @property
    def name(self) -> str:
        return f"{self.source}→{self.target}"


@dataclass(frozen=True)
class Network:
    """Populations by name, projections, and how long an inference is.

    Args:
        populations: name → Population, in any order.
        projections: several into one population add up.
        ticks: T, ticks an inference.
        dt: seconds a tick.
        outputs: names of the populations that a readout looks at.
        steps_per_tick: k, machine steps a tick; more than 1 where a loop spans layers. Set by ``align_delays``.
        gated: whether neurons of a network with lags are stepped at their own ticks only, by processes of ours (programmable targets), or
            at every machine step, which is the same where they do nothing in between. Set by ``align_delays``.
    """

    populations: Mapping[str, Population]
    projections: tuple[Projection, ...]
    ticks: int
    dt: float = 1e-3
    outputs: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    steps_per_tick: int = 1
    gated: bool = True

    def __repr__(self) -> str:
        kind = "integers" if self.is_integer else "floats"
        return f"<Network of {len(self.populations)} populations, {len(self.projections)} projections, {self.ticks} ticks, in {kind}>"

    def __post_init__(self) -> None:
        for key in ("ticks", "steps_per_tick"):
            if getattr(self, key) < 1:
                raise NetworkError(f"network: {key} is {getattr(self, key)}, must be at least 1")
        for name, population in self.populations.items():
            _check_population(name, population)
        for projection in self.projections:
            _check_projection(projection, self.populations)
        _check_products(self)
        for name in self.outputs:
            if name not in self.populations:
                raise NetworkError(f"network: output {name!r} is not a population; there are {', '.join(self.populations)}")
        self.order()

    @cached_property
    def is_integer(self) -> bool:
        """Whether it was quantised; a network of nothing but graded populations is, once its projections have a sign mode."""
        if all(p.is_graded for p in self.neurons):
            return any(p.sign_mode for p in self.projections)
        return any(isinstance(p.neuron, FixedLIF) for p in self.neurons)

    @cached_property
    def sources(self) -> tuple[Population, ...]:
        return tuple(p for p in self.populations.values() if p.is_source)

    @cached_property
    def neurons(self) -> tuple[Population, ...]:
        """The populations that compute: everything but sources."""
        return tuple(p for p in self.populations.values() if not p.is_source)

    @cached_property
    def spiking_projections(self) -> tuple[Projection, ...]:
        """Projections that carry spikes: everything but static currents."""
        return tuple(p for p in self.projections if not self.populations[p.source].is_static)

    @cached_property
    def is_recurrent(self) -> bool:
        return any(p.lag > 0 for p in self.projections)

    def into(self, name: str) -> tuple[Projection, ...]:
        return tuple(p for p in self.projections if p.target == name)

    def out_of(self, name: str) -> tuple[Projection, ...]:
        return tuple(p for p in self.projections if p.source == name)

    def order(self) -> tuple[str, ...]:
        """Population names, each after all that it hears from in the same tick.

        Raises:
            NetworkError: a loop with no lag, with its path.
        """
        sorter = TopologicalSorter({name: [p.source for p in self.into(name) if p.lag == 0] for name in self.populations})
        try:
            return tuple(sorter.static_order())
        except CycleError as error:
            path = " → ".join(reversed(error.args[1]))
            raise NetworkError(f"network: loop {path} has no lag; give one of its projections lag=1") from None

    def with_populations(self, populations: Iterable[Population]) -> Network:
        """A copy in which the given populations replace those of the same name."""
        return replace(self, populations={**self.populations, **{p.name: p for p in populations}})


def _check_population(name: str, population: Population) -> None:
    if name != population.name or not name or "/" in name or not name.isprintable():
        raise NetworkError(
            f"population {population.name!r}: stored as {name!r}; a name is not empty, can be printed, holds no '/', and is its own key"
        )
    if not population.shape or any(size < 1 for size in population.shape):
        raise NetworkError(f"population {name!r}: shape {population.shape} must have positive sizes only")
    if isinstance(population.neuron, Source):
        return
    parameters = {**vars(population.neuron), "bias": population.bias}
    for key, value in parameters.items():
        if isinstance(value, (str, tuple)) or value is None:
            continue
        array = np.asarray(value, dtype=np.float64)
        if not np.isfinite(array).all():
            raise NetworkError(f"population {name!r}: {key} holds NaN or infinity; mend it in the model")
        try:
            np.broadcast_to(array, population.shape)
        except ValueError:
            raise NetworkError(f"population {name!r}: {key} of shape {array.shape} does not broadcast to {population.shape}") from None
    if population.is_graded and np.any(population.bias):
        raise NetworkError(
            f"population {name!r}: has a bias, but a {type(population.neuron).__name__} relays what it hears; put it elsewhere"
        )
    if isinstance(population.neuron, Product) and population.neuron.exponent not in range(32):
        raise NetworkError(f"population {name!r}: exponent {population.neuron.exponent}, must be an integer from 0 to 31")
    for key in ("alpha", "beta"):
        rate = np.asarray(parameters.get(key, 1.0))
        lowest_is_bad = (rate < 0).any() if key == "beta" and parameters.get("gain") is not None else (rate <= 0).any()
        if lowest_is_bad or (rate > 1).any():
            raise NetworkError(
                f"population {name!r}: {key} is {rate.min():g} to {rate.max():g}, must lie in (0, 1]: use a dt no larger than tau"
            )


def _check_projection(projection: Projection, populations: Mapping[str, Population]) -> None:
    for end in (projection.source, projection.target):
        if end not in populations:
            raise NetworkError(f"projection {projection.name}: no population {end!r}; there are {', '.join(populations)}")
    source, target = populations[projection.source], populations[projection.target]
    if projection.weights.shape != (target.size, source.size):
        raise NetworkError(
            f"projection {projection.name}: weights of shape {projection.weights.shape}, must be {(target.size, source.size)} "
            f"for populations of shape {target.shape} and {source.shape}"
        )
    if target.is_source:
        raise NetworkError(f"projection {projection.name}: a source takes no input")
    if projection.lag < 0 or (projection.delay is not None and projection.delay < 1):
        raise NetworkError(f"projection {projection.name}: lag {projection.lag} must be at least 0 and delay {projection.delay} at least 1")
    if projection.port not in range(target.ports):
        raise NetworkError(f"projection {projection.name}: port {projection.port}, but {target.name!r} has {target.ports}; count from 0")
    if not np.isfinite(projection.weights.values).all():
        raise NetworkError(f"projection {projection.name}: weights hold NaN or infinity; mend them in the model")
    if target.is_graded:
        _check_relayed(projection, source)


def _check_relayed(projection: Projection, source: Population) -> None:
    """Into a graded population: integers times integers."""
    if source.is_static or source.is_real:
        raise NetworkError(f"projection {projection.name}: brings real values, but its target relays integers; put a neuron between them")
    values = projection.weights.values
    if np.any(values != np.rint(values)):
        fraction = float(values[values != np.rint(values)][0])
        raise NetworkError(f"projection {projection.name}: weight {fraction:g}, but its target relays integers; take integer weights")


def _check_products(network: Network) -> None:
    for population in network.neurons:
        heard = {p.port for p in network.into(population.name)} if population.ports > 1 else {0}
        if len(heard) < population.ports:
            raise NetworkError(
                f"population {population.name!r}: a Product that hears {len(heard)} of its {population.ports} inputs is always 0; "
                "give it a projection to each port"
            )
