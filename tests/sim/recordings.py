"""Recordings to store: random ones, and whether two are the same."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from neurograph.sim.recording import Recording
from neurograph.sim.tally import Tally

KINDS = ("spikes", "voltages", "currents")
NAMES = ["in", "p0", "gnn layers.0", "μ", "x:y", "..", "idx"]


@st.composite
def recordings(draw):
    """Spikes, messages and values of up to four populations; u and v of some; a tally or none."""
    samples, ticks = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shapes = {
        name: draw(st.sampled_from([(), (1,), (5,), (3, 2), (70,)]))
        for name in draw(st.lists(st.sampled_from(NAMES), max_size=4, unique=True))
    }
    made = {"spikes": {}, "voltages": {}, "currents": {}}
    for name, shape in shapes.items():
        full = (samples, ticks, *shape)
        rate = draw(st.sampled_from([0.0, 0.02, 0.3, 1.0]))
        kind = draw(st.sampled_from(["uint8", "bool", "int32", "int64", "float64", "float32"]))
        fired = rng.random(full) < rate
        values = (
            fired
            if kind in ("uint8", "bool")
            else fired * (rng.normal(0, 100, full) if kind[0] == "f" else rng.integers(-(2**31), 2**31, full))
        )
        made["spikes"][name] = np.asarray(values).astype(kind)
        for other in ("voltages", "currents"):
            if draw(st.booleans()):
                made[other][name] = rng.integers(-(2**23), 2**23, full) if draw(st.booleans()) else rng.normal(0, 1, full)
    notes = draw(st.sampled_from([{}, {"rules": "lava", "wraps": {"p0": 3}, "load_s": 0.25}]))
    fired = {name: np.count_nonzero(z.reshape(samples, -1), axis=1) for name, z in made["spikes"].items()}
    some = {name: rng.integers(0, 2**40, samples) for name in shapes}
    tally = Tally(fired, some, tuple(rng.integers(0, 9, (2, samples))), some, some) if shapes and draw(st.booleans()) else None
    return Recording("fixed", ticks, made["spikes"], made["voltages"], made["currents"], ticks + 3, 0.125, notes, tally)


def same_arrays(a, b):
    return list(a) == list(b) and all(np.asarray(a[name]).dtype == b[name].dtype and np.array_equal(a[name], b[name]) for name in b)


def same(a, b):
    """All that two recordings hold."""
    plain = all(getattr(a, key) == getattr(b, key) for key in ("engine", "ticks", "samples", "machine_steps", "wall_s", "notes"))
    return plain and all(same_arrays(getattr(a, kind), getattr(b, kind)) for kind in KINDS) and same_tally(a.tally, b.tally)


def same_tally(a, b):
    if a is None or b is None:
        return a is b
    named = all(same_arrays(getattr(a, key), getattr(b, key)) for key in ("spikes", "updates_active", "messages", "reached"))
    return named and np.array_equal(a.synaptic_events, b.synaptic_events)
