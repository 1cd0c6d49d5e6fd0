"""train."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from neurograph.cli.declare import argument, option
from neurograph.cli.dynamic import DYNAMIC_MODELS, refuse_given, train_dynamic_model
from neurograph.cli.output import check_output, print_json
from neurograph.cli.output import log as say_progress
from neurograph.cli.splits import SHARES, SPLIT, shares_of
from neurograph.errors import InputError

__all__ = ["train", "train_model"]

MODELS = ("spikegraphormer", "spikegraphormer-paper", "sghormer", "sghormer-paper")  # those of neurograph.models, which brings torch


def train(
    model: str = argument(help=f"Model: {', '.join((*MODELS, *DYNAMIC_MODELS))}."),
    dataset: str | None = option(
        None, "--dataset", help="'neurograph datasets list' has the names; karate, or for a dynamic model blocks, if none is given."
    ),
    config: str | None = option(
        None, "--config", help="Settings by name, or a .toml file; those of the model on the dataset if not given."
    ),
    data_root: Path | None = option(None, "--data-root", help="Folder that holds the raw files already; never written to."),
    nodes: int | None = option(None, "--nodes", min=1, help="Dynamic models: only so many nodes of the graph, the busiest."),
    width: int | None = option(None, "--width", min=1, help="Dynamic models: neurons of a node in each population; 16 if not given."),
    split: int = SPLIT,
    shares: str | None = SHARES,
    epochs: int | None = option(None, "--epochs", min=1, help="At most; the preset of the dataset if not given."),
    seed: int = option(0, "--seed", min=0, max=2**63 - 1),
    weight_bits: int | None = option(
        None, "--weight-bits", min=2, max=8, help="Train on for weights of so many bits, as many epochs again at most."
    ),
    parts: int | None = option(None, "--parts", min=1, help="Mini-batches: so many random parts of the nodes an epoch."),
    precision: str | None = option(None, "--precision", help="float32, or mixed: linear maps in bfloat16 while training."),
    log: Path | None = option(None, "--log", help="CSV file, a line an epoch."),
    state: Path | None = option(None, "--state", help="File to go on from, written every 10 epochs."),
    resume: bool = option(False, "--resume", help="Go on from --state; the result is that of a run that never stopped."),
    output: Path = option(Path("model.pt"), "-o", "--output", help="Checkpoint to write."),
    sharded: bool = option(False, "--sharded", help="Spread the nodes over the processes that torchrun started."),
    as_json: bool = option(False, "--json", help="Print one JSON object."),
) -> None:
    """Train a model on a graph and write a checkpoint."""
    if model in DYNAMIC_MODELS:
        given: dict[str, Any] = {
            "--config": (config, None),
            "--weight-bits": (weight_bits, None),
            "--parts": (parts, None),
            "--precision": (precision, None),
        }
        given |= {"--log": (log, None), "--state": (state, None), "--resume": (resume, False), "--sharded": (sharded, False)}
        refuse_given(f"a dynamic model ({model})", given)
        _say_dynamic(train_dynamic_model(model, dataset, data_root, nodes, width, epochs, seed, output, split, shares_of(shares)), as_json)
        return
    refuse_given(f"{model}, which is no dynamic model", {"--nodes": (nodes, None), "--width": (width, None)})
    if resume and state is None:
        raise InputError("--resume: no --state is given, must be the file that the run wrote; name it")
    chosen = {"weight_bits": weight_bits, "parts": parts, "precision": precision}
    try:
        result = train_model(
            model,
            dataset,
            data_root,
            epochs,
            seed,
            output,
            split=split,
            shares=shares,
            config=config,
            recipe={key: value for key, value in chosen.items() if value is not None},
            log=log,
            state=state,
            resume=resume,
            sharded=sharded,
        )
    except KeyboardInterrupt:
        if state is not None and state.is_file():
            say_progress(f"state {state}: the same command with --resume goes on from there")
        raise
    if not result:
        return
    if as_json:
        print_json(result)
        return
    rounded = "" if weight_bits is None else f", weights on chip of {weight_bits} bits"
    alive = "" if result["mask_alive"] is None else f", {result['mask_alive']:.0%} of the attention's mask neurons alive"
    print(f"validation {result['val_accuracy']:.2%}, test {result['test_accuracy']:.2%} after {result['epochs']} epochs{alive}{rounded}")
    print(f"checkpoint {result['checkpoint']}")


def _say_dynamic(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    scores = f"validation {result['val_accuracy']:.2%}, test {result['test_accuracy']:.2%} (Macro-F1 {result['test_macro_f1']:.2%})"
    print(f"{scores} after {result['epochs']} epochs, {result['nodes']:,} nodes in {result['snapshots']} snapshots")
    print(f"checkpoint {result['checkpoint']}")


def _refuse_same(paths: Mapping[str, Path | None]) -> None:
    """Refuse two outputs in one file."""
    seen: dict[Path, str] = {}
    for option_name, path in paths.items():
        if path is not None and (other := seen.setdefault(path.resolve(), option_name)) != option_name:
            raise InputError(f"{other} and {option_name}: are both {path}, of which one would be lost; give two files")


def train_model(
    model: str,
    dataset: str | None,
    data_root: Path | None,
    epochs: int | None,
    seed: int,
    output: Path,
    *,
    split: int = 0,
    shares: str | None = None,
    config: str | None = None,
    recipe: Mapping[str, Any] | None = None,
    sharded: bool = False,
    **kept: Any,
) -> dict[str, Any]:
    """Train, write the checkpoint, and return what ``train --json`` prints; of several processes the first does, the others return {}."""
    if model not in MODELS:
        raise InputError(f"model {model!r}: does not exist; there is {', '.join((*MODELS, *DYNAMIC_MODELS))}")
    check_output(output)
    _refuse_same({"-o": output, "--log": kept.get("log"), "--state": kept.get("state")})
    parts = shares_of(shares)
    from neurograph import data, training

    settings = training.settings_for(model, dataset or "karate") if config is None else training.read_settings(config)
    if settings.name != model:
        raise InputError(
            f"--config {config}: settings of model {settings.name}, must be of {model}; choose other settings or the other model"
        )
    graph = settings.prepare(data.load(dataset or settings.dataset, data_root, split, parts))
    how = replace(settings.how(), **(recipe or {}))
    for path in (path for path in (kept.get("log"), kept.get("state")) if path is not None):
        check_output(path)
    made, files = settings.config(graph), training.Files(**kept)
    if sharded:
        from neurograph.training.processes import this_shard

        with this_shard(graph.nodes) as shard:
            files = files if shard.rank == 0 else replace(files, log=None)
            result = training.train(made, graph, seed, how, epochs, progress=shard.rank == 0, files=files, shard=shard)
        if shard.rank > 0:
            return {}
    else:
        result = training.train(made, graph, seed, how, epochs, progress=True, files=files)
    training.save(output, result.model, graph, result)
    said = {"weight_bits": how.weight_bits, "split": split, "shares": parts}
    return {"checkpoint": str(output), **result.metrics(), **said}
