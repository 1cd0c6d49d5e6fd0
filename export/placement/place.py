"""place: a network onto the cores and chips of a target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from neurograph.core_work import CoreWork
from neurograph.errors import PlacementError
from neurograph.export.placement.fill import fill
from neurograph.export.placement.grids import Array, grid, links, placed
from neurograph.export.placement.limits import Limits
from neurograph.export.placement.mesh import Mesh, arrange, in_order, shuffled
from neurograph.export.placement.partition import partition, piece_traffic
from neurograph.export.placement.rules import NETWORK_RULES, Utilisation, binding, check, utilisation
from neurograph.export.placement.traffic import Traffic, count_traffic, spike_totals
from neurograph.export.placement.usage import Usage, measure, parameters
from neurograph.export.placement.work import count_work
from neurograph.network import Network
from neurograph.sim.recording import Recording

__all__ = ["METHODS", "Method", "Placement", "Slice", "evaluate", "place"]

Method = Literal["metis", "greedy", "greedy-nodes", "random"]
METHODS: tuple[Method, ...] = ("metis", "greedy", "greedy-nodes", "random")
LARGEST_WORK = 1_000_000
"""Samples × ticks × cores up to which work is counted core by core: placement.json then stays below some 30 MB."""


@dataclass(frozen=True)
class Slice:
    """Neurons of a population on one core: every node of ``nodes`` with every feature of ``features``."""

    population: str
    nodes: Array
    features: Array


@dataclass(frozen=True)
class Placement:
    """Where every neuron lies, and what that takes.

    Args:
        method, seed: how it was made.
        limits: of the target.
        network: what was placed.
        core_of: population → core of each neuron, (size,). Sources have none: the host feeds them.
        mesh: where each core lies.
        usage: what each core holds.
        rules: every rule with what is used where it is used most.
        traffic: of the recording, where there was one.
        work: core by core and step by step, of the recording; None without one, and past :data:`LARGEST_WORK`.
    """

    method: str
    seed: int
    limits: Limits
    network: Network
    core_of: Mapping[str, Array]
    mesh: Mesh
    usage: Usage
    rules: tuple[Utilisation, ...]
    traffic: Traffic | None
    work: CoreWork | None = None

    @property
    def cores(self) -> int:
        return self.usage.cores

    @property
    def chips(self) -> int:
        return self.mesh.chips

    @property
    def notes(self) -> tuple[str, ...]:
        """For people: which populations send numbers in place of spikes."""
        graded = (p for p in placed(self.network) if p.is_graded)
        return tuple(f"population {p.name!r}: {p.size:,} neurons that send graded spikes ({type(p.neuron).__name__})" for p in graded)

    @property
    def binding(self) -> Utilisation:
        """The rule that decides how many cores are needed."""
        return binding(self.rules)

    def slices(self) -> Iterator[tuple[int, Slice]]:
        """Core and slice, every neuron in exactly one; populations in the network's order."""
        for population in placed(self.network):
            table = self.core_of[population.name].reshape(grid(population))
            together: dict[bytes, list[int]] = {}
            for feature in range(table.shape[1]):
                together.setdefault(np.ascontiguousarray(table[:, feature]).tobytes(), []).append(feature)
            for features in together.values():
                column = table[:, features[0]]
                order = np.argsort(column, kind="stable")
                cores, starts = np.unique(column[order], return_index=True)
                for core, nodes in zip(cores.tolist(), np.split(order, starts[1:]), strict=True):
                    yield core, Slice(population.name, nodes, np.array(features))


def place(
    network: Network,
    limits: Limits,
    *,
    recording: Recording | None = None,
    method: Method = "metis",
    seed: int = 0,
    rates: Mapping[str, Array] | None = None,
) -> Placement:
    """Place an integer network on a target.

    Args:
        network: aligned and quantised.
        limits: of the target, see :class:`neurograph.export.placement.limits.Limits`.
        recording: a run of the network; its spikes weigh the traffic. Without one every neuron counts as one spike.
        method: "metis" keeps together what talks (:mod:`~neurograph.export.placement.partition`); the others are there to compare with
            (:mod:`~neurograph.export.placement.fill`) and leave cores in their own, or a random, order on the mesh.
        seed: of METIS or of the shuffle; the same seed gives the same placement.
        rates: population → spikes of each neuron, (size,), which weigh the traffic in place of the recording's.

    Raises:
        PlacementError: a float network; a rule that no number of cores satisfies, with where, value, limit and way out.
        InputError: a recording of another network.
    """
    if method not in METHODS:
        raise PlacementError(f"placement: method {method!r} does not exist; take one of {', '.join(METHODS)}")
    if not placed(network):
        raise PlacementError("placement: the network has sources only, no neuron to place; place a network that computes")
    of, sets = links(network), parameters(network)
    check(tuple(rule(network, of, limits) for rule in NETWORK_RULES), limits)
    rates = _rates(network, recording) if rates is None else rates
    if method == "metis":
        core_of, cores = partition(network, of, limits, sets, rates, seed)
        usage = measure(network, of, core_of, cores, limits, sets)
        mesh = arrange(piece_traffic(usage, core_of, rates), limits, seed)
    else:
        core_of, cores = fill(network, of, limits, sets, method, seed)
        usage = measure(network, of, core_of, cores, limits, sets)
        mesh = shuffled(cores, limits, seed) if method == "random" else in_order(cores, limits)
    return _checked(network, limits, core_of, usage, mesh, recording, method, seed)


def evaluate(
    network: Network,
    limits: Limits,
    core_of: Mapping[str, Array],
    mesh: Mesh,
    *,
    recording: Recording | None = None,
    method: str = "given",
    seed: int = 0,
) -> Placement:
    """Count and check a placement that is given: by hand, or read from a file.

    Args:
        core_of: population → core of each neuron, shape (size,); every population that is placed.
        mesh: where each core lies.

    Raises:
        PlacementError: a neuron without a core, or a rule that is broken, by name.
    """
    of, sets = links(network), parameters(network)
    cores = len(mesh.chip)
    for population in placed(network):
        at = core_of.get(population.name)
        if at is None or at.shape != (population.size,) or at.min() < 0 or at.max() >= cores:
            raise PlacementError(
                f"population {population.name!r}: its {population.size:,} neurons are not all on one of the {cores} cores; place it again"
            )
    usage = measure(network, of, core_of, cores, limits, sets)
    return _checked(network, limits, core_of, usage, mesh, recording, method, seed)


def _checked(
    network: Network,
    limits: Limits,
    core_of: Mapping[str, Array],
    usage: Usage,
    mesh: Mesh,
    recording: Recording | None,
    method: str,
    seed: int,
) -> Placement:
    rules = utilisation(usage, network, links(network), limits)
    check(rules, limits)
    traffic = None if recording is None else count_traffic(network, usage.routes, core_of, mesh, recording)
    work = count_work(network, usage, core_of, recording) if recording is not None and _bearable(network, usage, recording) else None
    return Placement(method, seed, limits, network, core_of, mesh, usage, rules, traffic, work)


def _bearable(network: Network, usage: Usage, recording: Recording) -> bool:
    return recording.samples * network.ticks * usage.cores <= LARGEST_WORK


def _rates(network: Network, recording: Recording | None) -> dict[str, Array]:
    if recording is not None:
        return {name: spikes.astype(np.float64) for name, spikes in spike_totals(network, recording).items()}
    return {p.name: np.ones(p.size) for p in network.populations.values() if not p.is_static}
