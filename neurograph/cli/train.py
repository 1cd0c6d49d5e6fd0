"""train."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from neurograph.cli.declare import argument, option
from neurograph.cli.output import check_output, print_json
from neurograph.cli.splits import SHARES, SPLIT, shares_of
from neurograph.errors import InputError

__all__ = ["train", "train_model"]

MODELS = ("spikegraphormer", "sghormer", "sghormer-paper")  # those of neurograph.models, which brings torch


def train(
    model: str = argument(help=f"Model: {', '.join(MODELS)}."),
    dataset: str = option("karate", "--dataset", help="'neurograph datasets list' has the names."),
    data_root: Path | None = option(None, "--data-root", help="Folder that holds the raw files already; never written to."),
    split: int = SPLIT,
    shares: str | None = SHARES,
    epochs: int | None = option(None, "--epochs", min=1, help="At most; the preset of the dataset if not given."),
    seed: int = option(0, "--seed", min=0, max=2**63 - 1),
    weight_bits: int | None = option(
        None, "--weight-bits", min=2, max=8, help="Train on for weights of so many bits, as many epochs again at most."
    ),
    output: Path = option(Path("model.pt"), "-o", "--output", help="Checkpoint to write."),
    as_json: bool = option(False, "--json", help="Print one JSON object."),
) -> None:
    """Train a model on a graph and write a checkpoint."""
    result = train_model(model, dataset, data_root, epochs, seed, output, weight_bits, split=split, shares=shares)
    if as_json:
        print_json(result)
        return
    rounded = "" if weight_bits is None else f", weights on chip of {weight_bits} bits"
    alive = "" if result["mask_alive"] is None else f", {result['mask_alive']:.0%} of the attention's mask neurons alive"
    print(f"validation {result['val_accuracy']:.2%}, test {result['test_accuracy']:.2%} after {result['epochs']} epochs{alive}{rounded}")
    print(f"checkpoint {result['checkpoint']}")


def train_model(
    model: str,
    dataset: str,
    data_root: Path | None,
    epochs: int | None,
    seed: int,
    output: Path,
    weight_bits: int | None = None,
    *,
    split: int = 0,
    shares: str | None = None,
) -> dict[str, Any]:
    """Train, write the checkpoint, and return what ``train --json`` prints."""
    if model not in MODELS:
        raise InputError(f"model {model!r}: does not exist; there is {', '.join(MODELS)}")
    check_output(output)
    parts = shares_of(shares)
    from neurograph import data, training

    graph = data.load(dataset, data_root, split, parts)
    config, recipe = training.preset(graph, model)
    result = training.train(config, graph, seed, replace(recipe, weight_bits=weight_bits), epochs, progress=True)
    training.save(output, result.model, graph, result)
    return {"checkpoint": str(output), **result.metrics(), "weight_bits": weight_bits, "split": split, "shares": parts}
