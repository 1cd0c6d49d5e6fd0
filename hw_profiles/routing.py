"""What a placement on a chip makes of a recorded run: cores, chips, messages, hops. Plain values, as ``placement.json`` holds them.

    message          one spike × one distinct core that it reaches, the neuron's own core included
    hop              one step of a message from a tile to the next, along x first; a step to another chip is a crossing instead
    host message     one spike of a source × one core that it reaches: it comes from the host, over a way that is not known

``work`` says it core by core and step by step, so that a step can wait for its busiest core.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.core_work import CoreWork
from neurograph.errors import InputError, PlacementError
from neurograph.hw_profiles.counts import Counts

__all__ = ["CoreWork", "Routing"]

Array = NDArray[Any]
_WAY_OUT = "place the network again"


@dataclass(frozen=True)
class Routing:
    """A placement as far as energy and time need it; arrays are integers, (samples,).

    Args:
        target: what it was placed on.
        cores, chips: that hold neurons.
        binding_rule: that decides how many cores are needed.
        rules: every rule with ``rule, used, limit, unit, share, where, mean``.
        memory_bits_stored, memory_bits_without_sharing: of synapses, as packed and with a list of its own for every axon.
        messages: all that neurons send. inter_core: those to another core.
        hops_east_west, hops_north_south: steps between tiles of one chip. crossings: steps from chip to chip.
        host_messages: spikes of sources × cores.
        farthest_east_west, farthest_north_south, farthest_crossings: of the message that goes farthest.
        work: by core and step; None where only totals are known.
        method, notes: of the placement, for people.
        windows: of an inference that is several networks run one after the other on one placement, what each does there; its work has the
            neurons that are stepped in it. All their steps, one window after the other, are the steps of ``work``.
    """

    target: str
    cores: int
    chips: int
    binding_rule: str
    rules: tuple[Mapping[str, Any], ...]
    memory_bits_stored: int
    memory_bits_without_sharing: int
    messages: Array
    inter_core: Array
    hops_east_west: Array
    hops_north_south: Array
    crossings: Array
    host_messages: Array
    farthest_east_west: Array
    farthest_north_south: Array
    farthest_crossings: Array
    work: CoreWork | None = None
    method: str = ""
    notes: tuple[str, ...] = ()
    windows: tuple[Routing, ...] = ()

    @property
    def samples(self) -> int:
        return len(self.messages)

    @classmethod
    def from_json(cls, content: Mapping[str, Any], *, name: str = "placement.json") -> Routing:
        """From the parsed content of ``placement.json``.

        Args:
            content: what ``neurograph.export.placement.files.to_json`` made.
            name: of the file, for messages.

        Raises:
            PlacementError: a key that is missing or holds what it should not, by name; a placement that was made without a recording.
        """
        traffic = _held(content, "traffic", name)
        if traffic is None:
            raise PlacementError(f"placement {name}: traffic is null, it was made without a recording; {_WAY_OUT} with a recorded run")
        memory, rules = _held(content, "memory_bits", name), _held(content, "rules", name)
        if not isinstance(rules, list) or not rules:
            raise PlacementError(f"placement {name}: rules is {str(rules)[:40]!r}, must be a list of rules; {_WAY_OUT}")
        counts: dict[str, Any] = {key: _integers(traffic, key, name, "traffic.", 1) for key in _TRAFFIC}
        if len({len(values) for values in counts.values()}) != 1:
            lengths = ", ".join(f"{key} {len(values)}" for key, values in counts.items())
            raise PlacementError(f"placement {name}: traffic has different numbers of samples ({lengths}); {_WAY_OUT}")
        made = cls(
            target=str(_held(content, "target", name)),
            cores=_positive(content, "cores", name),
            chips=_positive(content, "chips", name),
            binding_rule=str(_held(content, "binding_rule", name)),
            rules=tuple(_rule(rule, name) for rule in rules),
            memory_bits_stored=_count(memory, "stored", name, "memory_bits."),
            memory_bits_without_sharing=_count(memory, "without_sharing", name, "memory_bits."),
            work=_work(content["work"], name) if content.get("work") is not None else None,
            method=str(content.get("method", "")),
            notes=tuple(str(note) for note in content.get("notes", ())),
            **counts,
        )
        if made.binding_rule not in {rule["rule"] for rule in made.rules}:
            raise PlacementError(f"placement {name}: binding_rule {made.binding_rule!r} is none of its rules; {_WAY_OUT}")
        if made.work is not None and (len(made.work.neurons) != made.cores or len(made.work.messages_in) != made.samples):
            raise PlacementError(
                f"placement {name}: work is of {len(made.work.neurons)} cores and {len(made.work.messages_in)} samples, the placement has "
                f"{made.cores} and {made.samples}; {_WAY_OUT}"
            )
        return made

    def check(self, counts: Counts) -> None:
        """Refuse a placement of another run.

        Raises:
            InputError: another number of windows, samples, steps, neurons or spikes than was counted.
        """
        told = f"placement on {self.target}"
        way_out = "count the recording that the network was placed with"
        if len(self.windows) != len(counts.windows):
            raise InputError(f"{told}: it is of {len(self.windows)} windows, the recording has {len(counts.windows)}; {way_out}")
        for own, window in zip(self.windows, counts.windows, strict=True):
            own.check(window)
        if self.samples != counts.samples:
            raise InputError(f"{told}: its messages are of {self.samples} sample(s), the recording has {counts.samples}; {way_out}")
        sent = self.messages + self.host_messages
        if (sent < counts.messages_at_least).any():
            sample = int(np.argmax(sent < counts.messages_at_least))
            raise InputError(
                f"{told}: {sent[sample]:,} messages in sample {sample}, the recording has {counts.messages_at_least[sample]:,} spikes that "
                f"reach somebody; {way_out}"
            )
        if self.work is None:
            return
        work, found = self.work, int(self.work.neurons.sum())
        if (found, work.steps) != (counts.neurons, counts.steps_alone):
            raise InputError(
                f"{told}: holds {found:,} neurons over {work.steps} steps, the network has {counts.neurons:,} over {counts.steps_alone}; "
                f"{way_out}"
            )
        for what, held, counted in (
            ("synaptic events", work.synaptic_events_dense + work.synaptic_events_sparse, counts.synaptic_events),
            ("graded events", work.graded_events, counts.graded_events),
        ):
            events = held.sum(axis=(1, 2))
            if (events != counted).any():
                sample = int(np.argmax(events != counted))
                raise InputError(f"{told}: {events[sample]:,} {what} in sample {sample}, the recording has {counted[sample]:,}; {way_out}")


_TRAFFIC = (
    "messages",
    "inter_core",
    "hops_east_west",
    "hops_north_south",
    "crossings",
    "host_messages",
    "farthest_east_west",
    "farthest_north_south",
    "farthest_crossings",
)


def _held(content: Any, key: str, name: str, where: str = "") -> Any:
    if not isinstance(content, Mapping) or key not in content:
        raise PlacementError(f"placement {name}: has no {where}{key}; {_WAY_OUT}")
    return content[key]


def _count(content: Any, key: str, name: str, where: str = "") -> int:
    value = _held(content, key, name, where)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise PlacementError(f"placement {name}: {where}{key} is {str(value)[:40]!r}, must be a whole number from 0; {_WAY_OUT}")
    return value


def _positive(content: Any, key: str, name: str) -> int:
    value = _count(content, key, name)
    if not value:
        raise PlacementError(f"placement {name}: {key} is 0, must be at least 1; {_WAY_OUT}")
    return value


def _integers(content: Any, key: str, name: str, where: str, dimensions: int) -> Array:
    value = _held(content, key, name, where)
    try:
        array = np.asarray(value)
    except ValueError:  # lists of unequal length
        array = np.empty(0)
    if array.ndim != dimensions or array.size == 0 or array.dtype.kind not in "iu" or (array < 0).any():
        raise PlacementError(
            f"placement {name}: {where}{key} is {str(value)[:40]!r}, must be whole numbers from 0 in {dimensions} dimension(s); {_WAY_OUT}"
        )
    return array.astype(np.int64)


def _rule(rule: Any, name: str) -> Mapping[str, Any]:
    said = f"rule {rule.get('rule', '?')}: " if isinstance(rule, Mapping) else "rules: "
    for key in ("rule", "unit", "where", "mean"):
        _held(rule, key, name, said)
    for key in ("used", "limit"):
        _count(rule, key, name, said)
    mean = rule["mean"]
    if mean is not None and not isinstance(mean, (int, float)):
        raise PlacementError(f"placement {name}: {said}mean is {str(mean)[:40]!r}, must be a number or null; {_WAY_OUT}")
    return dict(rule)


def _work(content: Any, name: str) -> CoreWork:
    found = {field.name: _integers(content, field.name, name, "work.", 1 if field.name == "neurons" else 3) for field in fields(CoreWork)}
    made = CoreWork(**found)
    shape = made.updates_active.shape
    for key, values in found.items():
        expected = shape[2:] if key == "neurons" else shape
        if values.shape != expected:
            raise PlacementError(
                f"placement {name}: work.{key} has shape {values.shape}, must be {expected} as work.updates_active; {_WAY_OUT}"
            )
    if (made.updates_active > made.neurons).any():
        raise PlacementError(f"placement {name}: work.updates_active is more than work.neurons on some core; {_WAY_OUT}")
    return made
