"""What the tests of other frameworks share: skips by name, graphs of one layer, spikes under a dialect."""

from __future__ import annotations

import nir
import nir_framework_models as models
import numpy as np
import pytest
from nir_framework_models import INPUTS, NEURONS, STEPS

from neurograph.errors import GraphError
from neurograph.export import nir_io
from neurograph.export.dialects import interpret
from neurograph.export.lower import lower
from neurograph.sim import floating

SLOTS = STEPS * NEURONS


X = models.spikes_in()


def made(maker, *arguments):
    """What a maker of :mod:`nir_framework_models` gives; skips by name where its framework is not installed."""
    try:
        return maker(*arguments)
    except ImportError as error:
        pytest.skip(f"needs {error.name or maker.__name__}: {error}")


def reading(graph, path, dialect, **more):
    """Through a file, as a user has it."""
    nir.write(path, graph)
    return interpret(nir_io.read(path, type_check=False), dialect, ticks=STEPS, **more)


def run(graph, tmp_path, dialect, **more):
    network = lower(reading(graph, tmp_path / "model.nir", dialect, **more).graph)
    (source,) = network.sources
    return floating.run(network, {source.name: X}).spikes[network.outputs[0]][0]


def mismatches(graph, tmp_path, dialect, wanted, **more):
    """Slots that differ, or "refused"."""
    try:
        got = run(graph, tmp_path, dialect, **more)
    except GraphError:
        return "refused"
    return np.count_nonzero(got != np.asarray(wanted.detach()).reshape(STEPS, NEURONS))


def check(graph, tmp_path, dialect, wanted, wrong, **more):
    """No mismatch under the dialect, and the stated ones under others."""
    wanted = wanted.detach()
    assert 0.02 < wanted.mean() < 0.9, "a silent or a saturated layer tests nothing"
    assert set(np.unique(wanted)) == {0, 1}
    found = {other: mismatches(graph, tmp_path, other, wanted, **more) for other in (dialect, *wrong)}
    print(f"of {SLOTS}: {found}")
    assert found.pop(dialect) == 0
    assert found == {other: value if value == "refused" else pytest.approx(value, rel=0.05) for other, value in wrong.items()}


def graph_of(node, weight, shape=(INPUTS,)):
    """Input → Linear → node → Output, not checked."""
    nodes = {"input": nir.Input(np.array(shape)), "weights": nir.Linear(weight), "lif": node, "output": nir.Output(np.array([len(weight)]))}
    return nir.NIRGraph(nodes, [("input", "weights"), ("weights", "lif"), ("lif", "output")], type_check=False)


def lif(size, tau=5e-4, r=5.0, threshold=2.0):
    full = np.ones(size)
    return nir.LIF(tau * full, r * full, 0 * full, threshold * full, 0 * full)


def weights(seed=1, scale=1.0):
    return scale * np.random.default_rng(seed).normal(0.3, 1.0, (NEURONS, INPUTS))
