"""inspect: what is in a file, and what can run it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from neurograph.cli.output import JSON, log, print_fields, print_json
from neurograph.errors import InputError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("inspect")(inspect)


def inspect(
    file: Path = typer.Argument(..., help="NIR graph, bundle folder or checkpoint."),
    svg: Path | None = typer.Option(None, "--svg", help="Draw the graph of a NIR file or a bundle there."),
    as_json: bool = JSON,
) -> None:
    """Say what is in a file."""
    if svg is not None:
        _draw(file, svg)
    if file.is_dir():
        found = _bundle(file)
    elif file.suffix == ".nir":
        found = _graph(file)
    elif file.suffix == ".pt":
        found = _checkpoint(file)
    elif not file.exists():
        raise InputError(f"{file}: does not exist; give a .nir graph, a bundle folder or a .pt checkpoint")
    else:
        raise InputError(f"{file}: ending {file.suffix!r} is not known; give a .nir graph, a bundle folder or a .pt checkpoint")
    if as_json:
        print_json(found)
    else:
        print_fields(found)


def _draw(file: Path, svg: Path) -> None:
    from neurograph.export import nir_io
    from neurograph.export.draw import draw

    source = file / "model.nir" if file.is_dir() else file
    if source.suffix != ".nir":
        raise InputError(f"--svg: {file} is no NIR graph and no bundle, so there is nothing to draw; leave --svg out")
    draw(nir_io.read(source), svg)
    log(f"drawing {svg}")


def _bundle(path: Path) -> dict[str, Any]:
    from neurograph.export.bundle import open_bundle

    bundle = open_bundle(path)
    return {
        "kind": "bundle",
        **{key: bundle.manifest[key] for key in ("target", "ticks", "dt_s", "depth", "outputs", "verification", "origin", "versions")},
        "populations": _populations(bundle.quantized),
        "projections": _projections(bundle.quantized),
        "files": sorted(bundle.manifest["files"]),
    }


def _graph(path: Path) -> dict[str, Any]:
    from dataclasses import asdict

    from neurograph.export import nir_io

    graph = nir_io.read(path)
    time = nir_io.time_of(graph)
    return {
        "kind": "NIR graph",
        "time": "none: state dt and ticks to run it" if time is None else asdict(time),
        "nodes": [
            {"name": name, "type": type(node).__name__, "shape": [int(n) for n in next(iter(node.output_type.values()))]}
            for name, node in graph.nodes.items()
        ],
        "edges": [f"{a} → {b}" for a, b in graph.edges],
    }


def _checkpoint(path: Path) -> dict[str, Any]:
    from dataclasses import asdict

    from neurograph import training

    checkpoint = training.load(path)
    return {
        "kind": "checkpoint",
        "model": checkpoint.model.name,
        "dataset": checkpoint.graph.name,
        "seed": checkpoint.seed,
        "parameters": sum(p.numel() for p in checkpoint.model.parameters()),
        "metrics": checkpoint.metrics,
        "config": asdict(checkpoint.config),
        "versions": checkpoint.versions,
    }


def _populations(network: Any) -> list[dict[str, Any]]:
    return [
        {"name": p.name, "neuron": type(p.neuron).__name__, "shape": list(p.shape), "depth": p.depth} for p in network.populations.values()
    ]


def _projections(network: Any) -> list[dict[str, Any]]:
    return [
        {
            "name": p.name,
            "synapses": int(p.weights.fan_out().sum()),
            "stored": int(p.weights.values.size),
            "delay": p.delay,
            "exponent": p.exponent,
            "sign_mode": p.sign_mode,
        }
        for p in network.spiking_projections
    ]
