import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_weights

from neurograph.errors import NetworkError
from neurograph.export.compose import compose
from neurograph.weights import Identity, Kron, OnesColumn, OnesRow

shapes = st.tuples(st.sampled_from([1, 3, 4]), st.integers(1, 3))


@given(st.integers(0, 10_000), shapes, shapes)
def test_apply_is_the_expanded_matrix(seed, source, target):
    rng = np.random.default_rng(seed)
    weights = random_weights(rng, source, target)
    x = rng.normal(size=(5, source[0] * source[1]))
    np.testing.assert_allclose(weights.apply(x), x @ weights.to_csr().toarray().T, atol=1e-12)
    assert weights.shape == weights.to_csr().shape


@given(st.integers(0, 10_000), shapes, shapes)
def test_fan_out_counts_nonzero_weights_of_each_source_neuron(seed, source, target):
    weights = random_weights(np.random.default_rng(seed), source, target)
    np.testing.assert_array_equal(weights.fan_out(), np.count_nonzero(weights.to_csr().toarray(), axis=0))


@given(st.integers(0, 10_000), shapes, shapes)
def test_map_acts_on_every_stored_weight(seed, source, target):
    weights = random_weights(np.random.default_rng(seed), source, target)
    np.testing.assert_allclose(weights.map(lambda w: 3 * w).to_csr().toarray(), 3 * weights.to_csr().toarray())


@settings(max_examples=60)
@given(st.integers(0, 10_000), shapes, shapes, shapes)
def test_compose_is_the_matrix_product(seed, a, b, c):
    rng = np.random.default_rng(seed)
    first, second = random_weights(rng, a, b), random_weights(rng, b, c)
    if isinstance(getattr(second, "left", None), OnesColumn) and isinstance(getattr(first, "left", None), OnesRow):
        with pytest.raises(NetworkError, match="put a neuron between"):
            compose(second, first)
        return
    product = second.to_csr().toarray() @ first.to_csr().toarray()
    np.testing.assert_allclose(compose(second, first).to_csr().toarray(), product, atol=1e-12)


def test_propagation_of_a_large_graph_stays_factored():
    nodes = 50_000
    ring = sp.csr_matrix((np.ones(nodes), (np.arange(nodes), np.roll(np.arange(nodes), 1))), shape=(nodes, nodes))
    both = compose(Kron(ring, Identity(8)), Kron(Identity(nodes), np.ones((8, 8))))
    assert isinstance(both, Kron)
    assert both.fan_out().sum() == nodes * 64


def test_two_weighted_factors_have_no_single_stored_form():
    weights = Kron(sp.identity(3, format="csr"), np.ones((2, 2)))
    with pytest.raises(NetworkError, match="both factors hold weights"):
        weights.map(np.abs)
