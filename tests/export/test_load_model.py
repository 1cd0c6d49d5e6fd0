"""Loading people's own models: the factory, the weights, and every way in which either can be wrong, in one line."""

import sys

import pytest
import torch

from neurograph.errors import CheckpointError, InputError
from neurograph.export.torch_modules import load_model

SOURCE = """
import torch

class Net(torch.nn.Module):
    def __init__(self, hidden=3):
        super().__init__()
        self.fc = torch.nn.Linear(2, hidden)
        self.register_buffer("scale", torch.ones(1))

    @classmethod
    def small(cls):
        return cls(2)

def build():
    return Net()

def wide():
    return Net(4)

def fails():
    raise RuntimeError("no such dataset")

def number():
    return 7

def needs(width):
    return Net(width)

constant = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a module of the user's in it, which is the current one."""
    (tmp_path / "mynets_of_test.py").write_text(SOURCE)
    (tmp_path / "broken_of_test.py").write_text("import torch\n1 / 0\n")
    (tmp_path / "thirsty_of_test.py").write_text("import not_there_at_all\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", str(tmp_path))])
    yield tmp_path
    for name in ("mynets_of_test", "broken_of_test", "thirsty_of_test"):
        sys.modules.pop(name, None)


@pytest.fixture
def weights(folder):
    model = load_state(folder)
    torch.save(model, folder / "w.pt")
    return folder / "w.pt"


def load_state(folder):
    torch.manual_seed(0)
    return {"fc.weight": torch.rand(3, 2), "fc.bias": torch.rand(3), "scale": torch.tensor([2.0])}


def save(folder, thing, **more):
    torch.save(thing, folder / "thing.pt", **more)
    return folder / "thing.pt"


def fault(kind, spec, path, **more):
    with pytest.raises(kind) as error:
        load_model(spec, path, **more)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_state_dict_by_itself_or_inside(folder, weights):
    state = load_state(folder)
    wrapped = {"module." + name: tensor for name, tensor in state.items()}
    for path in (
        weights,
        save(folder, {"state_dict": state, "epoch": 3}),
        save(folder, wrapped),
        save(folder, state, _use_new_zipfile_serialization=False),
    ):
        model = load_model("mynets_of_test:build", path)
        assert not model.training
        for name, tensor in model.state_dict().items():
            torch.testing.assert_close(tensor, state[name], rtol=0, atol=0)
    assert str(folder) not in sys.path


def test_float64_weights_stay_float64(folder):
    state = {name: tensor.double() / 3 for name, tensor in load_state(folder).items()}
    model = load_model("mynets_of_test:Net", save(folder, state))
    torch.testing.assert_close(model.fc.weight, state["fc.weight"], rtol=0, atol=0)


def test_a_class_or_a_class_method_is_a_factory(folder, weights):
    assert load_model("mynets_of_test:Net", weights).fc.out_features == 3
    assert "fc.weight has shape (3, 2), the model's (2, 2)" in fault(CheckpointError, "mynets_of_test:Net.small", weights)


SPECS = {
    "mynets_of_test": "must be package.module:factory",
    "mynets_of_test.build": "must be package.module:factory",
    "mynets_of_test:": "must be package.module:factory",
    "my-nets:build": "must be package.module:factory",
    "no_such_module_at_all:build": "no module 'no_such_module_at_all'; run it from the folder",
    "mynets_of_test.inner:build": "no module 'mynets_of_test",
    "mynets_of_test:bild": "has no 'bild'; it has Net, build, wide",
    "mynets_of_test:constant": "constant is a int, must be a function or class",
    "mynets_of_test:fails": "raises RuntimeError: no such dataset",
    "mynets_of_test:needs": "raises TypeError: needs() missing 1 required positional argument",
    "mynets_of_test:number": "gives a int, must give a torch.nn.Module",
    "broken_of_test:build": "importing broken_of_test raises ZeroDivisionError",
    "thirsty_of_test:build": "needs module 'not_there_at_all'",
}


@pytest.mark.parametrize("spec", SPECS)
def test_specs_that_give_no_model(folder, weights, spec):
    said = fault(InputError, spec, weights)
    assert SPECS[spec] in said and f"--model {spec!r}" in said


def test_weights_that_do_not_fit_are_listed(folder, weights):
    state = load_state(folder)
    state["fc.wait"] = state.pop("fc.weight")
    said = fault(CheckpointError, "mynets_of_test:wide", save(folder, state))
    assert "missing fc.weight; unexpected fc.wait; fc.bias has shape (3,), the model's (4,)" in said
    many = {f"layer{i}": torch.zeros(1) for i in range(50)}
    assert "and 33 more" in fault(CheckpointError, "mynets_of_test:build", save(folder, many))


def test_a_whole_pickled_module_is_refused_with_the_reason(folder, weights):
    model = load_model("mynets_of_test:build", weights)
    path = save(folder, model)
    said = fault(CheckpointError, "mynets_of_test:build", path)
    assert "mynets_of_test.Net" in said and "unpickling runs code" in said and "--allow-pickle" in said
    assert "unpickling runs code" in fault(CheckpointError, None, path)
    for spec in ("mynets_of_test:build", None):
        loaded = load_model(spec, path, allow_pickle=True)
        torch.testing.assert_close(loaded.fc.weight, model.fc.weight)
        assert not loaded.training


def test_pickled_code_does_not_run(folder, weights):
    class Evil:
        def __reduce__(self):
            return (open, (str(folder / "ran"), "w"))

    assert "unpickling runs code" in fault(CheckpointError, "mynets_of_test:build", save(folder, {"fc.weight": Evil()}))
    assert not (folder / "ran").exists()


def test_a_pickled_module_whose_class_is_gone(folder, weights):
    path = save(folder, load_model("mynets_of_test:build", weights))
    sys.modules.pop("mynets_of_test")
    (folder / "mynets_of_test.py").unlink()
    assert "cannot be loaded (ModuleNotFoundError: No module named 'mynets_of_test')" in fault(
        CheckpointError, None, path, allow_pickle=True
    )


def test_weights_alone_need_a_factory(folder, weights):
    assert "give --model package.module:factory" in fault(InputError, None, weights)
    assert "give --model package.module:factory" in fault(InputError, None, weights, allow_pickle=True)


@pytest.mark.parametrize("kept", [10, 200, 0.5, 0.99])
def test_a_truncated_file(folder, weights, kept):
    whole = weights.read_bytes()
    weights.write_bytes(whole[: int(kept if kept > 1 else kept * len(whole))])
    assert "copy it anew" in fault(CheckpointError, "mynets_of_test:build", weights)


def test_a_flipped_bit(folder, weights):
    whole = bytearray(weights.read_bytes())
    whole[whole.index(load_state(folder)["fc.bias"].numpy().tobytes())] ^= 1
    weights.write_bytes(bytes(whole))
    assert "checksum of" in fault(CheckpointError, "mynets_of_test:build", weights)


def test_what_is_no_torch_file(folder):
    import zipfile

    path = folder / "x.pt"
    assert "does not exist" in fault(CheckpointError, "mynets_of_test:build", path)
    assert "is a folder" in fault(CheckpointError, "mynets_of_test:build", folder)
    for content in (b"", b"hello", b"\x89HDF\r\n\x1a\n"):
        path.write_bytes(content)
        assert "not a torch file" in fault(CheckpointError, "mynets_of_test:build", path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "a")
    assert "not a torch file" in fault(CheckpointError, "mynets_of_test:build", path)


def test_what_holds_no_weights(folder):
    for thing, says in (
        (
            {"format": "neurograph-checkpoint", "version": 1},
            "a neurograph checkpoint, which says itself what its model is; leave out --model",
        ),
        ({}, "holds a dictionary with nothing"),
        ({"model": {"a": torch.zeros(1)}, "epoch": 1}, "holds a dictionary with model, epoch, must hold tensors by name"),
        (torch.zeros(3), "holds a Tensor"),
        ({**load_state(folder), "fc.bias": torch.tensor([1.0, float("nan"), 0.0])}, "tensor 'fc.bias' holds 1 NaN or infinite values"),
    ):
        assert says in fault(CheckpointError, "mynets_of_test:build", save(folder, thing))


def test_a_real_checkpoint_of_neurograph(folder, weights):
    from neurograph import data, training
    from neurograph.models import SpikeGraphormer

    graph = data.load("karate")
    config, _ = training.preset(graph)
    path = training.save(folder / "ours.pt", SpikeGraphormer(config, graph.edge_index), graph)
    assert "leave out --model" in fault(CheckpointError, "mynets_of_test:build", path)
