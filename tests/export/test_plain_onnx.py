"""Readouts run in NumPy, against onnxruntime."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from neurograph.export.host import encoder_model, readout_model
from neurograph.export.plain_onnx import run_plain
from neurograph.export.run_onnx import run_onnx


def readout(seed, nodes, classes, widths, density):
    """A readout as it is exported, and rates for it."""
    rng = np.random.default_rng(seed)
    graph = None if density is None else sp.random(nodes, nodes, density, "csr", rng=rng)
    rates = {f"p{i}": rng.random((nodes, width)) for i, width in enumerate(widths)}
    model = readout_model(dict(zip(rates, widths, strict=True)), rng.normal(size=(classes, sum(widths))), rng.normal(size=classes), graph)
    return model, rates


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**31),
    st.integers(1, 60),
    st.integers(1, 9),
    st.lists(st.integers(1, 20), min_size=1, max_size=3),
    st.sampled_from([None, 0.0, 0.02, 0.3, 1.0]),
)
def test_a_readout_gives_what_onnxruntime_makes_of_it(tmp_path_factory, seed, nodes, classes, widths, density):
    model, rates = readout(seed, nodes, classes, widths, density)
    path = tmp_path_factory.mktemp("o") / "r.onnx"
    path.write_bytes(model.SerializeToString())
    found, wanted = run_plain(path, rates), run_onnx(path, rates)
    assert found is not None and found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-4)  # sums in another order


def test_an_encoder_too(tmp_path):
    rng = np.random.default_rng(1)
    (tmp_path / "e.onnx").write_bytes(encoder_model(rng.normal(size=(5, 9)), rng.normal(size=5)).SerializeToString())
    features = {"features": rng.normal(size=(7, 9))}
    np.testing.assert_allclose(run_plain(tmp_path / "e.onnx", features), run_onnx(tmp_path / "e.onnx", features), atol=1e-5)


def _saved(path, nodes, constants=()):
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in "xy")
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(value, name) for name, value in constants])
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString())
    return path


SQUARE = ("w", np.arange(9, dtype=np.float32).reshape(3, 3))
OTHERS = {
    "another operator": ([helper.make_node("Relu", ["x"], ["y"])], []),
    "an attribute that means something else": (
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"], alpha=2.0)],
        [SQUARE, ("b", SQUARE[1][0])],
    ),
    "transA": ([helper.make_node("Gemm", ["x", "w", "b"], ["y"], transA=1)], [SQUARE, ("b", SQUARE[1][0])]),
    "indices from the end": ([helper.make_node("Gather", ["x", "i"], ["y"])], [("i", np.array([-1]))]),
    "another type": ([helper.make_node("Mul", ["x", "w"], ["y"])], [("w", np.ones(3))]),
    "no such input": ([helper.make_node("Mul", ["x", "z"], ["y"])], []),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_known_is_left_to_onnxruntime(tmp_path, name):
    assert run_plain(_saved(tmp_path / "m.onnx", *OTHERS[name]), {"x": np.ones((4, 3))}) is None


def test_rates_that_do_not_fit_are_left_to_onnxruntime(tmp_path):
    model, rates = readout(0, 10, 3, [4], 0.2)
    (tmp_path / "r.onnx").write_bytes(model.SerializeToString())
    assert run_plain(tmp_path / "r.onnx", {"p0": rates["p0"][:, :3]}) is None
    assert run_plain(tmp_path / "r.onnx", {"q": rates["p0"]}) is None


@given(st.integers(0, 2000), st.binary(max_size=2))
def test_a_damaged_file_gives_nothing_or_an_array(tmp_path_factory, at, put):
    model, rates = readout(0, 10, 3, [4], 0.2)
    content = model.SerializeToString()
    at %= len(content)
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    for damaged in (content[:at] + put + content[at + 1 + len(put) :], content[:at]):
        path.write_bytes(damaged)
        with np.errstate(all="ignore"):
            found = run_plain(path, rates)
        assert found is None or isinstance(found, np.ndarray)
