"""inspect: what is in a file, and what can run it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurograph.cli.declare import argument, option
from neurograph.cli.output import JSON, log, print_fields, print_json
from neurograph.errors import InputError

__all__ = ["inspect"]

_KNOWN = "a .nir graph, a .net network, a bundle folder, a .pt checkpoint or a recording (.h5)"


def inspect(
    file: Path = argument(help="NIR graph, lava-dl network, bundle folder, checkpoint or recording."),
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
    elif file.suffix in (".h5", ".hdf5"):
        found = _recording(file)
    elif not file.exists():
        raise InputError(f"{file}: does not exist; give {_KNOWN}")
    else:
        raise InputError(f"{file}: ending {file.suffix!r} is not known; give {_KNOWN}")
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
    said_of_time: Any = None if time is None else asdict(time)
    if time is None:  # described as plain NIR where no dialect is named
        reading = interpret(graph, dialect or "nir", ticks=1, dt=dt, relax_shapes=relax)
        graph, said = reading.graph, [line.removeprefix("1 ticks; input is spikes; ") for line in reading.assumed]
        said_of_time = "none: name a --dialect to run it"
        if dialect is not None:
            said_of_time = f"none in the file; read as --dialect {dialect}, {reading.time.dt:g} s a tick; the sample says how many ticks"
    return {
        "kind": "NIR graph",
        "time": said_of_time,
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


def _recording(path: Path) -> dict[str, Any]:
    """From the index of a recording: its spikes are not read."""
    from neurograph.sim.recording_file import open_recording

    with open_recording(path) as found:
        tally = found.tally
        counts = {} if tally is None else {"spikes": sum(found.counts().values())}
        if tally is not None:
            counts["synaptic_events"] = sum(int(events.sum()) for events in tally.synaptic_events)
            counts["updates_active"] = sum(int(n.sum()) for n in tally.updates_active.values())
            counts["messages"] = sum(int(n.sum()) for n in tally.messages.values())
        return {
            "kind": "recording",
            **{key: getattr(found, key) for key in ("engine", "ticks", "samples", "machine_steps", "wall_s")},
            "bytes": path.stat().st_size,
            **({"counts": counts} if counts else {}),
            "populations": [_recorded(found, name) for name in dict.fromkeys([*found.spikes, *found.voltages, *found.currents])],
            "notes": {name: note for name, note in found.notes.items() if note not in ({}, [])},
        }


def _recorded(recording: Any, name: str) -> dict[str, Any]:
    """Of one population: what is held of it, its spikes, and how often one of its neurons fires."""
    kinds = [getattr(recording, kind) for kind in ("spikes", "voltages", "currents")]
    held = {what: kind[name] for what, kind in zip(("spikes", "v", "u"), kinds, strict=True) if name in kind}
    first, sent = next(iter(held.values())), held.get("spikes")
    real = sent is not None and sent.dtype.kind == "f"
    spikes = None if sent is None or real else sent.count_nonzero()
    active = None if sent is None or spikes is None else f"{spikes / sent.size:.2%}"
    return {
        "name": name,
        "shape": list(first.shape[2:]),
        "holds": ", ".join("values" if real and what == "spikes" else what for what in held),
        "spikes": spikes,
        "active": active,
        "bytes": sum(stored.stored_bytes for stored in held.values()),
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
