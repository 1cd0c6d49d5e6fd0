"""What relax() mends, what it says, and what it leaves alone."""

from itertools import pairwise

import nir
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurograph.errors import GraphError
from neurograph.export.lower import lower
from neurograph.export.nir_io import TimeMetadata
from neurograph.export.relax import relax, unshared
from neurograph.export.shapes import check_graph, taken
from neurograph.export.shapes import given as gives

TIME = TimeMetadata(1e-3, 4)


def lif(*shape, threshold=0.3):
    return nir.LIF(*(np.full(shape, x) for x in (2e-3, 1.0, 0.0, threshold, 0.0)))


def chain(shape, out, *nodes):
    """Input → nodes → Output, nothing checked."""
    named = {"input": nir.Input({"input": None if shape is None else np.array(shape)}), **{f"n{i}": node for i, node in enumerate(nodes)}}
    named["output"] = nir.Output({"output": None if out is None else np.array(out)})
    names = list(named)
    return nir.NIRGraph(named, list(pairwise(names)), type_check=False)


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (chain([1, 3], [4], nir.Linear(np.ones((4, 3))), lif(4)), ["reshaped node 'input': (1, 3) to (3,)"]),
        (chain([3, 1, 1], [4], nir.Linear(np.ones((4, 3))), lif(4)), ["reshaped node 'input': (3, 1, 1) to (3,)"]),
        (chain(None, [4], nir.Linear(np.ones((4, 3))), lif(4)), ["reshaped node 'input': no shape to (3,)"]),
        (chain([3], [1, 4, 1], nir.Linear(np.ones((4, 3))), lif(4)), ["reshaped node 'output': (1, 4, 1) to (4,)"]),
        (chain([3], [4], nir.Linear(np.ones((4, 3))), lif(1, 4)), ["reshaped node 'n1': (1, 4) to (4,)"]),
        (chain([3], [4], nir.Linear(np.ones((4, 3))), lif(1)), ["widened node 'n1': one element to (4,)"]),
        (chain([3], [4], nir.Linear(np.ones((4, 3))), lif()), ["widened node 'n1': one element to (4,)"]),
        (chain([3], [4], nir.Linear(np.ones((4, 3))), nir.Scale(np.ones((4, 1))), lif(4)), ["reshaped node 'n1': (4, 1) to (4,)"]),
        (chain([3, 1, 1], [2], lif(3, 1, 1), nir.Linear(np.ones((2, 3))), lif(2)), ["put a Flatten before node 'n1': (3, 1, 1) to (3,)"]),
    ],
)
def test_a_clear_meaning_is_mended_and_said(graph, said):
    with pytest.raises(GraphError):
        check_graph(unshared(graph))
    before = [(gives(node), taken(node)) for node in graph.nodes.values()]
    mended, lines = relax(graph)
    assert list(lines) == said
    assert [(gives(node), taken(node)) for node in graph.nodes.values()] == before, "the graph that was given stays as it is"
    assert lower(mended, TIME).neurons
    assert relax(mended)[1] == ()


@pytest.mark.parametrize(
    ("graph", "says"),
    [
        (chain([3], [4], nir.Linear(np.ones((4, 3))), lif(5)), r"edge 'n0' → 'n1': 'n0' gives \(4,\), 'n1' takes \(5,\)"),
        (chain([4], [4], nir.Linear(np.ones((4, 3))), lif(4)), r"edge 'input' → 'n0': 'input' gives \(4,\), 'n0' takes \(3,\)"),
        (chain([3], [2, 2], nir.Linear(np.ones((4, 3))), lif(4)), r"edge 'n1' → 'output': 'n1' gives \(4,\), 'output' takes \(2, 2\)"),
        (chain([3], [4], nir.Linear(np.ones((4, 3))), lif(2, 2)), r"'n1' takes \(2, 2\)"),
        (chain([3], [1], nir.Linear(np.ones((4, 3))), lif(4)), r"'output' takes \(1,\)"),
    ],
)
def test_what_is_not_clear_stays_an_error(graph, says):
    with pytest.raises(GraphError, match=says):
        relax(graph)


def test_two_names_that_do_not_exist_are_not_guessed():
    graph = chain([3], [3], lif(3), lif(3))
    graph.edges = [("input", "a"), ("a", "b"), ("b", "output")]
    with pytest.raises(GraphError, match="names 'a' which does not exist"):
        relax(graph)


def test_what_no_field_says_is_inferred_without_a_flag():
    """Pooling, Flatten and Output take their shapes from what arrives; kernels need not be square."""
    weight = np.ones((4, 2, 3, 2))
    graph = chain(
        [2, 8, 9],
        None,
        nir.Conv2d(None, weight, (2, 1), (1, 0), (1, 2), 1, np.zeros(4)),
        nir.SumPool2d(np.array([2, 1]), np.array([2, 1]), np.array([0, 0])),
        nir.Flatten({"input": None}, 0, -1),
        lif(56),
    )
    checked = check_graph(graph)
    assert [gives(node) for node in checked.nodes.values()] == [(2, 8, 9), (4, 4, 7), (4, 2, 7), (56,), (56,), (56,)]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(0, 2), st.integers(0, 2))
def test_ones_around_a_shape_change_no_spike(shape, before, behind):
    """The mended graph runs as the one that was right from the start."""
    padded = (*([1] * before), *shape, *([1] * behind))
    wanted = lower(relax(chain(shape, shape, lif(*shape), lif(*shape)))[0], TIME)
    got = lower(relax(chain(padded, padded, lif(*shape), lif(*shape)))[0], TIME)
    assert [p.size for p in got.populations.values()] == [p.size for p in wanted.populations.values()]
    assert {p.shape for p in got.neurons} == {tuple(shape)}
