"""Buffers: where everything that a run writes stands, for a number of ticks at once, and how much memory that takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.sim.compiled import tables as tb
from neurograph.sim.compiled.program import TILE, Program

__all__ = ["Plan", "plan"]

Array = NDArray[Any]
_TYPES = {
    **dict.fromkeys(("spikes", "active", "loop_active", "bits"), np.uint8),
    **dict.fromkeys(("events", "local"), np.int32),
    **dict.fromkeys(("rows", "wide", "notes", "spike_counts", "active_counts", "event_counts", "message_counts"), np.int64),
}
_BY_FEATURE = {tb.DENSE, tb.ONE_TO_ONE}  # projections of which a part of the target can be made alone
PER_THREAD = ("current", "active", "row", "wide", "local")
WHOLE = 64  # neurons: a tile is so many, or a multiple
CACHE = 1 << 16  # bytes of currents of a tile of nodes: they stay in a core's own caches, and there are tiles enough to share


@dataclass(frozen=True)
class Plan:
    """Sizes, in elements, of the buffers of a run in chunks of ``ticks`` by so many threads.

    ``populations`` is the program's table with its places filled in, ``bias_at`` says where the bias of a population stands.
    """

    program: Program
    ticks: int
    threads: int
    populations: Array
    sizes: dict[str, int]
    bias_at: dict[str, int]

    @cached_property
    def nbytes(self) -> int:
        """What one worker allocates, plus the rows of the populations that it writes out."""
        return sum(size * np.dtype(self.dtype_of(key)).itemsize for key, size in self.sizes.items())

    def dtype_of(self, key: str) -> Any:
        """The type of a buffer."""
        return _TYPES.get(key, self.program.dtype)


def plan(program: Program, ticks: int, *, recording: bool, counting: bool, threads: int = 1) -> Plan:
    """Places for a run of ``ticks`` ticks at once."""
    populations = program.memory["populations"].copy()
    sizes = dict.fromkeys(("spikes", "events", "rows", "u", "v", "current", "loop", "bias", "bits"), 0)
    row, wide, local, count = 1, 1, 1, len(program.names)
    run = tb.RUN_BYTES // np.dtype(program.dtype).itemsize
    states = currents = 0
    bias_at = {}
    for i, name in enumerate(program.names):
        p = populations[i]
        nodes, width = int(p[tb.P_NODES]), int(p[tb.P_WIDTH])
        length, neurons = int(p[tb.P_HISTORY]) + ticks, nodes * width
        wide = max(wide, width)

        def place(column: int, kind: str, size: int, p: Array = p) -> None:
            p[column] = sizes[kind]
            sizes[kind] += size

        p[tb.P_LENGTH] = length
        place(tb.P_SPIKES, "spikes", neurons * length)
        if p[tb.P_EVENTS] >= 0:
            place(tb.P_EVENTS, "events", neurons * length + tb.SLACK)
            place(tb.P_ROWS, "rows", length + 1)
        if p[tb.P_BITS] >= 0:
            place(tb.P_BITS, "bits", neurons * length // 8 + tb.BITS_SLACK)
        if p[tb.P_STATE] < 0:
            continue
        p[tb.P_STATE] = states
        states += neurons
        if p[tb.P_SYNAPTIC] >= 0:
            p[tb.P_SYNAPTIC] = currents
            currents += neurons
        row = max(row, 2 * width)
        rows = nodes if name in program.driven else len(program.biased[name])
        p[tb.P_BIAS_STEP] = width if rows > 1 else 0
        bias_at[name] = sizes["bias"]
        place(tb.P_BIAS, "bias", rows * width)
        operations = program.memory["operations"][p[tb.P_FIRST_OP] : p[tb.P_LAST_OP]]
        kinds = set(operations[:, tb.O_KIND].tolist())
        whole = bool(kinds & {tb.SPARSE, tb.RUNS})
        if p[tb.P_LOOP] >= 0:
            place(tb.P_LOOP, "loop", neurons * ticks)
            tile = neurons
        else:
            itemsize = np.dtype(program.dtype).itemsize
            p[tb.P_TILE_NODES] = nodes if whole else min(nodes, max(1, CACHE // (itemsize * width * ticks)))
            p[tb.P_TILE_WIDTH] = min(TILE, -(-width // (threads * WHOLE)) * WHOLE) if nodes == 1 and kinds <= _BY_FEATURE else width
            tile = int(p[tb.P_TILE_NODES]) * min(width, int(p[tb.P_TILE_WIDTH]))
            sizes["current"] = max(sizes["current"], tile * ticks)
        p[tb.P_TILE_WIDTH] = p[tb.P_TILE_WIDTH] if p[tb.P_LOOP] < 0 else width
        for operation in operations:
            inputs = int(populations[operation[tb.O_SOURCE], tb.P_WIDTH])
            kind = operation[tb.O_KIND]
            if kind in (tb.AGGREGATE, tb.REDUCE):
                row = max(row, inputs * ticks + width + tb.BITS_SLACK)
            row = max(row, inputs + 3 * width, neurons if kind == tb.SPARSE else 0, 2 * neurons + 2 * run if kind == tb.RUNS else 0)
            wide = max(wide, inputs, neurons if kind == tb.SPARSE else 0)
            local = max(local, inputs + tb.SLACK)
    computing = populations[populations[:, tb.P_STATE] >= 0]
    if ticks < program.network.ticks or (computing[:, tb.P_LOOP] >= 0).any() or (computing[:, tb.P_FLAGS] & tb.KEPT).any():
        sizes["u"], sizes["v"] = currents, states  # else a neuron goes through all its ticks at once, and its state stands in a row
    recorded = states * ticks if recording else 0
    more = {
        "active": max(sizes["current"], 1) if counting else 0,
        "loop_active": sizes["loop"] if counting else 0,
        "row": row,
        "wide": wide,
        "local": local,
        "recorded_u": recorded,
        "recorded_v": recorded,
        "notes": 4 * count,
        "spike_counts": count,
        "active_counts": count,
        "event_counts": len(program.forms),
        "message_counts": 2 * count,
    }
    sizes = {key: size * threads if key in PER_THREAD else size for key, size in {**sizes, **more}.items()}
    return Plan(program, ticks, threads, populations, sizes, bias_at)
