import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from networks import random_weights

from neurograph.errors import UnsupportedError
from neurograph.sim.device.bounds import FLOAT32_EXACT, FLOAT64_EXACT, INT64_EXACT, exact_type, largest_sum, shifted_bound
from neurograph.weights import Identity, Kron, OnesRow


@given(st.integers(0, 100_000), st.integers(1, 9))
def test_no_sum_is_larger_than_its_bound(seed, most):
    rng = np.random.default_rng(seed)
    nodes = int(rng.integers(2, 5))
    shapes = [(int(rng.choice([1, nodes])), int(rng.integers(1, 4))) for _ in range(2)]
    weights = random_weights(rng, *shapes).map(lambda w: np.rint(9 * w).astype(np.int64))
    bound = largest_sum(weights, most)
    matrix = weights.to_csr().toarray()
    worst = most * np.sign(matrix) @ matrix.T  # row i of it is the input that makes sum i largest
    assert np.abs(np.diag(worst)).max() <= bound
    if not (isinstance(weights, Kron) and isinstance(weights.left, OnesRow)):
        assert bound == max(int(np.abs(np.diag(worst)).max()), most if isinstance(weights, Kron) else 0)


def test_every_stage_of_a_kronecker_product_counts():
    """The sum over nodes comes before a right factor of zeros."""
    assert largest_sum(Kron(OnesRow(1000), np.zeros(3))) == 1000
    assert largest_sum(Kron(OnesRow(1000), np.full(3, 2)), most=7) == 14_000
    assert largest_sum(Kron(Identity(5), np.array([[3, -4], [1, 1]]))) == 7
    assert largest_sum(Kron(sp.csr_matrix(np.array([[2, -3], [0, 1]])), np.array([[3, -4]]))) == 35


def test_types_end_at_their_bounds():
    assert exact_type(FLOAT32_EXACT) == "float32"
    assert exact_type(FLOAT32_EXACT + 1) == exact_type(FLOAT64_EXACT) == "float64"
    assert exact_type(FLOAT64_EXACT + 1) == exact_type(INT64_EXACT) == "int64"
    with pytest.raises(UnsupportedError, match=r"projection a→b: sums to 7.21e\+16, limit 7.21e\+16: take smaller weights"):
        exact_type(INT64_EXACT + 1, "projection a→b")


@given(st.integers(0, 1 << 30), st.integers(-8, 7))
def test_a_shift_keeps_to_its_bound(bound, exponent):
    for value in (bound, -bound):
        assert abs(value << exponent if exponent >= 0 else value >> -exponent) <= shifted_bound(bound, exponent)
