"""One row of benchmarks/simulators.py: every contestant on the same network, in turns, the fewest seconds of each; spikes compared."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import simulator_torch
from numpy.typing import NDArray
from simulator_children import SIMULATORS
from simulator_floor import Part, parts_of
from simulator_loop import StepLoop
from simulator_networks import Row

from neurograph.errors import LavaError, LavaMissingError, LavaTimeoutError
from neurograph.network import Network
from neurograph.sim import fixed, floating
from neurograph.sim.choice import simulator
from neurograph.sim.lava import engine as lava
from neurograph.sim.recording import Recording

__all__ = ["Settings", "measure"]

Array = NDArray[Any]
BATCHES = (1, 32)
FEW = 2_000_000  # synapses; more take other simulators a minute to build


@dataclass(frozen=True)
class Settings:
    """How long to measure, and whom.

    Args:
        batches: samples at once.
        rounds: turns of our engines, the step loop and the floor.
        slow_rounds: turns of Lava with one sample, of torch's frameworks and of the other simulators.
        budget_s: seconds that a contestant may repeat itself within a turn.
        lava, others, torch: whether they run.
        lava_s: about how long Lava may step through a batch: of a slow network it is given the first samples only.
        timeout_s: limit of Lava, for one run with start-up, and of the other simulators.
    """

    batches: tuple[int, ...] = BATCHES
    rounds: int = 5
    slow_rounds: int = 3
    budget_s: float = 0.1
    lava: bool = True
    others: bool = True
    torch: bool = True
    lava_s: float = 60.0
    timeout_s: float = 600.0


@dataclass
class Clock:
    """The fewest seconds of each contestant, and what they said where there are none."""

    budget_s: float
    seconds: dict[str, float] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    def time(self, name: str, call: Callable[[], Any]) -> Any:
        """Run a contestant until its time is over; the last result."""
        end = time.perf_counter() + self.budget_s
        while True:
            start = time.perf_counter()
            result = call()
            self.note(name, time.perf_counter() - start)
            if time.perf_counter() > end:
                return result

    def note(self, name: str, seconds: float) -> None:
        self.seconds[name] = min(seconds, self.seconds.get(name, seconds))


def measure(row: Row, settings: Settings) -> dict[str, Any]:
    """All figures of a row.

    Raises:
        AssertionError: two contestants that must give the same spikes do not, or our counts are not those of the spikes.
    """
    network, loop = row.network, StepLoop(row.network)
    synapses = sum(int(p.weights.fan_out().sum()) for p in network.spiking_projections)
    found: dict[str, Any] = {
        "name": row.name,
        "title": row.title,
        "ticks": network.ticks,
        "neurons": sum(p.size for p in network.neurons),
        "synapses": synapses,
        "depth": max(p.depth or 1 for p in network.populations.values()),
        "batches": {},
    }
    for batch in settings.batches:
        say(f"{row.name}: batch {batch}")
        one = found["batches"].get("1", {}).get("seconds", {}).get("lava")
        streamed = batch if one is None else min(batch, max(2, round(settings.lava_s / one)))
        figures, spikes = _batch(row, loop, batch, settings, streamed)
        found["batches"][str(batch)] = figures
    found["rates"] = {p.name: float(spikes[p.name].mean()) for p in loop.order}
    found["others"] = _others(row, loop, settings) if settings.others else {}
    found["floats"] = _floats(row, settings) if settings.torch and row.floats is not None else {}
    return found


def _batch(row: Row, loop: StepLoop, batch: int, settings: Settings, streamed: int) -> tuple[dict[str, Any], dict[str, Array]]:
    network, inputs, clock = row.network, row.batch(batch), Clock(settings.budget_s)
    spikes = loop.run(inputs)
    ours = fixed.run(network, inputs, record="spikes", counts=True)
    compared = _same(f"{row.name}: fixed engine and step loop", network, ours, spikes)
    _tallied(row.name, network, ours, spikes)
    static = {s.name: inputs[s.name] for s in network.sources if s.is_static}
    parts = parts_of(network, spikes, static)
    figures: dict[str, Any] = {"compared_slots": compared, "equal_to": ["step loop"]}
    runs, engine = settings.slow_rounds if batch == 1 else 1, ready(network)
    for turn in range(settings.rounds):
        clock.time("ours", lambda: engine(inputs, record="none", counts=True))
        clock.time("ours without counts", lambda: engine(inputs, record="none"))
        clock.time("ours, made ready anew", lambda: fixed.run(network, inputs, record="none", counts=True))
        clock.time("step loop", lambda: loop.run(inputs))
        for part in parts:
            part.measure(settings.budget_s / 10)
        if settings.lava and turn < runs and "lava" not in clock.said:
            _lava(row, streamed, spikes, clock, settings, figures)
    samples = {"lava": streamed, "lava with start-up": streamed}
    figures["seconds"] = {name: seconds / samples.get(name, batch) for name, seconds in clock.seconds.items()}
    figures["said"] = clock.said
    figures["floor"] = _floor(parts, batch)
    return figures, spikes


def ready(network: Network) -> Callable[..., Recording]:
    """Our engine with a network made ready, as Lava's is once it has started: (inputs, options) → Recording."""
    made = simulator(network, None, integer=network.is_integer)
    return made.run if made else partial((fixed if network.is_integer else floating).run, network)


def _lava(row: Row, samples: int, spikes: Mapping[str, Array], clock: Clock, settings: Settings, figures: dict[str, Any]) -> None:
    """One run in Lava of the first samples, which must give the same spikes."""
    start = time.perf_counter()
    try:
        recording = lava.run(row.network, row.batch(samples), record=("spikes",), timeout_s=settings.timeout_s)
    except LavaMissingError as error:
        clock.said["lava"] = f"missing: {error}"
    except (LavaTimeoutError, LavaError) as error:
        clock.said["lava"] = f"cannot: {error}"
    else:
        clock.note("lava", recording.wall_s)
        clock.note("lava with start-up", time.perf_counter() - start)
        figures["lava_samples"], figures["lava_steps"] = samples, recording.machine_steps
        figures["lava_processes"] = recording.notes["processes"]
        heard = {name: values[:samples] for name, values in spikes.items()}
        figures["lava_compared_slots"] = _same(f"{row.name}: Lava and step loop", row.network, recording, heard)
        if "Lava" not in figures["equal_to"]:
            figures["equal_to"].append("Lava")


def _same(what: str, network: Network, recording: Recording, spikes: Mapping[str, Array]) -> int:
    """Slots compared.

    Raises:
        AssertionError: one that differs.
    """
    compared = 0
    for p in network.neurons:
        mine = recording.spikes[p.name].reshape(spikes[p.name].shape)
        differ = int(np.count_nonzero(mine != spikes[p.name]))
        if differ:
            raise AssertionError(f"{what}: {differ} of {mine.size} slots of population {p.name!r} differ")
        compared += mine.size
    return compared


def _tallied(name: str, network: Network, recording: Recording, spikes: Mapping[str, Array]) -> None:
    tally = recording.tally
    if tally is None:
        raise AssertionError(f"{name}: counts were asked for, the recording has no tally")
    for p in network.neurons:
        if not np.array_equal(tally.spikes[p.name], spikes[p.name].sum(axis=(1, 2), dtype=np.int64)):
            raise AssertionError(f"{name}: spikes of population {p.name!r} are counted wrong")
    for p, events in zip(network.spiking_projections, tally.synaptic_events, strict=True):
        if not np.array_equal(events, spikes[p.source].sum(axis=1, dtype=np.int64) @ np.asarray(p.weights.fan_out(), dtype=np.int64)):
            raise AssertionError(f"{name}: synaptic events of projection {p.name} are counted wrong")


def _floor(parts: list[Part], batch: int) -> dict[str, Any]:
    best = {f"{i} {part.name}": part.best for i, part in enumerate(parts)}
    return {
        "seconds": sum(seconds for _, seconds in best.values()) / batch,
        "ways": {name: way for name, (way, _) in best.items()},
        "parts": {f"{i} {part.name}": {way: seconds / batch for way, seconds in part.seconds.items()} for i, part in enumerate(parts)},
    }


def _others(row: Row, loop: StepLoop, settings: Settings) -> dict[str, Any]:
    """nengo-loihi and SANA-FE, one sample."""
    found: dict[str, Any] = {}
    spikes = loop.run(row.batch(1))
    synapses = sum(int(p.weights.fan_out().sum()) for p in row.network.spiking_projections)
    slots = sum(spikes[p.name].size for p in loop.order)
    for key, other in SIMULATORS.items():
        say(f"{row.name}: {other.name}")
        missing = other.missing()
        if missing:
            found[key] = {"said": f"missing: {missing}"}
            continue
        try:
            answer = other.run(row.network, row.inputs, settings.slow_rounds if synapses < FEW else 1, settings.timeout_s)
        except (LookupError, RuntimeError) as error:
            found[key] = {"said": f"cannot: {error}"}
            continue
        differ = sum(int(np.count_nonzero(answer.spikes[p.name] != spikes[p.name][0])) for p in loop.order)
        found[key] = {"seconds": min(answer.seconds), "differ": differ, "slots": slots}
    return found


def _floats(row: Row, settings: Settings) -> dict[str, Any]:
    """The float network: ours, snnTorch, Norse."""
    assert row.floats is not None
    network, found = row.floats, {"batches": {}, "said": {}}
    steppers = {}
    for key in simulator_torch.FRAMEWORKS:
        why = simulator_torch.unsupported(network, key)
        if why is None:
            steppers[key] = simulator_torch.Stepper(network, key, row.graph)
        else:
            found["said"][key] = f"cannot: {why}"
    for batch in settings.batches:
        say(f"{row.name}: floats, batch {batch}")
        found["batches"][str(batch)] = _float_batch(row, network, steppers, batch, settings)
    return found


def _float_batch(
    row: Row, network: Network, steppers: Mapping[str, simulator_torch.Stepper], batch: int, settings: Settings
) -> dict[str, Any]:
    inputs, clock = row.batch(batch), Clock(settings.budget_s)
    ours = floating.run(network, inputs, record="spikes")
    differ = {key: _differing(network, ours, stepper.run(inputs, keep=True)) for key, stepper in steppers.items()}
    engine = ready(network)
    for turn in range(settings.rounds):
        clock.time("ours", lambda: engine(inputs, record="none"))
        if turn < (settings.slow_rounds if batch == 1 else 1):
            for key, stepper in steppers.items():
                clock.time(key, partial(stepper.run, inputs))
    seconds = {name: seconds / batch for name, seconds in clock.seconds.items()}
    return {"seconds": seconds, "differ": differ, "slots": sum(ours.spikes[p.name].size for p in network.neurons)}


def _differing(network: Network, ours: Recording, spikes: Mapping[str, Array]) -> int:
    return sum(int(np.count_nonzero(ours.spikes[p.name].reshape(spikes[p.name].shape) != spikes[p.name])) for p in network.neurons)


def say(text: str) -> None:
    """One line of progress on stderr."""
    print(text, file=sys.stderr, flush=True)
