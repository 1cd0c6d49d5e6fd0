"""Damaged NIR files, a bounded number of cases: each runs, or is refused by an error of ours. No other exception, no warning, no hang."""

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from nir_mutations import damaged

from neurograph.errors import NeurographError
from neurograph.export import nir_io
from neurograph.export.dialects import interpret
from neurograph.export.lower import lower
from neurograph.export.quantize import quantize
from neurograph.sim import fixed, floating

HERE = Path(__file__).resolve().parent


def use(path):
    """All that is done with a graph: read, interpret, lower, three ticks in floats, and in integers where it has any."""
    graph = nir_io.read(path, type_check=False)
    timed = nir_io.time_of(graph) is not None
    graph = nir_io.read(path) if timed else interpret(graph, "nir", ticks=3, dt=1e-3, inputs="static").graph
    network = replace(lower(graph), ticks=3)
    inputs = {s.name: np.ones(s.shape if s.is_static else (3, *s.shape)) for s in network.sources}
    floating.run(network, inputs)
    quantized, _ = quantize(network, inputs)
    fixed.run(quantized, inputs)


def one(seed):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.nir")
        path.write_bytes(damaged(seed))
        try:
            use(path)
        except NeurographError as error:
            assert "\n" not in str(error) and len(str(error)) < 1500, (seed, str(error))


@settings(max_examples=250, derandomize=True, deadline=None)
@given(st.integers(0, 2**32))
def test_damage_to_the_tree_is_refused_or_harmless(seed):
    one(seed - seed % 2)  # even: the tree


CHILD = """
import sys, warnings
warnings.simplefilter("error")
sys.path.insert(0, {here!r})
from test_nir_fuzz import one
for seed in range(1, 501, 2):  # odd: the bytes
    print(seed, flush=True)
    one(seed)
print("done")
"""


def test_damage_to_the_bytes_is_refused_or_harmless():
    """In a process of its own with a time limit: a hang or a crash would be in the HDF5 library."""
    command = [sys.executable, "-c", CHILD.format(here=str(HERE))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, cwd=HERE)
    except subprocess.TimeoutExpired as expired:
        lines = (expired.stdout or b"").decode().split()
        raise AssertionError(f"hangs on seed {lines[-1] if lines else '-'}") from None
    assert done.stdout.split()[-1:] == ["done"], (done.stdout.split()[-1:], done.stderr[-800:])
