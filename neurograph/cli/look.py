"""inspect, profiles, datasets and lava: commands that tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from neurograph.cli.output import log, print_json
from neurograph.errors import InputError

__all__ = ["register"]

_HELP = {"help_option_names": ["-h", "--help"]}
profiles = typer.Typer(help="Hardware profiles: constants with their sources.", no_args_is_help=True, context_settings=_HELP)
datasets = typer.Typer(help="Datasets that 'train' knows.", no_args_is_help=True, context_settings=_HELP)
lava = typer.Typer(help="The Lava runtime.", no_args_is_help=True, context_settings=_HELP)
JSON = typer.Option(False, "--json", help="Print one JSON object.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("inspect")(inspect)
    app.add_typer(profiles, name="profiles")
    app.add_typer(datasets, name="datasets")
    app.add_typer(lava, name="lava")


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
        _print_fields(found)


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


def _print_fields(found: dict[str, Any]) -> None:
    for key, value in found.items():
        if isinstance(value, dict):
            print(f"{key}:")
            for name, item in value.items():
                print(f"  {name}: {item}")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            _print_table(key, value)
        elif isinstance(value, list):
            print(f"{key}:")
            for item in value:
                print(f"  {item}")
        else:
            print(f"{key}: {value}")


def _print_table(title: str, rows: list[dict[str, Any]]) -> None:
    columns = list(rows[0])
    cells = [[f"{v:,}" if isinstance(v, int) else "" if v is None else str(v) for v in row.values()] for row in rows]
    widths = [max(len(c), *(len(row[i]) for row in cells)) for i, c in enumerate(columns)]
    right = [isinstance(v, int) for v in rows[0].values()]
    print(f"{title}:")
    for row in [columns, *cells]:
        print("  " + "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)).rstrip())


@profiles.command("list")
def profiles_list(as_json: bool = JSON) -> None:
    """Names and one line each."""
    from neurograph.hw_profiles import load, names

    found = {name: load(name) for name in names()}
    if as_json:
        print_json({"profiles": [{"name": name, "level": p.level, "title": p.title} for name, p in found.items()]})
        return
    for name, p in found.items():
        print(f"{name:<16}{p.title}")


@profiles.command("show")
def profiles_show(name: str = typer.Argument(..., help="Name, or path of a TOML."), as_json: bool = JSON) -> None:
    """Every constant with unit, range, status and source."""
    from neurograph.hw_profiles import load

    profile = load(name)
    found = {**profile.model_dump(mode="json"), "sha256": profile.sha256}
    if as_json:
        print_json(found)
    else:
        _print_profile(found)


def _print_profile(found: dict[str, Any]) -> None:
    for key, value in found.items():
        if not isinstance(value, dict):
            print(f"{key}: {value}")
            continue
        print(f"{key}:")
        for name, item in value.items():
            if isinstance(item, dict) and "value" in item:
                spread = "" if item.get("low") is None else f" ({item['low']:g} to {item['high']:g})"
                print(f"  {name}: {item['value']:g} {item['unit']}{spread}  [{item['status']}; {item['source']}]")
            elif item is not None:
                print(f"  {name}: {item}")


@profiles.command("validate")
def profiles_validate(file: Path = typer.Argument(..., help="TOML file."), as_json: bool = JSON) -> None:
    """Check a profile file against the schema."""
    from neurograph.hw_profiles import load

    if not file.is_file():
        raise InputError(f"profile {file}: no such file; give the path of a TOML file")
    profile = load(file)
    if as_json:
        print_json({"ok": True, "name": profile.name, "sha256": profile.sha256})
    else:
        print(f"ok: {profile.name}, sha256 {profile.sha256}")


@datasets.command("list")
def datasets_list(as_json: bool = JSON) -> None:
    """Names and one line each."""
    from neurograph import data

    if as_json:
        print_json({"datasets": [{"name": name, "about": data.describe(name)} for name in data.names()]})
        return
    for name in data.names():
        print(f"{name:<12}{data.describe(name)}")


@datasets.command("show")
def datasets_show(
    name: str = typer.Argument(...),
    data_root: Path | None = typer.Option(None, "--data-root", help="Folder that holds the raw files already; never written to."),
    as_json: bool = JSON,
) -> None:
    """Load a dataset and print its sizes and split."""
    from neurograph import data

    graph = data.load(name, data_root)
    split = {key: int(getattr(graph, f"{key}_mask").sum()) for key in ("train", "val", "test")}
    found = {"name": graph.name, "nodes": graph.nodes, "edges": graph.edges, "features": graph.features, "classes": graph.classes, **split}
    if as_json:
        print_json(found)
    else:
        _print_fields(found)


@lava.command("status")
def lava_status(as_json: bool = JSON) -> int:
    """Which interpreter would run Lava; exit 1 where none would."""
    from neurograph.sim.lava import runtime

    found = runtime.status()
    if as_json:
        print_json(found)
    else:
        _print_fields({key: value for key, value in found.items() if value is not None})
    return 0 if found["version"] else 1


@lava.command("install")
def lava_install(as_json: bool = JSON) -> None:
    """Make an environment with Lava in the user's cache (needs a Python 3.10)."""
    from neurograph.sim.lava import runtime

    log("installing Lava ...")
    interpreter = runtime.install()
    if as_json:
        print_json({"interpreter": str(interpreter)})
    else:
        print(f"Lava runs with {interpreter}")
