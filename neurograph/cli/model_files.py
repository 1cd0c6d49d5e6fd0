"""What `export` takes: a checkpoint, your own torch model, a NIR graph or a lava-dl network; each to what the compiler makes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neurograph.cli.output import log
from neurograph.errors import InputError

__all__ = ["Request", "check_request", "compile_file", "read_graph"]


@dataclass(frozen=True)
class Request:
    """A model file with the options that say how to read it.

    Args:
        file: .pt, .nir or .net.
        ticks, dt: of an inference; the file's own if not given.
        weight_bits: of the integers; those that a checkpoint was trained for, else 8, if not given.
        dataset, data_root: the graph that a checkpoint runs on, in place of its own.
        graphs: numbers of the graphs of a checkpoint's set to take, with commas between them; all if not given.
        sample: .npy or .npz to quantise and verify on.
        dialect, relax: how a NIR graph without time metadata, or with shapes that nearly fit, is read.
        model: "pkg.mod:factory" of somebody's own model; the file then holds its weights.
        allow_pickle: load a whole pickled module, which runs code from the file.
    """

    file: Path
    ticks: int | None = None
    dt: float | None = None
    weight_bits: int | None = None
    dataset: str | None = None
    data_root: Path | None = None
    sample: Path | None = None
    dialect: str | None = None
    relax: bool = False
    model: str | None = None
    allow_pickle: bool = False
    graphs: str | None = None

    @property
    def bits(self) -> int:
        """Weight bits where the file does not say."""
        return 8 if self.weight_bits is None else self.weight_bits

    @property
    def kind(self) -> str:
        """ "graph", "net", "module" or "checkpoint"."""
        if self.model is not None or self.allow_pickle:
            return "module"
        return {".nir": "graph", ".net": "net"}.get(self.file.suffix, "checkpoint")


_NAMES = {"graph": "a NIR graph", "net": "a lava-dl network", "module": "a torch model", "checkpoint": "a neurograph checkpoint"}
_OWN = "for weights of your own model give --model package.module:factory, for a whole pickled module --allow-pickle; else leave it out"
_ONLY = {  # option → (its field, the kinds that it is for)
    "--dialect": ("dialect", ("graph",)),
    "--relax-shapes": ("relax", ("graph",)),
    "--dt": ("dt", ("graph", "module")),
    "--dataset": ("dataset", ("checkpoint",)),
    "--data-root": ("data_root", ("checkpoint",)),
    "--graphs": ("graphs", ("checkpoint",)),
    "--input": ("sample", ("graph", "net", "module")),
}


def check_request(request: Request) -> None:
    """Refuse what can be refused without a library that takes seconds to load.

    Raises:
        InputError: a file that is not there, an option that this kind of file does not take, or lacks.
    """
    for option, (name, kinds) in _ONLY.items():
        given = getattr(request, name)
        if given not in (None, False) and request.kind not in kinds:
            raise InputError(
                f"{option} {given}: is for {' or '.join(_NAMES[k] for k in kinds)}, but {request.file} is read as {_NAMES[request.kind]}; "
                + ("leave it out" if request.kind != "checkpoint" or "module" not in kinds else _OWN)
            )
    if not request.file.is_file():
        what = "is a folder, must be a file" if request.file.is_dir() else "does not exist"
        raise InputError(f"model {request.file}: {what}; give a .pt checkpoint or weights, a .nir graph or a .net network")
    if request.sample is not None and not request.sample.is_file():
        raise InputError(f"--input {request.sample}: no such file; give a .npy or .npz file")


def compile_file(request: Request, target: Any) -> Any:
    """Compile a model file for a target.

    Raises:
        NeurographError: what the readers and the compiler raise.
    """
    return _COMPILE[request.kind](request, target)


def _compile_checkpoint(request: Request, target: Any) -> Any:
    from neurograph import data, training
    from neurograph.export.compile import compile_checkpoint

    graph = None if request.dataset is None else data.load(request.dataset, request.data_root)
    checkpoint = training.load(request.file, graph)
    if request.graphs is not None:
        checkpoint = training.only_graphs(checkpoint, _numbers(request.graphs))
    trained = checkpoint.config.weight_bits
    bits = request.weight_bits or trained or request.bits
    if trained is not None and bits < trained:
        log(f"warning: {request.file} was trained for weights of {trained} bits, these have {bits}; train it for {bits}")
    return compile_checkpoint(checkpoint, target, bits=bits, ticks=request.ticks)


def _compile_graph(request: Request, target: Any) -> Any:
    from neurograph.cli.inputs import for_graph, kind_of
    from neurograph.export import dialects
    from neurograph.export.compile import compile_graph

    graph, time, said = read_graph(request)
    if time is not None:
        time = replace(time, ticks=request.ticks or time.ticks)
        inputs, origin = for_graph(graph, _sample(request)), {"assumed": said} if said else {}
        return compile_graph(graph, inputs, target, bits=request.bits, time=time, origin=origin)
    dialects.find(request.dialect)
    more: Any = {"dt": request.dt, "relax_shapes": request.relax}
    reading = dialects.interpret(graph, request.dialect, ticks=1, **more)  # the shapes say what the sample is
    inputs = for_graph(reading.graph, _sample(request))
    kind, ticks = kind_of(reading.graph, inputs, request.ticks)
    reading = dialects.interpret(graph, request.dialect, ticks=ticks, inputs=kind, **more)
    for line in reading.assumed:
        log(f"assumed: {line}")
    origin = {"assumed": list(reading.assumed)}
    return compile_graph(reading.graph, inputs, target, bits=request.bits, time=reading.time, origin=origin)


def read_graph(request: Request) -> tuple[Any, Any, list[str]]:
    """A NIR graph, its own time metadata, and what was mended in it; without time metadata it is not checked yet: a dialect does that.

    Raises:
        InputError: a dialect for a graph that needs none. GraphError: what the readers raise.
    """
    from neurograph.export import nir_io
    from neurograph.export.relax import relax

    graph = nir_io.read(request.file, type_check=False)
    time = nir_io.time_of(graph)
    if time is None:
        return graph, None, []
    if request.dialect is not None or request.dt is not None:
        raise InputError(f"--dialect and --dt: {request.file} says itself how it runs in ticks; leave them out")
    if not request.relax:
        return nir_io.read(request.file), time, []
    graph, said = relax(graph)
    for line in said:
        log(f"assumed: {line}")
    return graph, time, list(said)


def _compile_module(request: Request, target: Any) -> Any:
    from neurograph.cli.inputs import read_arrays
    from neurograph.export.torch_modules import compile_module, load_model

    model = load_model(request.model, request.file, allow_pickle=request.allow_pickle)
    compiled = compile_module(model, read_arrays(_sample(request)), target, bits=request.bits, ticks=request.ticks, dt=request.dt)
    log(f"traced {compiled.origin['model']}: {compiled.origin['called']}")
    for what in compiled.origin.get("left_out", ()):
        log(f"warning: not in the bundle: {what}; compute it on the host from what 'simulate' gives")
    return compiled


def _compile_net(request: Request, target: Any) -> Any:
    from neurograph.cli.inputs import read_arrays
    from neurograph.export.lava_dl.compile import compile_net

    compiled = compile_net(request.file, read_arrays(_sample(request)), target, bits=request.bits, ticks=request.ticks)
    for note in compiled.origin["notes"]:
        log(f"note: {note}")
    return compiled


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"--graphs {text}: must be numbers of graphs, from 0; give e.g. 3 or 0,5,7") from None


def _sample(request: Request) -> Path:
    if request.sample is None:
        what = _NAMES[request.kind]
        raise InputError(f"{request.file}: {what} needs a sample to quantise and verify on; give --input FILE.npy, or .npz by source")
    return request.sample


_COMPILE = {"checkpoint": _compile_checkpoint, "graph": _compile_graph, "net": _compile_net, "module": _compile_module}
