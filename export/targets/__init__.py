"""Targets: what `neurograph export --target` knows. One Network in; the target says what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from neurograph.errors import InputError, UnsupportedError
from neurograph.export.placement.limits import Limits
from neurograph.network import LIF, CubaLIF, Network, Population

__all__ = ["GATES", "RELAYS", "TARGETS", "Gates", "Relays", "Target", "check_target", "find", "refuse_a_name"]

Gates = Literal["auto", "threshold", "product"]
Relays = Literal["needed", "cores"]
GATES: tuple[Gates, ...] = ("auto", "threshold", "product")
RELAYS: tuple[Relays, ...] = ("needed", "cores")


@dataclass(frozen=True)
class Target:
    """One machine.

    Args:
        name: as on the command line.
        profile: hardware profile whose limits and constants belong to it.
        longest_delay: synaptic delay in machine steps beyond the first.
        programmable: whether a neuron can do after a spike what is not "go to rest": subtract its threshold, or go to another v_reset; and
            hold still between its ticks and before the first.
        about: one line.
        onnx: whether it is an ONNX runtime: real values are fine, and integers are made where they can be, for the report.
        graded: whether a spike can carry a number.
        chip: whether networks are placed on cores of it.
        limits: what its cores hold, and the hash of the profile file that says so, once :meth:`on` has been told; None where nothing is
            placed.
        gates, relays: how gates and sums over nodes are lowered where spikes carry numbers, see the passes product_gates and graded_sums.
    """

    name: str
    profile: str
    longest_delay: int
    programmable: bool
    about: str
    onnx: bool = False
    graded: bool = False
    chip: bool = False
    limits: Limits | None = None
    profile_sha256: str | None = None
    gates: Gates = "auto"
    relays: Relays = "needed"

    def on(self, profile: str, sha256: str, limits: Mapping[str, float]) -> Target:
        """This target with the limits of a profile, name → value in the profile's unit.

        Raises:
            PlacementError: limits that the profile lacks, all of them by name. InputError: a target that is no chip.
        """
        if not self.chip:
            chips = ", ".join(name for name, target in TARGETS.items() if target.chip)
            raise InputError(f"target {self.name}: is no chip with cores, so profile {profile} has no use; chips are {chips}")
        found = Limits.of(profile, limits)
        return replace(
            self,
            profile=profile,
            profile_sha256=sha256,
            limits=found,
            longest_delay=found.delay,
            graded=self.graded and found.graded_bits > 1,
            programmable=self.programmable and found.programmable,
        )


TARGETS = {
    target.name: target
    for target in (
        Target("lava", "loihi2", 63, True, "Lava 0.10's simulator, with processes of ours where it has none", graded=True),
        Target("loihi1", "loihi1", 62, False, "Intel Loihi: hard reset, binary spikes", chip=True),
        Target("loihi2", "loihi2", 62, True, "Intel Loihi 2: programmable neurons, graded spikes", graded=True, chip=True),
        Target("generic", "generic", 62, True, "a chip of your own: its limits are those of --profile FILE", graded=True, chip=True),
        Target("netx", "loihi2", 62, False, "lava-dl's netx in Lava: one sequential .net file"),
        Target("onnx", "horowitz45", 63, True, "any ONNX runtime: the float network over its ticks as one graph", onnx=True),
    )
}


def find(name: str) -> Target:
    """The target of that name.

    Raises:
        InputError: no such target, with the list.
    """
    if name not in TARGETS:
        raise InputError(f"target {name!r}: does not exist; there are {', '.join(sorted(TARGETS))}")
    return TARGETS[name]


def refuse_a_name(target: Any) -> None:
    """Refuse what is no Target: a name says nothing of the chip's limits, which lie in a profile.

    Raises:
        InputError: with what gives one.
    """
    if not isinstance(target, Target):
        name = target if isinstance(target, str) and target in TARGETS else "loihi2"
        raise InputError(f"target {target!r}: is of type {type(target).__name__}, must be a Target; give neurograph.target({name!r})")


def check_target(network: Network, target: Target) -> None:
    """Refuse what the target cannot do.

    Raises:
        UnsupportedError: every offender by name.
    """
    graded = [p for p in network.populations.values() if p.is_graded and not target.graded]
    offenders = [f"population {p.name!r}: graded spikes ({_kind(p)})" for p in graded]
    way_out = (
        "choose a target whose spikes carry a number (loihi2, lava, a profile with graded_spike_bits), or leave --gates product out"
        if graded
        else ""
    )
    for population in network.neurons:
        neuron = population.neuron
        if target.programmable or not isinstance(neuron, (LIF, CubaLIF)):
            continue
        if neuron.reset == "subtract":
            offenders.append(f"population {population.name!r}: subtract reset")
        elif np.any(np.asarray(neuron.v_reset) != np.asarray(neuron.v_leak)):
            offenders.append(f"population {population.name!r}: v_reset other than v_leak")
    if offenders:
        raise UnsupportedError(f"target {target.name}", offenders, way_out or "train with a reset to rest, or choose another target")


def _kind(population: Population) -> str:
    return "input" if population.is_source else type(population.neuron).__name__
