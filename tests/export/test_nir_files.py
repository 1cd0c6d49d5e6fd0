import h5py
import numpy as np
import pytest

from neurograph.errors import GraphError
from neurograph.export import nir_io


@pytest.fixture
def file(compiled, tmp_path):
    nir_io.write(compiled.graph, tmp_path / "m.nir")
    return tmp_path / "m.nir"


def test_missing_file(tmp_path):
    with pytest.raises(GraphError, match=r"none\.nir: no such file"):
        nir_io.read(tmp_path / "none.nir")


def test_truncated_file(file):
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(GraphError, match="not HDF5, or cut off"):
        nir_io.read(file)


def test_hdf5_that_is_no_nir(tmp_path):
    with h5py.File(tmp_path / "x.nir", "w") as made:
        made["a"] = 1
    with pytest.raises(GraphError, match="has no 'node' group"):
        nir_io.read(tmp_path / "x.nir")


def test_unknown_types_are_all_listed(file):
    with h5py.File(file, "a") as made:
        for name, kind in (("gnn_neuron", "Izhikevich"), ("gnn_select", "neurograph.Teleport")):
            del made[f"node/nodes/{name}/type"]
            made[f"node/nodes/{name}/type"] = kind
    with pytest.raises(GraphError, match=r"unknown node types: gnn_neuron \(Izhikevich\); gnn_select \(neurograph.Teleport\)"):
        nir_io.read(file)


def test_dangling_edge_is_named(file):
    with h5py.File(file, "a") as made:
        edges = made["node/edges"][()]
        del made["node/edges"]
        made["node/edges"] = np.concatenate([edges, np.array([[b"gnn_neuron", b"nowhere"]], dtype=object)])
    with pytest.raises(GraphError, match="'nowhere' which does not exist"):
        nir_io.read(file)


def test_metadata_of_another_version_is_refused(file):
    with h5py.File(file, "a") as made:
        made["node/metadata/neurograph/version"][()] = 7
    with pytest.raises(GraphError, match="version 7"):
        nir_io.time_of(nir_io.read(file))


def test_broken_node_is_named(file):
    with h5py.File(file, "a") as made:
        del made["node/nodes/gnn_select/bias"]
        made["node/nodes/gnn_select/bias"] = np.zeros(3)
    with pytest.raises(GraphError, match="node 'gnn_select'.*bias"):
        nir_io.read(file)


@pytest.mark.parametrize("name", ["lif_rockpool.nir", "debug_spike_representation/two_lif_neurons.nir", "lif_norse.nir"])
def test_published_graphs_read_or_say_why(shared, name):
    path = shared / "nir_zoo/01_lif" / name
    if name == "lif_rockpool.nir":
        with pytest.raises(GraphError, match="type mismatch"):
            nir_io.read(path)
    else:
        assert nir_io.read(path).nodes
