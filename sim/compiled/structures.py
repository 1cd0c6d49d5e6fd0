"""The structures that ``engine.c`` declares, as ctypes has them."""

from __future__ import annotations

import ctypes

__all__ = ["ARRAYS", "BUFFERS", "TABLES", "Currents", "Given", "Job", "Kept", "Memory", "Readout", "Scratch"]

TABLES: tuple[str, ...] = ("populations", "operations", "order", "groups", "fans")
ARRAYS: tuple[str, ...] = ("weights", "bytes", "index", "pointer", "parameters", "counts")
BUFFERS: tuple[str, ...] = (
    *("spikes", "events", "rows", "u", "v", "current", "active", "loop", "loop_active", "row", "wide", "local", "bias"),
    *("notes", "spike_counts", "active_counts", "event_counts", "message_counts", "recorded_u", "recorded_v", "bits"),
)
_SIZES = ("current_size", "row_size", "wide_size", "local_size", "ticks", "threads", "placed")


class Memory(ctypes.Structure):
    """A program."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in TABLES),
        *((name, ctypes.c_int64) for name in ("population_count", "group_count")),
        *((name, ctypes.c_void_p) for name in ARRAYS),
    ]


class Scratch(ctypes.Structure):
    """What one thread of samples writes."""

    _fields_ = [*((name, ctypes.c_void_p) for name in BUFFERS), *((name, ctypes.c_int64) for name in _SIZES)]


class Currents(ctypes.Structure):
    """Static currents that become mantissas (``jobs.h``)."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("source", "own")),
        *((name, ctypes.c_int64) for name in ("is_float", "sample_step", "step", "rows", "width", "own_step")),
        *((name, ctypes.c_double) for name in ("gain", "unit", "low", "high")),
    ]


class Given(ctypes.Structure):
    """What a population is given (``jobs.h``)."""

    _fields_ = [
        ("spikes", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("sample_step", "tick_step")),
        ("bias", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("bias_step", "bias_shift")),
        ("currents", ctypes.c_void_p),
    ]


class Kept(ctypes.Structure):
    """Where a population is recorded (``jobs.h``)."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("spikes", "u", "v")]


class Job(ctypes.Structure):
    """Samples of a run (``jobs.h``)."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("given", "kept", "counts")),
        *((name, ctypes.c_int64) for name in ("counts_step", "sample", "samples", "step", "tick", "ticks", "workers", "refused")),
        ("patience_s", ctypes.c_double),
    ]


class Readout(ctypes.Structure):
    """A linear readout of rates, with what is known of the classes (``readout.h``)."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("nodes", "classes", "parts", "ticks")),
        *((name, ctypes.c_void_p) for name in ("sources", "weight", "bias", "pointer", "index", "values", "labels", "tested", "sums")),
    ]
