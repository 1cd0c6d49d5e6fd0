"""Exact counts of what a network did, from a recording of it: integers, per sample, never a mean rate times a shape.

    synaptic event   one spike × one nonzero weight that it meets, counted where the spike is sent (so a spike of the last tick on a
                     projection with lag counts, though it lands after the window)
    neuron update    every neuron, each step that it is stepped; active where it spiked or a spike met one of its nonzero weights,
                     inactive otherwise. A constant bias is not an input
    graded event     the same of a message that carries a number, in which case it is a multiply: counted apart, and in no count of synaptic
                     events. A message goes out where the number is not 0
    message          one spike × one population that it reaches. Placement turns this into one spike × one core: more where a population
                     is split over cores, fewer where two of them share one
    bias write       one neuron whose input current the host sets for this inference (a static source drives it)
    state reset      one neuron whose state is cleared before the inference

Two windows. *Model events* lie in each population's own window of T ticks. *Chip events* are all steps run: T an inference when they are
streamed, T + depth − 1 for one alone, filling and draining included, in which every neuron is stepped; with k machine steps a tick or with
lags as many as :mod:`neurograph.sim.timing` says, those between ticks and between inferences included. Spikes outside the window, which a
constant bias can cause, are in no recording: their steps count as inactive updates and their synaptic events are missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.errors import InputError
from neurograph.host_products import static_macs
from neurograph.network import Network, Population, Projection
from neurograph.sim import timing
from neurograph.sim.recording import Recording
from neurograph.sim.tally import tally_of
from neurograph.weights import Dense, Identity, OnesColumn, OnesRow, Sparse, Weights

__all__ = ["Counts", "PopulationCounts", "ProjectionCounts", "count", "fan_in"]

Array = NDArray[Any]
Storage = Literal["dense", "sparse"]
Role = Literal["neurons", "source", "static source"]


@dataclass(frozen=True)
class ProjectionCounts:
    """One projection. ``synaptic_events`` is one integer a sample; ``storage`` is how a chip would keep the weights; ``graded``: it carries
    numbers, so its events are graded ones; ``indexed``: over a sparse matrix, so that a machine has to read where an event goes."""

    name: str
    source: str
    target: str
    storage: Storage
    synapses: int
    synaptic_events: Array
    graded: bool = False
    indexed: bool = False


@dataclass(frozen=True)
class PopulationCounts:
    """One population: arrays hold one integer a sample, for the model's window of T ticks. ``graded``: it sends numbers. What it hears
    counts as ``synaptic_events_in``, graded or not."""

    name: str
    role: Role
    shape: tuple[int, ...]
    depth: int | None
    spikes: Array
    updates_active: Array
    updates_inactive: Array
    synaptic_events_in: Array
    messages: Array
    bias_writes: int
    state_resets: int
    graded: bool = False

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    @property
    def updates(self) -> Array:
        return self.updates_active + self.updates_inactive


@dataclass(frozen=True)
class Counts:
    """Everything that was counted. Arrays are of shape (samples,), integer.

    Args:
        ticks: T.
        depth: stages of the pipeline, None where ``align_delays`` has not run.
        messages_at_least: spikes that reach anybody, which is the number of messages if everything shared one core.
        host_macs: multiply-adds off chip, by name, per inference.
        steps_per_tick: k, machine steps a tick.
        steps_streamed: machine steps from one inference to the next of a stream; T where the depth is not known.
        windows: of an inference that is several networks run one after the other (:mod:`neurograph.hw_profiles.sequence`), the counts of
            each, and then T is the ticks of all of them. Each is run alone.
    """

    samples: int
    ticks: int
    depth: int | None
    populations: tuple[PopulationCounts, ...]
    projections: tuple[ProjectionCounts, ...]
    messages_at_least: Array
    host_macs: Mapping[str, int] = field(default_factory=dict)
    steps_per_tick: int = 1
    steps_streamed: int = 0
    windows: tuple[Counts, ...] = ()

    def __post_init__(self) -> None:
        if not self.steps_streamed:
            object.__setattr__(self, "steps_streamed", self.ticks)

    @property
    def window_ticks(self) -> int:
        """T; of windows the most that any has: what one value that is sent on can be counted in."""
        return max((window.ticks for window in self.windows), default=self.ticks)

    @property
    def steps_alone(self) -> int:
        """Machine steps of one inference alone, k(T − 1) + depth; T where the depth is not known. Of windows their sum."""
        if self.windows:
            return sum(window.steps_alone for window in self.windows)
        return self.steps_per_tick * (self.ticks - 1) + (self.depth or 1)

    @property
    def neurons(self) -> int:
        return sum(p.size for p in self.populations if p.role == "neurons")

    @property
    def synapses(self) -> int:
        """Nonzero weights that carry spikes; of windows the most that each projection has in any."""
        return sum(p.synapses for p in self.projections)

    @property
    def synapse_ticks(self) -> int:
        """Synaptic events if every neuron spiked in every tick: synapses × T; of windows their sum."""
        if self.windows:
            return sum(window.synapse_ticks for window in self.windows)
        return self.synapses * self.ticks

    @property
    def synaptic_events(self) -> Array:
        """Of binary spikes: additions."""
        return self._sum(p.synaptic_events for p in self.projections if not p.graded)

    @property
    def graded_events(self) -> Array:
        """Synaptic events of graded spikes: multiply-adds."""
        return self._sum(p.synaptic_events for p in self.projections if p.graded)

    def synaptic_events_stored(self, storage: Storage) -> Array:
        """Synaptic events of binary spikes in the projections kept in one form."""
        return self._sum(p.synaptic_events for p in self.projections if p.storage == storage and not p.graded)

    @property
    def spikes(self) -> Array:
        """All spikes, sources included."""
        return self._sum(p.spikes for p in self.populations)

    @property
    def neuron_spikes(self) -> Array:
        return self._sum(p.spikes for p in self.populations if p.role == "neurons")

    @property
    def graded_spikes(self) -> Array:
        """Those of all spikes that carry a number."""
        return self._sum(p.spikes for p in self.populations if p.graded)

    @property
    def input_spikes(self) -> Array:
        return self._sum(p.spikes for p in self.populations if p.role == "source")

    @property
    def updates_active(self) -> Array:
        return self._sum(p.updates_active for p in self.populations)

    @property
    def updates_inactive(self) -> Array:
        return self._sum(p.updates_inactive for p in self.populations)

    @property
    def neuron_updates(self) -> Array:
        """Updates in the model's window: neurons × T."""
        return self.updates_active + self.updates_inactive

    @property
    def fill_and_drain_updates(self) -> int:
        """Updates of one inference alone that are at no tick: neurons × (steps alone − T), which is depth − 1 each at one step a tick."""
        if self.windows:
            return sum(window.fill_and_drain_updates for window in self.windows)
        return self.neurons * (self.steps_alone - self.ticks)

    @property
    def gap_updates(self) -> int:
        """The same of a streamed inference: none where one follows the other every T steps. Windows are never streamed."""
        if self.windows:
            return self.fill_and_drain_updates
        return self.neurons * (self.steps_streamed - self.ticks)

    @property
    def messages(self) -> Array:
        return self._sum(p.messages for p in self.populations)

    @property
    def bias_writes(self) -> int:
        return sum(p.bias_writes for p in self.populations)

    @property
    def state_resets(self) -> int:
        return sum(p.state_resets for p in self.populations)

    def _sum(self, arrays: Any) -> Array:
        return cast(Array, sum(arrays, np.zeros(self.samples, dtype=np.int64)))


def count(network: Network, recording: Recording, *, host_macs: Mapping[str, int] | None = None) -> Counts:
    """Count a recording of a network.

    Args:
        network: whose weights the spikes met.
        recording: its tally, or spikes of every population but static sources.
        host_macs: multiply-adds per inference of what runs off chip, by name. None: those that turn static inputs into currents, see
            :func:`neurograph.host_products.static_macs`; a mapping is taken as the whole of it.

    Raises:
        InputError: the recording misses a population, has another shape, or another number of ticks.
    """
    tally = recording.tally or tally_of(network, {p.name: _spikes_of(p, network, recording) for p in _recorded(network)})
    samples = len(next(iter(tally.spikes.values()))) if tally.spikes else recording.samples
    none = np.zeros(samples, dtype=np.int64)
    projections = tuple(
        _count_projection(p, events, network.populations[p.source].sends_numbers)
        for p, events in zip(network.spiking_projections, tally.synaptic_events, strict=True)
    )
    events_in = dict.fromkeys(network.populations, none)
    for counted in projections:
        events_in[counted.target] = events_in[counted.target] + counted.synaptic_events
    populations = []
    for population in network.populations.values():
        name = population.name
        active = tally.updates_active.get(name, none)
        populations.append(
            PopulationCounts(
                name=name,
                role="static source" if population.is_static else "source" if population.is_source else "neurons",
                shape=population.shape,
                depth=population.depth,
                spikes=tally.spikes.get(name, none),
                updates_active=active,
                updates_inactive=(0 if population.is_source else population.size * network.ticks) - active,
                synaptic_events_in=events_in[name],
                messages=tally.messages.get(name, none),
                bias_writes=_bias_writes(population, network),
                state_resets=0
                if getattr(population.neuron, "state", "kept") == "kept"
                else population.size,  # sources and relays have none
                graded=population.sends_numbers,
            )
        )
    depths = [p.depth for p in network.populations.values() if not p.is_static]
    known = [depth for depth in depths if depth is not None]
    aligned = bool(known) and len(known) == len(depths)
    return Counts(
        samples=samples,
        ticks=network.ticks,
        depth=max(known) if aligned else None,
        populations=tuple(populations),
        projections=projections,
        messages_at_least=np.sum(list(tally.reached.values()), axis=0, dtype=np.int64) if tally.reached else none,
        host_macs=dict(static_macs(network) if host_macs is None else host_macs),
        steps_per_tick=network.steps_per_tick,
        steps_streamed=timing.period(network) if aligned else network.ticks,
    )


def fan_in(weights: Weights) -> Array:
    """Nonzero weights into each target neuron, shape (out,). The other side of ``weights.fan_out()``; expands nothing."""
    if isinstance(weights, Dense):
        return cast(Array, np.count_nonzero(weights.matrix, axis=1).astype(np.int64))
    if isinstance(weights, Sparse):
        return _row_nonzeros(weights.matrix)
    left, right = weights.left, weights.right
    if isinstance(left, (Identity, OnesColumn)):
        rows = np.ones(left.shape[0], dtype=np.int64)
    elif isinstance(left, OnesRow):
        rows = np.array([left.size], dtype=np.int64)
    else:
        rows = _row_nonzeros(left)
    if isinstance(right, Identity):
        columns = np.ones(right.size, dtype=np.int64)
    elif right.ndim == 1:
        columns = (right != 0).astype(np.int64)
    else:
        columns = np.count_nonzero(right, axis=1).astype(np.int64)
    return np.multiply.outer(rows, columns).ravel()


def _row_nonzeros(matrix: sp.csr_matrix) -> Array:
    return np.diff(np.append(0, np.cumsum(matrix.data != 0))[matrix.indptr]).astype(np.int64)


def _recorded(network: Network) -> list[Population]:
    return [p for p in network.populations.values() if not p.is_static]


def _spikes_of(population: Population, network: Network, recording: Recording) -> Array:
    """Spikes of shape (samples, T, *shape)."""
    if population.name not in recording.spikes:
        held = ", ".join(recording.spikes) or "none"
        raise InputError(f"recording: no spikes of population {population.name!r}, it holds {held}; record every population of the network")
    spikes = np.asarray(recording.spikes[population.name])
    expected = (recording.samples, network.ticks, *population.shape)
    if spikes.shape != expected:
        raise InputError(
            f"recording: population {population.name!r} has shape {spikes.shape}, the network needs {expected} (samples, ticks, *shape); "
            "count with the network that made the recording"
        )
    return spikes


def _count_projection(projection: Projection, events: Array, graded: bool) -> ProjectionCounts:
    return ProjectionCounts(
        name=projection.name,
        source=projection.source,
        target=projection.target,
        storage="dense" if isinstance(projection.weights, Dense) else "sparse",
        synapses=int(np.asarray(projection.weights.fan_out(), dtype=np.int64).sum()),
        synaptic_events=events,
        graded=graded,
        indexed=sp.issparse(getattr(projection.weights, "left", None)) or isinstance(projection.weights, Sparse),
    )


def _bias_writes(population: Population, network: Network) -> int:
    driven = np.zeros(population.size, dtype=bool)
    for projection in network.into(population.name):
        if network.populations[projection.source].is_static:
            driven |= fan_in(projection.weights) > 0
    return int(np.count_nonzero(driven))
