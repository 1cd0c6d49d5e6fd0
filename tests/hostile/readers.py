"""Every reader of files that others may have made: good files to damage, and all that a command would do with them."""

from __future__ import annotations

import sys
from pathlib import Path

import damage
import readers_of_bundles as bundles
import readers_of_data as data
import readers_of_models as models
import readers_of_texts as texts
from reader import Reader

TESTS = Path(__file__).resolve().parents[1]
PLANETOID = ("x", "tx", "allx", "y", "ty", "ally", "graph")
BUNDLE = {"manifest.json": damage.plain_json}
READERS = {
    "checkpoint": Reader(models.make_checkpoint, {"k.pt": damage.torch_file}, models.use_checkpoint),
    "dynamic checkpoint": Reader(models.make_dynamic, {"d.pt": damage.torch_file}, models.use_dynamic),
    "training state": Reader(models.make_state, {"s.state": damage.torch_file}, models.use_state),
    "weights": Reader(models.make_weights, {"w.pt": damage.torch_file}, models.use_weights),
    "NIR": Reader(models.make_nir, {"x.nir": models.damaged_nir}, models.use_nir),
    "lava-dl": Reader(models.make_net, {"a.net": damage.hdf5}, models.use_net),
    "bundle: manifest": Reader(bundles.make_bundle, {"manifest.json": damage.plain_json}, bundles.use_bundle),
    "bundle: network": Reader(bundles.make_bundle, {"network.h5": damage.hdf5}, bundles.use_bundle, sealed=True),
    "bundle: check": Reader(bundles.make_bundle, {"check.h5": damage.hdf5}, bundles.use_bundle, sealed=True),
    "bundle: host": Reader(bundles.make_bundle, {"host/readout.onnx": damage.onnx_file, "host/encoder.onnx": damage.onnx_file}, bundles.use_bundle, sealed=True),
    "bundle: placement": Reader(bundles.make_bundle, {"placement.json": damage.plain_json}, bundles.use_bundle, sealed=True),
    "bundle: onnx": Reader(bundles.make_onnx, {"onnx/network.onnx": damage.onnx_file}, bundles.use_onnx, sealed=True),
    "bundle: windows": Reader(bundles.make_windows, {"network.h5": damage.hdf5, "check.h5": damage.hdf5, **BUNDLE}, bundles.use_windows, sealed=True),
    "profile": Reader(texts.make_profile, {"p.toml": damage.toml}, texts.use_profile),
    "settings": Reader(texts.make_settings, {"s.toml": damage.toml}, texts.use_settings),
    "sweep rows": Reader(texts.make_rows, {"rows.jsonl": damage.json_lines}, texts.use_rows),
    "flat file": Reader(texts.make_flat, {"f.flat": damage.in_bytes}, texts.use_flat),
    "recording": Reader(data.make_recording, {"r.h5": damage.hdf5}, data.use_recording),
    "samples": Reader(data.make_samples, {"a.npy": damage.npy, "b.npz": damage.npz, "c.npz": damage.npz}, data.use_samples),
    "Planetoid": Reader(data.make_planetoid, {**{f"ind.cora.{part}": damage.pickled for part in PLANETOID}, "ind.cora.test.index": damage.table}, data.loader("cora")),
    "Amazon": Reader(data.make_amazon, {"amazon_electronics_photo.npz": damage.npz}, data.loader("photo")),
    "heterophilous": Reader(data.make_heterophilous, {"texas.npz": damage.npz}, data.loader("texas")),
    "DBLP": Reader(data.make_dblp, {f"{part}.npz": damage.npz for part in ("edge_index", "time", "y")}, data.use_dblp),
    "TU": Reader(data.make_tu, {f"MADE_{part}.txt": damage.table for part in ("A", "graph_indicator", "graph_labels", "node_labels", "node_attributes")}, data.loader("tu:MADE")),
}  # fmt: skip


def made(folder, names=tuple(READERS)):
    """The good files of readers, below a folder; those that are there stay."""
    sys.path[:0] = [str(TESTS / part) for part in ("hostile", "export", "sim", "models", "") if str(TESTS / part) not in sys.path]
    for name in names:
        at = Path(folder, name.replace(": ", "-").replace(" ", "-"))
        if not at.is_dir():
            part = at.with_name(f".{at.name}")
            part.mkdir(parents=True)
            READERS[name].make(part)
            part.rename(at)
        yield name, at
