"""What is swept over: a model file, or a bundle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neurograph.errors import InputError
from neurograph.files import sha256

__all__ = ["Source", "open_source", "source_hash", "widened"]


@dataclass(frozen=True)
class Source:
    """A checkpoint or a bundle, and what its network is where nothing is swept.

    Args:
        path: of the file or folder, absolute.
        checkpoint: whether it is a checkpoint.
        sha256: of the file, or of the bundle's manifest, which holds those of its files.
        width, seed, ticks, bits: its own.
        trained_bits: weight bits that a checkpoint was trained for, where it was.
        target: of a bundle.
        about: model and data, for a headline.
    """

    path: Path
    checkpoint: bool
    sha256: str
    width: int | None
    seed: int | None
    ticks: int
    bits: int | None
    trained_bits: int | None = None
    target: str | None = None
    about: str = ""


def open_source(path: Path) -> Source:
    """A checkpoint or a bundle.

    Raises:
        CheckpointError, BundleError: one that is damaged. InputError: something else.
    """
    if path.is_dir():
        return _bundle(path)
    if path.suffix in (".nir", ".net"):
        raise InputError(f"--sweep of {path}: must be a checkpoint (.pt) or a bundle; export it, and sweep profile over the bundle")
    from neurograph import training
    from neurograph.training.dynamic_checkpoint import is_dynamic_model

    if path.is_file() and is_dynamic_model(path):
        raise InputError(
            f"--sweep of {path}: is a dynamic model, one network a snapshot, must be a model of one graph; export it, and sweep profile "
            "over the bundle of a snapshot"
        )
    checkpoint = training.load(path)
    config = checkpoint.config
    bits = config.weight_bits
    about = f"{checkpoint.model.name} on {checkpoint.graph.name}"
    return Source(
        path.resolve(), True, source_hash(path), _width(config), checkpoint.seed, config.ticks, bits or 8, trained_bits=bits, about=about
    )


def source_hash(path: Path) -> str:
    """What tells one model file or bundle from every other."""
    from neurograph.export.bundle import MANIFEST

    return sha256(path / MANIFEST if path.is_dir() else path)


def _bundle(path: Path) -> Source:
    from neurograph.export.bundle import open_bundle

    manifest = open_bundle(path).manifest
    origin, integers = manifest["origin"], manifest["quantization"]
    bits = integers["bits"] if integers else None
    about = f"bundle {path.resolve().name}" + (f" on {origin['dataset']}" if "dataset" in origin else "")
    return Source(
        path.resolve(), False, source_hash(path), None, origin.get("seed"), manifest["ticks"], bits, target=manifest["target"], about=about
    )


def _width(config: Any) -> int | None:
    """Of a model's populations; of two branches that of the GNN, which is the wider one as tuned."""
    if hasattr(config, "width"):
        return int(config.width)
    if hasattr(config, "gnn_width"):
        return int(config.gnn_width if config.gnn else config.attention_width)
    return None


def widened(config: Any, width: int) -> Any:
    """A config of another width: SGHormer's ``width``, or SpikeGraphormer's ``gnn_width`` with the attention branch in the same ratio.

    Raises:
        InputError: a model without such a field.
    """
    own = _width(config)
    if own is None:
        raise InputError(f"--sweep width: {type(config).__name__} has no width, must be a model with one; sweep another key")
    if hasattr(config, "width"):
        return replace(config, width=width)
    heads = config.heads
    attention = max(1, round(config.attention_width * width / own / heads)) * heads
    return replace(config, attention_width=attention, **({"gnn_width": width} if config.gnn else {}))
