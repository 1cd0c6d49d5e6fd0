import h5py
import numpy as np
import pytest
from networks import random_network

from neurograph.errors import InputError, NetworkError
from neurograph.sim.sharded.assignment import contiguous
from neurograph.sim.sharded.partition import cut
from neurograph.sim.sharded.stored import read_part
from neurograph.storage import save_network


@pytest.fixture
def stored(tmp_path):
    network, _ = random_network(8, layers=6)
    with h5py.File(tmp_path / "network.h5", "w") as file:
        save_network(network, file)
    with h5py.File(tmp_path / "network.h5", "r+") as file:
        yield network, file


@pytest.mark.parametrize("owned", [False, True])
def test_a_part_out_of_a_file_is_that_of_the_network(stored, owned):
    network, file = stored
    assignment = contiguous(network.populations.values(), 2)
    owners = {n: ranks[::-1] for n, ranks in assignment.owners.items()} if owned else None
    if owned:
        assignment = type(assignment)(2, owners)
    assert assignment.owners, "nothing is split"
    for rank in range(2):
        part, populations = read_part(file, 2, rank, owners=owners)
        expected = cut(network, assignment, rank)
        assert populations.keys() == network.populations.keys()
        assert (part.network.ticks, part.network.dt, part.network.outputs) == (network.ticks, network.dt, network.outputs)
        assert {name: nodes.tolist() for name, nodes in part.nodes.items()} == {n: nodes.tolist() for n, nodes in expected.nodes.items()}
        for ours, theirs in zip(part.shares, expected.shares, strict=True):
            assert ours.projection.name == theirs.projection.name and ours.summed == theirs.summed
            for a, b in ((ours.projection.weights, theirs.projection.weights), (ours.remote, theirs.remote)):
                assert (a is None) == (b is None)
                assert a is None or (a.to_csr() != b.to_csr()).nnz == 0
        for ours, theirs in zip(part.statics, expected.statics, strict=True):
            assert np.array_equal(ours.weights.to_csr().toarray(), theirs.weights.to_csr().toarray())


def test_owners_of_another_graph_are_refused(stored):
    with pytest.raises(InputError, match="owners of 1,000 nodes: no population of that many is split"):
        read_part(stored[1], 2, 0, owners={1000: np.zeros(1000, dtype=int)})


def test_a_file_that_lacks_weights_is_named(stored):
    del stored[1]["projections/00002/weights"]
    with pytest.raises(NetworkError, match="its file is damaged"):
        read_part(stored[1], 2, 0)
