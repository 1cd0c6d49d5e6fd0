"""Running a network whose synapses change, window by window: membranes, or rates through the host, go from one to the next, no more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import InputError
from neurograph.network import Network
from neurograph.sim.check import run_engine
from neurograph.sim.engines import INTEGER_ENGINES
from neurograph.sim.parity import Comparison, Mismatch, compare
from neurograph.sim.recording import Recording
from neurograph.windows import DynamicNetwork, Window, rates_of, started

__all__ = ["WINDOW_ENGINES", "WindowRun", "compare_windows", "disagreement", "joined", "overflow", "run_windows"]

Array = NDArray[Any]
WINDOW_ENGINES = ("float", "fixed", "pipelined-float", "pipelined-fixed", "lava-float", "lava-fixed")


@dataclass(frozen=True)
class WindowRun:
    """What one window did.

    Args:
        at: number of the window, from 0.
        network: that was run, its neurons started where they had been left; None of an empty window, in which nothing happens.
        recording: of one sample; None of an empty window.
        dropped: spikes of the last tick that were still under way over a lag when the window ended.
        inputs: source → values that it was run with, feedback included.
    """

    at: int
    network: Network | None
    recording: Recording | None
    dropped: int
    inputs: Mapping[str, Array] = field(default_factory=dict)


def run_windows(dynamic: DynamicNetwork, engine: str = "fixed", *, timeout_s: float = 170.0) -> Iterator[WindowRun]:
    """Run the windows in their order, each with the membranes that the engine itself left in those before, or the rates that it fired at.

    Args:
        dynamic: float or integer, as the engine takes it; aligned for a pipelined engine or Lava.
        engine: of :data:`WINDOW_ENGINES`.
        timeout_s: for each window in Lava.

    Raises:
        InputError: another engine. NeurographError: what the engine raises.
    """
    if engine not in WINDOW_ENGINES:
        raise InputError(f"engine {engine!r}: runs no windows; choose one of {', '.join(WINDOW_ENGINES)}")
    if dynamic.is_integer != (engine in INTEGER_ENGINES):
        raise InputError(f"engine {engine!r}: does not run {'an integer' if dynamic.is_integer else 'a float'} network; give it the other")
    held = _membranes(dynamic)
    rates = {name: np.zeros((dynamic.nodes, *dynamic.network.populations[name].shape[1:])) for name, _ in dynamic.feedback.values()}
    for at, window in enumerate(dynamic.windows):
        if window.network is None:
            yield WindowRun(at, None, None, 0)
            continue
        network = started(window.network, {name: v[window.nodes] for name, v in held.items()}) if held else window.network
        inputs = _currents(dynamic, window, rates)
        recording = run_engine(engine, network, network, inputs, timeout_s=timeout_s)
        for name, v in held.items():
            v[window.nodes] = recording.voltages[name][0, -1]
        for name, a in rates.items():
            a[window.nodes] = rates_of(dynamic, recording.spikes[name][0])
        yield WindowRun(at, network, recording, _under_way(network, recording), inputs)


def overflow(runs: Iterable[WindowRun]) -> tuple[dict[str, int], dict[str, int]]:
    """How often u wrapped and v was clipped in all windows of the fixed engine, by population."""
    wraps: dict[str, int] = {}
    clips: dict[str, int] = {}
    for run in runs:
        for kind, total in (("wraps", wraps), ("clips", clips)):
            for name, count in {} if run.recording is None else run.recording.notes.get(kind, {}).items():
                total[name] = total.get(name, 0) + count
    return wraps, clips


def spikes_of(runs: Iterable[WindowRun]) -> dict[str, int]:
    """Spikes of each population in all windows."""
    counts: dict[str, int] = {}
    for run in runs:
        for name, count in {} if run.recording is None else run.recording.counts().items():
            counts[name] = counts.get(name, 0) + count
    return counts


def _currents(dynamic: DynamicNetwork, window: Window, rates: Mapping[str, Array]) -> dict[str, Array]:
    """The inputs of a window, with what the host adds for ``rates`` (N, D) by population."""
    fed = {source: rates[name][window.nodes] @ weights.T for source, (name, weights) in dynamic.feedback.items()}
    return {source: values + fed[source] if source in fed else values for source, values in window.inputs.items()}


def _membranes(dynamic: DynamicNetwork) -> dict[str, Array]:
    """v of all N nodes before the first window; none where neurons begin anew in each."""
    kind: Any = np.int64 if dynamic.is_integer else np.float64
    return {name: np.full((dynamic.nodes, *dynamic.network.populations[name].shape[1:]), v, kind) for name, v in dynamic.start.items()}


def _under_way(network: Network, recording: Recording) -> int:
    lagged = {p.source: p.lag for p in network.spiking_projections if p.lag}
    return sum(int(np.count_nonzero(recording.spikes[name][0, -lag:])) for name, lag in lagged.items())


def compare_windows(a: Sequence[WindowRun], b: Sequence[WindowRun]) -> list[tuple[int, Comparison]]:
    """Compare two runs of the same windows, of which empty ones have nothing to compare: spikes, and of integers u and v too.

    Integer engines must agree on every u and v; of a float tie (:mod:`neurograph.sim.parity`) only what follows in the same window is left
    out, so a later window may differ because of it.
    """
    found = []
    for one, other in zip(a, b, strict=False):
        if one.network is not None and one.recording is not None and other.recording is not None:
            whole = one.network.is_integer
            found.append((one.at, compare(one.network, one.recording, other.recording, voltages=whole)))
    return found


class _InWindow(Mismatch):
    """A mismatch whose sample is the number of its window."""

    def __str__(self) -> str:
        return super().__str__().replace(f"of sample {self.sample}", f"of window {self.sample}")


def joined(found: Sequence[tuple[int, Comparison]]) -> Comparison:
    """The comparisons of several windows as one; the sample of its first mismatch is the number of the window.

    Raises:
        InputError: no window to compare.
    """
    if not found:
        raise InputError("windows: nobody takes part in any that both engines ran, so there is nothing to compare; take more windows")
    keys = ("compared", "mismatched_spikes", "compared_voltages", "mismatched_voltages", "ties", "skipped")
    totals = {key: sum(getattr(comparison, key) for _, comparison in found) for key in keys}
    first: Mismatch | None = None
    for at, comparison in found:
        if comparison.first_mismatch is not None:
            held = {field.name: getattr(comparison.first_mismatch, field.name) for field in fields(Mismatch)}
            first = _InWindow(**{**held, "sample": at})
            break
    return replace(found[0][1], first_mismatch=first, **totals)


def disagreement(runs: Sequence[WindowRun], others: Sequence[WindowRun]) -> dict[str, float]:
    """Share of spike slots in which two engines differ, over all windows, by population."""
    wrong: dict[str, list[int]] = {}
    for a, b in zip(runs, others, strict=True):
        if a.network is None or a.recording is None or b.recording is None:
            continue
        for population in a.network.neurons:
            differ = a.recording.spikes[population.name] != b.recording.spikes[population.name]
            counted = wrong.setdefault(population.name, [0, 0])
            counted[0], counted[1] = counted[0] + int(differ.sum()), counted[1] + differ.size
    return {name: some / all_ for name, (some, all_) in wrong.items()}
