"""Parity: two recordings of the same network, compared population by population and tick by tick.

A float mismatch at a tie, where the neuron that stayed silent has |v − θ| below 1e-9, is no mismatch: rounding decided. It is counted as
a tie, and what lies downstream of it in that sample, from that tick on, is not compared but counted as skipped. What a real-valued
population sends differs where |a − b| is 1e-9 · max(1, |a|) or more; the integers of a graded one must be equal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from neurograph.errors import InputError
from neurograph.network import LIF, CubaLIF, Network, Threshold
from neurograph.sim.recording import Recording

__all__ = ["TIE", "Comparison", "Mismatch", "compare"]

Array = NDArray[Any]
TIE = 1e-9


@dataclass(frozen=True)
class Mismatch:
    """Where two recordings first differ: earliest tick, then most upstream population."""

    population: str
    sample: int
    tick: int
    neuron: tuple[int, ...]
    quantity: str
    a: float
    b: float

    def __str__(self) -> str:
        where = f"{self.population}{list(self.neuron)} at tick {self.tick} of sample {self.sample}"
        return f"{where}: {self.quantity} {self.a:g} against {self.b:g}"


@dataclass(frozen=True)
class Comparison:
    """The result for one pair. ``compared`` and ``skipped`` count spike slots; ``compared_voltages`` the u and v compared."""

    a: str
    b: str
    populations: int
    compared: int
    mismatched_spikes: int
    compared_voltages: int
    mismatched_voltages: int
    ties: int
    skipped: int
    first_mismatch: Mismatch | None

    @property
    def ok(self) -> bool:
        """No mismatch, and something was compared, or not because of a tie."""
        return self.mismatched_spikes == 0 and self.mismatched_voltages == 0 and (self.compared > 0 or self.ties > 0)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "ok": self.ok}


def compare(network: Network, a: Recording, b: Recording, *, voltages: bool = False) -> Comparison:
    """Compare spikes, and with ``voltages`` also u and v, of every computing population that both recorded.

    Args:
        network: the network that both ran, for the thresholds (ties) and for what lies downstream.
        a, b: recordings of shape (samples, T, *shape) a population.
        voltages: demand equal u and v (integer engines).

    Raises:
        InputError: no population of the network is in both, or recordings of other shapes.
    """
    names = [name for name in network.order() if name in a.spikes and name in b.spikes and not network.populations[name].is_source]
    _check_comparable(network, a, b, names)
    valid = {name: np.ones(a.spikes[name].shape[:2], dtype=bool) for name in names}
    ties = 0 if network.is_integer else _mark_ties(network, a, b, names, valid)
    found: list[Mismatch] = []
    totals = dict.fromkeys(("compared", "mismatched_spikes", "compared_voltages", "mismatched_voltages", "skipped"), 0)
    for name in names:
        population = network.populations[name]
        sent = "value" if population.is_real else "message" if population.is_graded else "spike"
        compared = _compare_one(name, sent, a.spikes[name], b.spikes[name], valid[name], found)
        totals["compared"] += compared[0]
        totals["mismatched_spikes"] += compared[1]
        totals["skipped"] += a.spikes[name].size - compared[0]
        for kind in ("currents", "voltages") if voltages else ():
            mine, other = getattr(a, kind).get(name), getattr(b, kind).get(name)
            if mine is not None and other is not None:
                compared = _compare_one(name, kind[:-1], mine, other, valid[name], found)
                totals["compared_voltages"] += compared[0]
                totals["mismatched_voltages"] += compared[1]
    rank = {name: i for i, name in enumerate(names)}
    first = min(found, key=lambda m: (m.sample, m.tick, rank[m.population]), default=None)
    return Comparison(a.engine, b.engine, len(names), ties=ties, first_mismatch=first, **totals)


def _check_comparable(network: Network, a: Recording, b: Recording, names: Sequence[str]) -> None:
    """Refuse recordings that are not of this network, or not of the same samples and ticks."""
    both = f"recordings of engines {a.engine!r} and {b.engine!r}"
    if not names:
        raise InputError(
            f"{both}: the first holds {_listed(a.spikes)}, the second {_listed(b.spikes)}, must both hold one of the network's populations "
            f"{_listed([p.name for p in network.neurons])}, so nothing is there to be compared; record it in both, or give the network "
            "that was run"
        )
    leads = [tuple(r.spikes[names[0]].shape[:2]) for r in (a, b)]
    for what, *found in zip(("samples", "ticks"), *leads, strict=False):
        if found[0] != found[1]:
            raise InputError(f"{both}: {found[0]:,} and {found[1]:,} {what}, must be the same number; run both on the same {what}")
    for recording in (a, b):
        for kind in ("spikes", "currents", "voltages"):
            held = getattr(recording, kind)
            for name in names:
                wanted = (*leads[0], *network.populations[name].shape)
                if name in held and tuple(held[name].shape) != wanted:
                    raise InputError(
                        f"recording of engine {recording.engine!r}: {kind} of population {name!r} have shape {tuple(held[name].shape)}, "
                        f"must be {wanted}; give recordings of this network, all of the same samples and ticks"
                    )


def _listed(names: Collection[str]) -> str:
    some = ", ".join(map(repr, list(names)[:5]))
    return f"{some} and {len(names) - 5:,} more" if len(names) > 5 else some or "none"


def _compare_one(name: str, quantity: str, a: Array, b: Array, valid: Array, found: list[Mismatch]) -> tuple[int, int]:
    """Slots compared and slots that differ; the first one that differs goes to ``found``."""
    a, b = np.asarray(a), np.asarray(b)  # they may lie in a file
    unequal = a != b if quantity != "value" else np.abs(a - b) >= TIE * np.maximum(1.0, np.abs(a))
    differ = unequal & valid.reshape(*valid.shape, *(1,) * (a.ndim - 2))
    count = int(np.count_nonzero(differ))
    if count:
        where = tuple(int(i) for i in np.unravel_index(int(np.argmax(differ)), differ.shape))
        found.append(Mismatch(name, where[0], where[1], where[2:], quantity, float(a[where]), float(b[where])))
    return int(np.count_nonzero(valid)) * int(np.prod(a.shape[2:])), count


def _mark_ties(network: Network, a: Recording, b: Recording, names: Iterable[str], valid: dict[str, Array]) -> int:
    """Count ties, upstream first, and clear ``valid`` where a tie's consequences would be compared."""
    graph = nx.DiGraph()
    graph.add_edges_from((p.source, p.target) for p in network.projections)
    ties = 0
    for name in names:
        neuron = network.populations[name].neuron
        if not isinstance(neuron, (LIF, CubaLIF, Threshold)):
            continue
        threshold = np.asarray(neuron.threshold, dtype=np.float64)
        slots = valid[name].reshape(*valid[name].shape, *(1,) * (a.spikes[name].ndim - 2))
        differ = (np.asarray(a.spikes[name]) != np.asarray(b.spikes[name])) & slots
        for sample, tick in sorted({(int(i), int(t)) for i, t in zip(*np.nonzero(differ)[:2], strict=True)}):
            if not valid[name][sample, tick]:
                continue
            here = differ[sample, tick]
            silent = [
                np.where(r.spikes[name][sample, tick] == 0, r.voltages[name][sample, tick], np.nan)[here]
                for r in (a, b)
                if name in r.voltages
            ]
            margin = np.full(int(here.sum()), np.inf)
            for v in silent:
                margin = np.fmin(margin, np.abs(v - np.broadcast_to(threshold, here.shape)[here]))
            if not (margin < TIE).all():
                continue  # a real mismatch: leave it to be counted
            ties += int(here.sum())
            valid[name][sample, tick:] = False
            for below in nx.descendants(graph, name) if name in graph else ():
                if below in valid:
                    valid[below][sample, tick:] = False
    return ties
