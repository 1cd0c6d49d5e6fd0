"""Targets: what `neurograph export --target` knows. One Network in; the target says what it takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurograph.errors import InputError, UnsupportedError
from neurograph.network import LIF, CubaLIF, Network

__all__ = ["TARGETS", "Target", "check_target", "find"]


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
    """

    name: str
    profile: str
    longest_delay: int
    programmable: bool
    about: str
    onnx: bool = False


TARGETS = {
    target.name: target
    for target in (
        Target("lava", "loihi2", 63, True, "Lava 0.10's simulator, with processes of ours where it has none"),
        Target("loihi1", "loihi1", 62, False, "Intel Loihi: hard reset, binary spikes"),
        Target("loihi2", "loihi2", 62, True, "Intel Loihi 2: programmable neurons"),
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


def check_target(network: Network, target: Target) -> None:
    """Refuse what the target cannot do.

    Raises:
        UnsupportedError: every offender by name.
    """
    offenders = []
    for population in network.neurons:
        neuron = population.neuron
        if target.programmable or not isinstance(neuron, (LIF, CubaLIF)):
            continue
        if neuron.reset == "subtract":
            offenders.append(f"population {population.name!r}: subtract reset")
        elif np.any(np.asarray(neuron.v_reset) != np.asarray(neuron.v_leak)):
            offenders.append(f"population {population.name!r}: v_reset other than v_leak")
    if offenders:
        raise UnsupportedError(f"target {target.name}", offenders, "train with a reset to rest, or choose another target")
