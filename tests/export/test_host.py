import numpy as np
import onnx
import scipy.sparse as sp

from neurograph.export.host import effective_macs, encoder_model, host_macs, macs_by_matrix, readout_model
from neurograph.export.run_onnx import run_onnx

RNG = np.random.default_rng(0)


def test_encoder_is_a_linear_map(tmp_path):
    weight, bias, features = RNG.normal(size=(5, 9)), RNG.normal(size=5), RNG.normal(size=(7, 9))
    (tmp_path / "e.onnx").write_bytes(encoder_model(weight, bias).SerializeToString())
    np.testing.assert_allclose(run_onnx(tmp_path / "e.onnx", {"features": features}), features @ weight.T + bias, atol=1e-5)


def test_readout_propagates_the_same_every_time(tmp_path):
    """A hub that thousands of edges add up in, and rows of no edge at all; an adding scatter in several threads lost summands here."""
    nodes, classes = 2708, 7
    graph = sp.random(nodes, nodes, 0.002, "csr", rng=RNG).tolil()
    graph[5] = RNG.random(nodes)
    graph[9] = 0
    graph = sp.csr_matrix(graph)
    weight, bias = RNG.normal(size=(classes, 12)), RNG.normal(size=classes)
    rates = {"a": RNG.random((nodes, 8)), "b": RNG.random((nodes, 4))}
    model = readout_model({"a": 8, "b": 4}, weight, bias, graph)
    (tmp_path / "r.onnx").write_bytes(model.SerializeToString())
    first = run_onnx(tmp_path / "r.onnx", rates)
    wanted = graph @ np.concatenate([rates["a"], rates["b"]], axis=1) @ weight.T + bias
    np.testing.assert_allclose(first, wanted, rtol=1e-5, atol=1e-3)
    for _ in range(30):
        np.testing.assert_array_equal(run_onnx(tmp_path / "r.onnx", rates), first)
    loaded = onnx.load(str(tmp_path / "r.onnx"))
    assert host_macs(loaded, nodes) == nodes * 12 * classes + graph.nnz * 12
    assert macs_by_matrix(loaded, nodes) == (nodes * 12 * classes, graph.nnz * 12)


def test_readout_without_propagation_counts_no_edges():
    model = readout_model({"a": 3}, np.ones((2, 3)), np.zeros(2), None)
    assert host_macs(model, 10) == 60 and macs_by_matrix(model, 10) == (60, 0)


def test_effective_macs_leave_out_zeros_alone():
    model = encoder_model(np.ones((4, 6)), np.zeros(4))
    assert effective_macs(model, 10 * 6) == host_macs(model, 10) == 240
    assert effective_macs(model, 7) == 28


def test_readout_hears_both_halves(tmp_path):
    graph = sp.csr_matrix([[0.5, 0.5, 0.0], [0.5, 0.3, 0.2], [0.0, 0.2, 0.8]])
    weight, bias, rates = RNG.normal(size=(2, 8)), RNG.normal(size=2), RNG.random((3, 4))
    model = readout_model({"a": 4}, weight, bias, graph, plain=True)
    (tmp_path / "r.onnx").write_bytes(model.SerializeToString())
    expected = np.concatenate([graph @ rates, rates], axis=1) @ weight.T + bias
    np.testing.assert_allclose(run_onnx(tmp_path / "r.onnx", {"a": rates}), expected, rtol=1e-5)
    assert host_macs(model, 3) == 3 * 2 * 8 + graph.nnz * 4
