"""Pieces: what a chunk of ticks leaves in a worker's buffers, handed to a sink population by population."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.sim.compiled import tables as tb
from neurograph.sim.compiled.buffers import Plan
from neurograph.sim.recording import Sink

__all__ = ["Pieces"]

Array = NDArray[Any]


class Pieces:
    """The buffers of a worker as a sink takes them."""

    def __init__(self, plan: Plan, buffers: Mapping[str, Array], sink: Sink) -> None:
        self.sink, network = sink, plan.program.network
        self.views: list[tuple[str, str, Array, tuple[int, ...]]] = []
        states = (("voltages", "recorded_v"), ("currents", "recorded_u")) if sink.keeps == "all" else ()
        rows = dict(zip(plan.program.names, plan.populations.tolist(), strict=True))
        chosen = {"none": (), "outputs": network.outputs}.get(sink.keeps, plan.program.names)
        for kind, buffer in (("spikes", "spikes"), *states):
            for name, row in rows.items():
                if name not in chosen or (kind != "spikes" and row[tb.P_STATE] < 0):
                    continue
                at, length = (row[tb.P_SPIKES], row[tb.P_LENGTH]) if kind == "spikes" else (row[tb.P_STATE] * plan.ticks, plan.ticks)
                nodes, width = row[tb.P_NODES], row[tb.P_WIDTH]
                ticks = buffers[buffer][at : at + nodes * length * width].reshape(nodes, length, width)[:, length - plan.ticks :]
                self.views.append((kind, name, ticks.transpose(1, 0, 2), network.populations[name].shape))

    def send(self, sample: int, window: slice) -> None:
        """Append the ticks of a window, which were run last."""
        ticks = window.stop - window.start
        for kind, name, view, shape in self.views:
            values = view[:ticks].reshape(1, ticks, *shape)
            if kind != "spikes" and values.dtype == np.int32:
                values = values.astype(np.int64)  # as they are recorded
            self.sink.append(name, slice(sample, sample + 1), window, values, kind=kind)
