"""No file runs code or opens another one."""

import hashlib
import json
import os
import pickle
import shutil
import stat

import h5py
import numpy as np
import onnx
import pytest
import torch
from reader import seal
from readers import READERS, made

from neurograph.errors import BundleError, CheckpointError, DataError, InputError, NeurographError, TrainingError
from neurograph.private_cache import is_own_folder, is_private, make_private


class Evil:
    """Makes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return dict(made(tmp_path_factory.mktemp("good"), ["checkpoint", "dynamic checkpoint", "training state", "weights", "samples", "Planetoid", "heterophilous", "bundle: network"]))  # fmt: skip


@pytest.fixture
def at(good, tmp_path):
    return lambda name: shutil.copytree(good[name], tmp_path / name.replace(": ", "-"))


@pytest.mark.parametrize(("name", "file", "error"), [("checkpoint", "k.pt", CheckpointError), ("dynamic checkpoint", "d.pt", CheckpointError), ("training state", "s.state", TrainingError), ("weights", "w.pt", CheckpointError)])  # fmt: skip
@pytest.mark.parametrize("new", [True, False])
def test_a_torch_file_with_objects_is_refused(at, tmp_path, name, file, error, new):
    folder = at(name)
    torch.save({"format": "neurograph-checkpoint", "x": Evil(tmp_path / "ran")}, folder / file, _use_new_zipfile_serialization=new)
    with pytest.raises(error, match=r"pickled Python objects|no whole torch file"):
        READERS[name].use(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("part", ["x", "graph", "ally"])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_of_planetoid_calls_nothing(at, tmp_path, part, protocol):
    """PyG would: these raw files are pickles."""
    folder = at("Planetoid")
    (folder / f"ind.cora.{part}").write_bytes(pickle.dumps(Evil(tmp_path / "ran"), protocol))
    with pytest.raises(DataError, match=rf"dataset Cora: ind\.cora\.{part}: .*(unpickling runs it|damaged|calls what makes no matrix)"):
        READERS["Planetoid"].use(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("pickled", [b"cos\nsystem\n(S'echo'\ntR.", b"cbuiltins\neval\n(S'1'\ntR.", b"(S'ls'\nios\nsystem\n.", b"cnumpy.core.multiarray\n_reconstruct\n}(S'__defaults__'\n(I1\ntdb.", b"\x80\x02\x8e\xff\xff\xff\xff\xff\xff\xff\x7f."])  # fmt: skip
def test_other_ways_to_call_are_refused(at, pickled):
    folder = at("Planetoid")
    (folder / "ind.cora.graph").write_bytes(pickled)
    with pytest.raises(DataError, match=r"dataset Cora: ind\.cora\.graph"):
        READERS["Planetoid"].use(folder)


def test_arrays_of_objects_are_refused(at, tmp_path):
    folder = at("samples")
    np.save(folder / "a.npy", np.array([Evil(tmp_path / "ran")]), allow_pickle=True)
    with pytest.raises(InputError, match=r"a\.npy: .*holds pickled objects"):
        READERS["samples"].use(folder)
    folder = at("heterophilous")
    np.savez(folder / "texas.npz", node_features=np.array([Evil(tmp_path / "ran")], dtype=object))
    with pytest.raises(DataError, match="holds pickled objects"):
        READERS["heterophilous"].use(folder)
    assert not (tmp_path / "ran").exists()


NAMES = [
    "../outside",
    "/etc/passwd",
    "a/../../outside",
    "host/../manifest.json",
    "host//readout.onnx",
    "host\\readout.onnx",
    "",
    ".",
    "a\nb",
    "C:/x",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_manifest_names_files_of_its_bundle_only(at, name):
    folder = at("bundle: network")
    (folder.parent / "outside").write_text("x")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = hashlib.sha256(b"x").hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="must be a file below the bundle"):
        READERS["bundle: network"].use(folder)


def test_links_out_of_a_bundle_are_refused(at):
    folder = at("bundle: network")
    outside = shutil.move(folder / "network.h5", folder.parent / "elsewhere.h5")
    (folder / "network.h5").symlink_to(outside)
    with pytest.raises(BundleError, match=r"names 'network\.h5', must be a file below the bundle"):
        READERS["bundle: network"].use(folder)
    (folder / "network.h5").unlink()
    os.mkfifo(folder / "network.h5")
    with pytest.raises(BundleError, match=r"network\.h5 is missing"):
        READERS["bundle: network"].use(folder)


def link(file, name, made):
    del file[name]
    file[name] = made


def virtual(file, name):
    layout = h5py.VirtualLayout(shape=(4,), dtype="f8")
    layout[:] = h5py.VirtualSource("other.h5", "x", shape=(4,))
    del file[name]
    file.create_virtual_dataset(name, layout)


ELSEWHERE = {
    "a soft link": lambda file, name: link(file, name, h5py.SoftLink("/expected")),
    "a link to another file": lambda file, name: link(file, name, h5py.ExternalLink("/etc/passwd", "/x")),
    "values lie in other files": virtual,
    "its values lie in other files": lambda file, name: (file.__delitem__(name), file.create_dataset(name, (4,), "u1", external=[("/etc/passwd", 0, 4)])),
    "through the filters": lambda file, name: (file.__delitem__(name), file.create_dataset(name, data=np.ones(4), chunks=(4,), scaleoffset=3)),
    "linked more than once": lambda file, name: link(file, name, file["expected"]),
    "must be numbers": lambda file, name: (file.__delitem__(name), file.create_dataset(name, data="text")),
}  # fmt: skip


@pytest.mark.parametrize("says", ELSEWHERE)
def test_hdf5_of_a_bundle_stays_in_its_file(at, says):
    folder = at("bundle: network")
    with h5py.File(folder / "check.h5", "a") as file:
        ELSEWHERE[says](file, f"input/{next(iter(file['input']))}")
    seal(folder)
    with pytest.raises(BundleError, match=rf"check\.h5: '/input/.*{says}"):
        READERS["bundle: network"].use(folder)


@pytest.mark.parametrize("where", ["../../../../etc/passwd", "/etc/passwd", "manifest.json"])
@pytest.mark.parametrize("name", ["encoder", "readout"])
def test_onnx_takes_its_tensors_from_its_own_file(at, where, name):
    folder = at("bundle: network")
    path = folder / f"host/{name}.onnx"
    model = onnx.load(path)
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", where
    path.write_bytes(model.SerializeToString())
    seal(folder)
    with pytest.raises(BundleError, match=rf"host model .*{name}\.onnx: tensor .* lies in another file, which is not read"):
        READERS["bundle: network"].use(folder)


def test_onnx_of_other_operators_is_refused(at):
    from neurograph.onnx_files import read_onnx

    folder = at("bundle: network")
    path = folder / "host/encoder.onnx"
    for change, says in (
        (lambda model: setattr(model.graph.node[0], "op_type", "Loop"), "operator 'Loop' is not run"),
        (lambda model: setattr(model.graph.node[0], "domain", "com.microsoft"), "operator 'Gemm' is not run"),
        (lambda model: model.functions.add(), "functions of its own"),
        (lambda model: setattr(model.opset_import.add(), "domain", "evil"), "operators of 'evil'"),
        (lambda model: model.graph.initializer[0].dims.append(3), "declares shape"),
    ):
        model = onnx.load(path)
        change(model)
        (folder / "bad.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(NeurographError, match=says):
            read_onnx(folder / "bad.onnx")


def test_what_an_export_writes_is_what_is_read(good):
    """No bundle of ours holds an operator that is refused; targets onnx and paper's models are read back in their own tests."""
    from neurograph.onnx_files import read_onnx

    for path in (good["bundle: network"] / "host").iterdir():
        assert read_onnx(path).graph.node


needs_owners = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owners here")


@needs_owners
def test_a_cache_is_believed_where_nobody_else_can_write(tmp_path):
    folder = tmp_path / "cache" / "neurograph"
    make_private(folder)
    path = folder / "engine.so"
    assert not is_private(path)
    path.write_bytes(b"x")
    path.chmod(0o755)
    assert is_private(path) and stat.S_IMODE(folder.stat().st_mode) == 0o700
    path.chmod(0o775)
    assert not is_private(path)
    path.chmod(0o755)
    folder.chmod(0o777)
    assert not is_private(path) and not is_own_folder(folder)
    make_private(folder)
    assert is_private(path)
    other = folder / "link.so"
    other.symlink_to(path)
    assert not is_private(other)


@needs_owners
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() != 0, reason="needs to give files away")
def test_a_cache_of_another_user_is_not_believed(tmp_path):
    folder = tmp_path / "neurograph"
    make_private(folder)
    path = folder / "engine.so"
    path.write_bytes(b"x")
    path.chmod(0o755)
    os.chown(path, 12345, 12345)
    assert not is_private(path)
    os.chown(folder, 12345, 12345)
    with pytest.raises(PermissionError, match="belongs to another user"):
        make_private(folder)


@needs_owners
def test_a_library_that_others_can_write_is_made_anew(tmp_path, monkeypatch):
    from neurograph.sim.compiled import library

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = library._path()
    path.parent.mkdir(mode=0o777)
    path.write_bytes(b"planted")
    path.chmod(0o777)
    library.library.cache_clear()
    try:
        if not library.available():
            pytest.skip("needs a C compiler")
        assert path.read_bytes()[:4] == b"\x7fELF" and is_private(path)
    finally:
        library.library.cache_clear()
