"""What a run on a device leaves on the host: recorded spikes and states, in memory or in a sink."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurograph.network import Network
from neurograph.sim.recording import Sink
from neurograph.sim.ticks import sent_type

__all__ = ["Results"]

Array = NDArray[Any]


class Results:
    """Takes pieces of a run as they come off the device.

    Args:
        network: that runs.
        states: population → type of u and v on the device; only those that have them.
        samples: of the run.
        record: what is held in memory, one of :data:`neurograph.sim.recording.RECORDS`.
        into: takes what it keeps beside that.
    """

    def __init__(self, network: Network, states: Mapping[str, torch.dtype], samples: int, record: str, into: Sink | None) -> None:
        self.network, self.into = network, into
        dynamic = [name for name, p in network.populations.items() if not p.is_static]

        def named(keeps: str) -> list[str]:
            return {"outputs": [name for name in network.outputs if name in dynamic], "none": []}.get(keeps, dynamic)

        self._types = {name: np.float64 if dtype == torch.float64 else np.int64 for name, dtype in states.items()}
        self._sunk = set(named(into.keeps)) if into else set()
        self._sunk_states = into is not None and into.keeps == "all"
        self.spikes = {name: self._empty(name, samples, sent_type(network.populations[name])) for name in named(record)}
        held = self._types if record == "all" else {}
        self.u = {name: self._empty(name, samples, dtype) for name, dtype in held.items()}
        self.v = {name: self._empty(name, samples, dtype) for name, dtype in held.items()}
        if into is not None:
            into.begin(samples)

    @property
    def has_states(self) -> bool:
        """Whether u and v are wanted."""
        return self._sunk_states or bool(self.u)

    @property
    def sending(self) -> set[str]:
        """Populations whose spikes are wanted."""
        return self._sunk | self.spikes.keys()

    def take_spikes(self, name: str, samples: slice, ticks: slice, spikes: Tensor) -> None:
        """What a population sent in some ticks of some samples, (samples, ticks, size)."""
        values = self._on_host(name, spikes, sent_type(self.network.populations[name]))
        if name in self.spikes:
            self.spikes[name][samples, ticks] = values
        if self.into is not None and name in self._sunk:
            self.into.append(name, samples, ticks, values)

    def take_states(self, name: str, samples: slice, ticks: slice, u: Tensor, v: Tensor) -> None:
        """u and v of a population, as :meth:`take_spikes`."""
        for kind, held, tensor in (("currents", self.u, u), ("voltages", self.v, v)):
            values = self._on_host(name, tensor, self._types[name])
            if name in held:
                held[name][samples, ticks] = values
            if self.into is not None and self._sunk_states:
                self.into.append(name, samples, ticks, values, kind=kind)

    def _empty(self, name: str, samples: int, dtype: Any) -> Array:
        return np.empty((samples, self.network.ticks, *self.network.populations[name].shape), dtype)

    def _on_host(self, name: str, tensor: Tensor, dtype: Any) -> Array:
        values: Array = tensor.cpu().numpy().reshape(*tensor.shape[:2], *self.network.populations[name].shape)
        return values.astype(dtype, copy=tensor.device.type == "cpu")  # on a CPU it is the buffer that the next chunk overwrites
