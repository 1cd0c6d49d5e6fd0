import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given
from hypothesis import strategies as st
from networks import random_weights
from places import PLACES

from neurograph import fixedpoint as fx
from neurograph.errors import NetworkError, UnsupportedError
from neurograph.sim.device import DeviceWeights
from neurograph.sim.device.bounds import largest_sum
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse

TYPES = {torch.float32: 1 << 8, torch.float64: 1 << 52, torch.int64: 1 << 54}  # sums that each must hold


def forms(rng):
    """Every form, in integers."""
    graph = sp.csr_matrix(rng.integers(-3, 4, (5, 4)) * (rng.random((5, 4)) < 0.5))
    square = rng.integers(-9, 10, (3, 2))
    return {
        "dense": Dense(rng.integers(-9, 10, (6, 7))),
        "sparse": Sparse(sp.csr_matrix(rng.integers(-9, 10, (6, 7)) * (rng.random((6, 7)) < 0.3))),
        "per node": Kron(Identity(4), square),
        "one to one": Kron(Identity(4), rng.integers(-9, 10, 3)),
        "aggregate": Kron(graph, Identity(3)),
        "aggregate scaled": Kron(graph, rng.integers(-9, 10, 3)),
        "aggregate mixed": Kron(graph, square),
        "reduce": Kron(OnesRow(4), rng.integers(-9, 10, 3)),
        "reduce mixed": Kron(OnesRow(4), square),
        "broadcast": Kron(OnesColumn(4), rng.integers(-9, 10, 3)),
        "broadcast mixed": Kron(OnesColumn(4), square),
        "sum": Kron(OnesRow(4), Identity(3)),
        "copy": Kron(OnesColumn(4), Identity(3)),
        "identity": Kron(Identity(4), Identity(3)),
        "empty": Sparse(sp.csr_matrix((3, 5), dtype=np.int64)),
    }


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("form", forms(np.random.default_rng(0)))
def test_every_form_in_every_type_is_the_expanded_product(form, dtype, place):
    rng = np.random.default_rng(3)
    weights = forms(rng)[form]
    most = max(TYPES[dtype] // max(largest_sum(weights), 1), 1)
    x = rng.integers(-most, most + 1, (2, 5, weights.shape[1]))
    for exponent in (-3, 0, 2):
        made = DeviceWeights(weights, place, integer=True, exponent=exponent, most=most)
        if weights.values.size:
            assert made.dtype == dtype
        given_x = torch.from_numpy(x).to(place)
        got = made.contribution(given_x)
        wanted = fx.shift(x @ weights.to_csr().toarray().astype(np.int64).T, exponent)
        np.testing.assert_array_equal(got.cpu().numpy(), wanted)
        assert np.abs(wanted).max(initial=0) <= made.bound
        np.testing.assert_array_equal(given_x.cpu().numpy(), x)


@pytest.mark.parametrize("place", PLACES)
@given(seed=st.integers(0, 100_000), exponent=st.integers(-8, 7))
def test_spikes_over_random_weights(seed, exponent, place):
    rng = np.random.default_rng(seed)
    nodes = int(rng.integers(2, 5))
    shapes = [(int(rng.choice([1, nodes])), int(rng.integers(1, 4))) for _ in range(2)]
    weights = random_weights(rng, *shapes).map(lambda w: np.rint(60 * w).astype(np.int64))
    x = (rng.random((3, 4, weights.shape[1])) < 0.5).astype(np.uint8)
    got = DeviceWeights(weights, place, integer=True, exponent=exponent).contribution(torch.from_numpy(x).to(place))
    wanted = weights.apply(x.reshape(12, -1).astype(np.int64)).reshape(3, 4, -1)
    np.testing.assert_array_equal(got.cpu().numpy(), fx.shift(wanted, exponent))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(("last", "dtype"), [(-1, torch.float32), (0, torch.float32), (1, torch.float64)])
def test_at_two_to_the_24th(last, dtype, sparse, place):
    """65,536 weights of 256 are 2^24; one more, and float32 would have lost it."""
    row = np.full(65_537, 256, np.int64)
    row[7] += min(last, 0)
    row[-1] = max(last, 0)
    weights = Sparse(sp.csr_matrix(row[None])) if sparse else Dense(row[None])
    made = DeviceWeights(weights, place, integer=True)
    assert made.dtype == dtype and made.bound == (1 << 24) + last
    x = torch.ones((20, row.size), dtype=torch.uint8)
    x[1:, torch.randperm(row.size, generator=torch.Generator().manual_seed(0))[:100]] = 0
    got = made.contribution(x.to(place)).cpu().numpy()
    np.testing.assert_array_equal(got[:, 0], x.numpy().astype(np.int64) @ row)
    assert int(got[0, 0]) == (1 << 24) + last
    assert int(np.float32(got[0, 0])) == (1 << 24) + min(last, 0)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("last", "dtype"), [(-1, torch.float64), (0, torch.int64), (1, torch.int64)])
def test_at_two_to_the_53rd(last, dtype, place):
    row = np.array([1 << 52, (1 << 52) + min(last, 0), max(last, 0)])
    made = DeviceWeights(Dense(row[None]), place, integer=True)
    assert made.dtype == dtype
    got = made.contribution(torch.ones((1, 3), dtype=torch.uint8, device=place))
    assert int(got) == (1 << 53) + last
    assert int(np.float64(int(got))) == (1 << 53) + min(last, 0)


def test_beyond_int64_is_refused():
    with pytest.raises(UnsupportedError, match="projection a→b: sums to 5.76e\\+17, limit 7.21e\\+16: take smaller weights"):
        DeviceWeights(Dense(np.array([[1 << 52]])), "cpu", integer=True, exponent=7, name="a→b")


def test_fractions_are_refused_among_integers():
    with pytest.raises(NetworkError, match=r"projection a→b: weight 0.5 is no integer, but the network is one of integers; quantise it"):
        DeviceWeights(Kron(sp.csr_matrix(np.eye(2)), np.array([1, 0.5])), "cpu", integer=True, name="a→b")


@pytest.mark.parametrize("place", PLACES)
@given(seed=st.integers(0, 100_000))
def test_floats_are_those_of_numpy(seed, place):
    rng = np.random.default_rng(seed)
    weights = random_weights(rng, (3, 2), (3, 2))
    x = rng.normal(size=(4, 6))
    made = DeviceWeights(weights, place, integer=False, exponent=5)
    assert made.dtype == torch.float64 and made.bound is None
    np.testing.assert_allclose(made.contribution(torch.from_numpy(x).to(place)).cpu().numpy(), weights.apply(x), rtol=1e-12, atol=1e-12)


def test_a_matrix_with_entries_in_any_order_and_twice():
    matrix = sp.csr_matrix((np.array([3, 4, 5]), np.array([2, 0, 2]), np.array([0, 3])), shape=(1, 3))
    got = DeviceWeights(Sparse(matrix), "cpu", integer=True).contribution(torch.tensor([[1, 1, 1], [0, 0, 1]]))
    assert got[:, 0].tolist() == [12, 8]
    assert matrix.nnz == 3
