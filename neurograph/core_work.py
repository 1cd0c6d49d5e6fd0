"""What each core does in each step of a recorded run: placement counts it, ``placement.json`` holds it, reports time it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

__all__ = ["CoreWork"]

Array = NDArray[Any]


@dataclass(frozen=True)
class CoreWork:
    """Integers of shape (samples, steps, cores), ``neurons`` (cores,). A step is one of an inference alone, depth − 1 + k · tick.

    Args:
        neurons: stepped in every step.
        updates_active: neurons that spiked or got a spike.
        neuron_spikes: of the core's neurons.
        synaptic_events_dense, synaptic_events_sparse: in the step that sends the spike, in the core that holds the weight.
        graded_events: the same of spikes that carry a number.
        messages_out: sent by the core's neurons. messages_in: taken in from cores. host_messages_in: from the host.
    """

    neurons: Array
    updates_active: Array
    neuron_spikes: Array
    synaptic_events_dense: Array
    synaptic_events_sparse: Array
    graded_events: Array
    messages_out: Array
    messages_in: Array
    host_messages_in: Array

    @property
    def steps(self) -> int:
        return int(self.updates_active.shape[1])
