"""Good arrays and data roots, and what reads them."""

from __future__ import annotations

import pickle
import shutil
from collections import defaultdict

import numpy as np
import scipy.sparse as sp


def make_recording(folder):
    import test_damaged_recordings as recordings

    from neurograph.sim.recording_file import save

    save(recordings.small(), folder / "r.h5")


def use_recording(folder):
    from neurograph.cli.inspect import _recording
    from neurograph.sim.recording_file import load

    _recording(folder / "r.h5")
    load(folder / "r.h5")


def make_samples(folder):
    rng = np.random.default_rng(0)
    np.save(folder / "a.npy", rng.random((4, 3)))
    np.savez_compressed(folder / "b.npz", x=rng.integers(0, 2, (5, 3)), y=rng.random(7).astype("f4"))
    np.savez(folder / "c.npz", x=rng.integers(0, 2, (5, 3)), y=rng.random(7) < 0.5)


def use_samples(folder):
    from neurograph.cli.inputs import read_arrays

    for name in ("a.npy", "b.npz", "c.npz"):
        read_arrays(folder / name)


def make_planetoid(folder):
    rng = np.random.default_rng(0)
    nodes, tests, features = 620, 60, 12
    x, y = (rng.random((nodes, features)) < 0.3).astype(np.float32), np.eye(3, dtype=np.int32)[np.arange(nodes) % 3]
    graph = defaultdict(list, {n: [int(m) for m in rng.integers(0, nodes, 3)] for n in range(nodes)})
    first = nodes - tests
    parts = {"x": sp.csr_matrix(x[:30]), "allx": sp.csr_matrix(x[:first]), "tx": sp.csr_matrix(x[first:]), "graph": graph}
    parts |= {"y": y[:30], "ally": y[:first], "ty": y[first:]}
    for name, part in parts.items():
        (folder / f"ind.cora.{name}").write_bytes(pickle.dumps(part, protocol=2))
    (folder / "ind.cora.test.index").write_text("".join(f"{n}\n" for n in rng.permutation(np.arange(first, nodes))))


def make_amazon(folder):
    rng = np.random.default_rng(0)
    a, x = sp.random(30, 30, 0.2, "csr", random_state=0), sp.random(30, 9, 0.4, "csr", random_state=1)
    parts = {
        f"{key}_{part}": getattr(matrix, part)
        for key, matrix in (("adj", a), ("attr", x))
        for part in ("data", "indices", "indptr", "shape")
    }
    np.savez_compressed(folder / "amazon_electronics_photo.npz", **parts, labels=rng.integers(0, 3, 30))


def make_heterophilous(folder):
    rng = np.random.default_rng(0)
    masks = np.zeros((3, 10, 40), bool)
    for split in range(10):
        for part, nodes in enumerate(np.split(rng.permutation(40), (20, 30))):
            masks[part, split, nodes] = True
    arrays = {f"{part}_masks": mask for part, mask in zip(("train", "val", "test"), masks, strict=True)}
    np.savez_compressed(
        folder / "texas.npz",
        node_features=rng.random((40, 6)),
        node_labels=rng.integers(0, 3, 40),
        edges=rng.integers(0, 40, (90, 2)),
        **arrays,
    )


def make_dblp(folder):
    rng = np.random.default_rng(0)
    np.savez_compressed(folder / "edge_index.npz", rng.integers(0, 40, (2, 90)))
    np.savez_compressed(folder / "time.npz", np.sort(rng.integers(0, 5, 90)))
    np.savez_compressed(folder / "y.npz", rng.integers(0, 3, 40))


def make_tu(folder):
    from tu_sets import cycles_and_trees, write_tu

    graphs, classes = cycles_and_trees(12)
    nodes = sum(map(len, graphs))
    at = write_tu(
        folder,
        "MADE",
        graphs,
        classes,
        node_labels=[str(n % 3) for n in range(nodes)],
        node_attributes=[f"{n % 5}.5, 1.0" for n in range(nodes)],
    )
    for path in at.iterdir():
        shutil.move(path, folder / path.name)
    at.rmdir()


def loader(name):
    def use(folder):
        from neurograph.data import load

        load(name, folder)

    return use


def use_dblp(folder):
    from neurograph.data.dynamic import load_dblp

    load_dblp(folder)
