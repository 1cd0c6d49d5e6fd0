"""train and export."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from neurograph.cli.output import check_output, comparison_line, log, print_json
from neurograph.errors import InputError
from neurograph.files import refuse_foreign

__all__ = ["export_model", "register", "train_model"]

MODELS = ("spikegraphormer",)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("train")(train)
    app.command("export")(export)


def train(
    model: str = typer.Argument(..., help=f"Model: {', '.join(MODELS)}."),
    dataset: str = typer.Option("karate", "--dataset", help="'neurograph datasets list' has the names."),
    data_root: Path | None = typer.Option(None, "--data-root", help="Folder that holds the raw files already; never written to."),
    epochs: int | None = typer.Option(None, "--epochs", min=1, help="At most; the preset of the dataset if not given."),
    seed: int = typer.Option(0, "--seed", min=0, max=2**63 - 1),
    output: Path = typer.Option(Path("model.pt"), "-o", "--output", help="Checkpoint to write."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Train a model on a graph and write a checkpoint."""
    result = train_model(model, dataset, data_root, epochs, seed, output)
    if as_json:
        print_json(result)
        return
    alive = "" if result["mask_alive"] is None else f", {result['mask_alive']:.0%} of the attention's mask neurons alive"
    print(f"validation {result['val_accuracy']:.2%}, test {result['test_accuracy']:.2%} after {result['epochs']} epochs{alive}")
    print(f"checkpoint {result['checkpoint']}")


def train_model(model: str, dataset: str, data_root: Path | None, epochs: int | None, seed: int, output: Path) -> dict[str, Any]:
    """Train, write the checkpoint, and return what ``train --json`` prints."""
    if model not in MODELS:
        raise InputError(f"model {model!r}: does not exist; there is {', '.join(MODELS)}")
    check_output(output)
    from neurograph import data, training

    graph = data.load(dataset, data_root)
    config, recipe = training.preset(graph)
    result = training.train(config, graph, seed, recipe, epochs, progress=True)
    training.save(output, result.model, graph, result)
    return {"checkpoint": str(output), **result.metrics()}


def export(
    model_file: Path = typer.Argument(..., help="Checkpoint (.pt) or NIR graph (.nir)."),
    target: str = typer.Option(..., "--target", help="lava, loihi1 or loihi2."),
    output: Path | None = typer.Option(None, "-o", "--output", help="Bundle folder; the file's name without ending if not given."),
    ticks: int | None = typer.Option(None, "--ticks", min=1, help="Ticks an inference; the model's own if not given."),
    weight_bits: int = typer.Option(8, "--weight-bits", min=2, max=8),
    nir_form: str = typer.Option("auto", "--nir", help="graph, portable or auto."),
    dataset: str | None = typer.Option(None, "--dataset", help="Run the checkpoint on this graph in place of the stored one."),
    data_root: Path | None = typer.Option(None, "--data-root", help="Folder that holds the raw files already; never written to."),
    sample: Path | None = typer.Option(None, "--input", help="Sample input of a NIR graph, .npy: to quantise and verify on."),
    dialect: str | None = typer.Option(None, "--dialect", help="Framework that wrote the NIR graph, where it holds no time metadata."),
    dt: float | None = typer.Option(None, "--dt", help="Seconds a tick of such a graph; the dialect's own if not given."),
    verify: bool = typer.Option(True, "--verify/--no-verify", help="Run the engines on the sample and compare every spike."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> int:
    """Compile a trained model for a target, verify it, and write a bundle."""
    result = export_model(model_file, target, output, ticks, weight_bits, nir_form, dataset, data_root, sample, verify, dialect, dt)
    if as_json:
        print_json(result)
    else:
        print(f"bundle {result['bundle']} ({len(result['files'])} files, {result['wall_s']:.1f} s)")
    return 0 if result["ok"] else 1


def export_model(
    model_file: Path,
    target: str,
    output: Path | None = None,
    ticks: int | None = None,
    weight_bits: int = 8,
    nir_form: str = "auto",
    dataset: str | None = None,
    data_root: Path | None = None,
    sample: Path | None = None,
    verify: bool = True,
    dialect: str | None = None,
    dt: float | None = None,
) -> dict[str, Any]:
    """Export, and return what ``export --json`` prints."""
    from neurograph.export import targets

    chosen = targets.find(target)
    if nir_form not in ("graph", "portable", "auto"):
        raise InputError(f"--nir {nir_form!r}: must be graph, portable or auto")
    start = time.perf_counter()
    from neurograph.export import bundle as bundles  # brings torch: only once the cheap checks are through

    path = output or model_file.with_suffix("")
    refuse_foreign(path, bundles.MANIFEST)
    if model_file.suffix == ".nir":
        compiled = _compile_graph(model_file, chosen, ticks, weight_bits, sample, dialect, dt)
    else:
        if dialect is not None or dt is not None:
            raise InputError(f"--dialect and --dt: are for NIR graphs, but {model_file} is a checkpoint; leave them out")
        compiled = _compile_checkpoint(model_file, chosen, ticks, weight_bits, dataset, data_root)
    log(f"compiled {len(compiled.network.neurons)} populations, {len(compiled.network.spiking_projections)} projections for {target}")
    bundle = bundles.write_bundle(compiled, chosen, path, nir_form=nir_form)
    comparisons = verify_bundle(bundle) if verify else []
    ok = all(c.ok for c in comparisons)
    if comparisons:
        bundle.mark_verified([c.to_json() for c in comparisons], ok)
    rounding = bundle.rounding()
    worst = max(rounding, key=rounding.__getitem__)
    log(f"float against fixed, {weight_bits}-bit weights: at most {rounding[worst]:.2%} of the spikes of a population differ ({worst})")
    for row in bundle.manifest["quantization"]["projections"]:
        if row["relative_error"] > 0.5:
            log(
                f"warning: projection {row['projection']}: rounding leaves an error of {row['relative_error']:.0%}; give more --weight-bits"
            )
    return {
        "bundle": str(path),
        "target": target,
        "ok": ok,
        "files": ["manifest.json", *bundle.manifest["files"]],
        "wall_s": time.perf_counter() - start,
        "pairs": [c.to_json() for c in comparisons],
        "verified": bool(comparisons),
        "float_fixed_mismatch": rounding,
    }


def _compile_graph(
    model_file: Path, target: Any, ticks: int | None, bits: int, sample: Path | None, dialect: str | None, dt: float | None
) -> Any:
    from neurograph.cli.inputs import for_graph, kind_of
    from neurograph.export import dialects, nir_io
    from neurograph.export.compile import compile_graph

    graph = nir_io.read(model_file, type_check=False)
    time = nir_io.time_of(graph)
    if time is not None:
        if dialect is not None or dt is not None:
            raise InputError(f"--dialect and --dt: {model_file} says itself how it runs in ticks; leave them out")
        graph = nir_io.read(model_file)
        return compile_graph(graph, for_graph(graph, sample), target, bits=bits, time=replace(time, ticks=ticks or time.ticks))
    dialects.find(dialect)
    reading = dialects.interpret(graph, dialect, ticks=1, dt=dt)  # mends the shapes, which say what the sample is
    inputs = for_graph(reading.graph, sample)
    kind, ticks = kind_of(reading.graph, inputs, ticks)
    reading = dialects.interpret(graph, dialect, ticks=ticks, dt=dt, inputs=kind)
    for line in reading.assumed:
        log(f"assumed: {line}")
    return compile_graph(reading.graph, inputs, target, bits=bits, time=reading.time, origin={"assumed": list(reading.assumed)})


def _compile_checkpoint(model_file: Path, target: Any, ticks: int | None, bits: int, dataset: str | None, data_root: Path | None) -> Any:
    from neurograph import data, training
    from neurograph.export.compile import compile_checkpoint

    graph_data = None if dataset is None else data.load(dataset, data_root)
    return compile_checkpoint(training.load(model_file, graph_data), target, bits=bits, ticks=ticks)


def verify_bundle(bundle: Any) -> list[Any]:
    """Compare all engines that are to be had on the bundle's sample; one line each to stderr."""
    from neurograph.cli.run import available_engines, compare_engines

    return compare_engines(bundle, available_engines(bundle), lambda c: log(comparison_line(c)))
