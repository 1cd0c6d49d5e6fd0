"""What of a float network has no integers on a chip, said before any number is looked at."""

from __future__ import annotations

import numpy as np

from neurograph.errors import UnsupportedError
from neurograph.network import CubaLIF, FixedLIF, Network, Population

__all__ = ["check_integers"]

_SPIKES = "give spikes as input, (ticks, ...) of 0 and 1 by a rate or a latency code"
_STATIC = "one static sample with --ticks into neurons without synaptic state (LIF, Norse's LIFBoxCell)"
_ELSE = "export it for --target onnx, whose bundle 'simulate --engine float' runs"


def check_integers(network: Network) -> None:
    """Refuse what has no integer form.

    A chip adds a bias current to v. A neuron with synaptic state takes its input into u, and a static input cannot be made spikes of a
    constant source either, as a bias is: its weights would hold the one sample.

    Raises:
        UnsupportedError: every offender by name, with what helps against these.
    """
    offenders: list[str] = []
    ways: dict[str, None] = {}
    for p in network.populations.values():
        if p.is_real and p.is_source:
            offenders.append(f"input {p.name!r}: real values that change from tick to tick")
            ways[f"{_SPIKES}, or {_STATIC}"] = None
        elif p.is_real:
            offenders.append(f"population {p.name!r}: real values in place of spikes")
        elif isinstance(p.neuron, FixedLIF):
            offenders.append(f"population {p.name!r}: is integer already")
        elif isinstance(p.neuron, CubaLIF):
            for name in _static_into(network, p):
                offenders.append(
                    f"input {name!r}: static, so it reaches population {p.name!r}, which has synaptic state, as a constant current"
                )
                ways[f"{_SPIKES}, or begin with neurons without synaptic state (LIF, Norse's LIFBoxCell)"] = None
            if np.any(p.bias):
                offenders.append(f"population {p.name!r}: a bias current into a neuron with synaptic state")
    if offenders:
        raise UnsupportedError("Lava's fixed point", offenders, ", or ".join([*ways, _ELSE]))


def _static_into(network: Network, population: Population) -> list[str]:
    return [p.source for p in network.into(population.name) if network.populations[p.source].is_static]
