"""inspect: what is in a file, and what can run it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurograph.cli.declare import argument, option
from neurograph.cli.output import JSON, log, print_fields, print_json
from neurograph.errors import InputError

__all__ = ["inspect"]


def inspect(
    file: Path = argument(help="NIR graph, lava-dl network, bundle folder or checkpoint."),
    svg: Path | None = option(None, "--svg", help="Draw the graph of a NIR file or a bundle there."),
    dialect: str | None = option(None, "--dialect", help="Framework that wrote the NIR graph; plain NIR if not given."),
    dt: float | None = option(None, "--dt", help="Seconds a tick of such a graph; the dialect's own if not given."),
    relax: bool = option(False, "--relax-shapes", help="Mend shapes of a NIR graph that differ by ones or one-element parameters."),
    as_json: bool = JSON,
) -> None:
    """Say what is in a file, and what can run it."""
    if svg is not None:
        _draw(file, svg)
    if file.is_dir():
        found = _bundle(file)
    elif file.suffix == ".nir":
        found = _graph(file, dialect, dt, relax)
    elif file.suffix == ".net":
        found = _net(file)
    elif file.suffix == ".pt":
        found = _checkpoint(file)
    elif not file.exists():
        raise InputError(f"{file}: does not exist; give a .nir graph, a .net network, a bundle folder or a .pt checkpoint")
    else:
        raise InputError(
            f"{file}: ending {file.suffix!r} is not known; give a .nir graph, a .net network, a bundle folder or a .pt checkpoint"
        )
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
        **{key: bundle.manifest[key] for key in ("target", "ticks", "dt_s", "steps_per_tick", "depth", "outputs", "verification")},
        **{key: bundle.manifest[key] for key in ("origin", "versions")},
        "populations": _populations(bundle.integers or bundle.network),
        "projections": _projections(bundle.integers or bundle.network),
        "placement": _placement(bundle),
        "files": sorted(bundle.manifest["files"]),
    }


def _placement(bundle: Any) -> Any:
    from neurograph.cli.chips import placement_lines

    placed = bundle.manifest["placement"]
    return "none: the target is no chip, or has no integers" if placed is None else placement_lines(placed)


def _graph(path: Path, dialect: str | None, dt: float | None, relax: bool) -> dict[str, Any]:
    from dataclasses import asdict

    from neurograph.cli.model_files import Request, read_graph
    from neurograph.export.dialects import interpret

    graph, time, said = read_graph(Request(path, dialect=dialect, dt=dt, relax=relax))
    if time is None:  # described as plain NIR where no dialect is named
        reading = interpret(graph, dialect or "nir", ticks=1, dt=dt, relax_shapes=relax)
        graph, said = reading.graph, list(reading.assumed)
    return {
        "kind": "NIR graph",
        "time": "none: name a --dialect to run it" if time is None else asdict(time),
        **({"assumed": said} if said else {}),
        **_nodes(graph),
        "support": _support(graph),
    }


def _net(path: Path) -> dict[str, Any]:
    from neurograph.export.lava_dl.read import read_net

    net = read_net(path)
    return {
        "kind": "lava-dl network",
        "layers": net.num_layers,
        **({"notes": list(net.notes)} if net.notes else {}),
        **_nodes(net.graph),
        "populations": _populations(net.integer),
        "projections": _projections(net.integer),
        **({"no float form": list(net.no_float)} if net.no_float else {"support": _support(net.graph)}),
    }


def _nodes(graph: Any) -> dict[str, Any]:
    """Nodes from the input on, with their parameters, and edges in the same order."""
    from neurograph.export.draw import columns
    from neurograph.export.structure import flatten

    nodes, edges = flatten(graph)
    order = [name for column in columns(nodes, edges) for name in column]
    return {
        "nodes": [
            {"name": name, "type": type(nodes[name]).__name__, "shape": _shape(nodes[name]), "parameters": _parameters(nodes[name])}
            for name in order
        ],
        "edges": [f"{a} → {b}" for a, b in sorted(edges, key=lambda edge: [order.index(end) for end in edge])],
    }


def _support(graph: Any) -> list[dict[str, str]]:
    """What each engine and target says to the graph."""
    from neurograph.errors import NeurographError
    from neurograph.export.lower import lower
    from neurograph.export.support import support_of

    try:
        found = support_of(lower(graph))
    except NeurographError as error:
        return [{"where": "nowhere", "runs": str(error)}]
    return [{"where": name, "runs": "yes" if not refused else f"no: {'; '.join(refused)}"} for name, refused in found.items()]


def _shape(node: Any) -> list[int] | None:
    shape = next(iter(node.output_type.values()))
    return None if shape is None else [int(n) for n in shape]


def _parameters(node: Any) -> str:
    """Each numeric field: its value, its range, or its shape where it is a matrix."""
    import numpy as np

    said = []
    for name, value in vars(node).items():
        if name in ("input_type", "output_type", "metadata", "name") or value is None or isinstance(value, dict):
            continue
        array = np.asarray(value)
        if array.dtype.kind not in "biuf" or array.size == 0:
            said.append(f"{name} {value}" if isinstance(value, str) else f"{name} of shape {array.shape}")
        elif (array == array.flat[0]).all():
            said.append(f"{name} {array.flat[0]:g}")
        elif array.size <= 3:
            said.append(f"{name} {' '.join(f'{x:g}' for x in array.ravel())}")
        else:
            size = "×".join(map(str, array.shape))
            said.append(f"{name} {size} in {array.min():g} to {array.max():g}")
    return ", ".join(said)


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
