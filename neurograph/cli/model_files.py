"""What `export` takes: a checkpoint, your own torch model, a NIR graph or a lava-dl network; each to what the compiler makes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neurograph.cli.output import log
from neurograph.errors import InputError

__all__ = ["Request", "compile_file"]


@dataclass(frozen=True)
class Request:
    """A model file with the options that say how to read it.

    Args:
        file: .pt, .nir or .net.
        ticks, dt: of an inference; the file's own if not given.
        bits: weight bits.
        dataset, data_root: the graph that a checkpoint runs on, in place of its own.
        sample: .npy or .npz to quantise and verify on.
        dialect, relax: how a NIR graph without time metadata, or with shapes that nearly fit, is read.
        model: "pkg.mod:factory" of somebody's own model; the file then holds its weights.
        allow_pickle: load a whole pickled module, which runs code from the file.
    """

    file: Path
    ticks: int | None = None
    dt: float | None = None
    bits: int = 8
    dataset: str | None = None
    data_root: Path | None = None
    sample: Path | None = None
    dialect: str | None = None
    relax: bool = False
    model: str | None = None
    allow_pickle: bool = False

    @property
    def kind(self) -> str:
        """ "graph", "net", "module" or "checkpoint"."""
        if self.model is not None or self.allow_pickle:
            return "module"
        return {".nir": "graph", ".net": "net"}.get(self.file.suffix, "checkpoint")


_NAMES = {"graph": "a NIR graph", "net": "a lava-dl network", "module": "a torch model", "checkpoint": "a neurograph checkpoint"}
_ONLY = {  # option → (its field, the kinds that it is for)
    "--dialect": ("dialect", ("graph",)),
    "--relax-shapes": ("relax", ("graph",)),
    "--dt": ("dt", ("graph", "module")),
    "--dataset": ("dataset", ("checkpoint",)),
    "--data-root": ("data_root", ("checkpoint",)),
    "--input": ("sample", ("graph", "net", "module")),
}


def compile_file(request: Request, target: Any) -> Any:
    """Compile a model file for a target.

    Raises:
        InputError: an option that this kind of file does not take, or lacks. NeurographError: what the readers and the compiler raise.
    """
    _refuse_strangers(request)
    return _COMPILE[request.kind](request, target)


def _refuse_strangers(request: Request) -> None:
    for option, (name, kinds) in _ONLY.items():
        given = getattr(request, name)
        if given not in (None, False) and request.kind not in kinds:
            raise InputError(
                f"{option} {given}: is for {' or '.join(_NAMES[k] for k in kinds)}, but {request.file} is read as {_NAMES[request.kind]}; "
                "leave it out"
            )


def _compile_checkpoint(request: Request, target: Any) -> Any:
    from neurograph import data, training
    from neurograph.export.compile import compile_checkpoint

    graph = None if request.dataset is None else data.load(request.dataset, request.data_root)
    return compile_checkpoint(training.load(request.file, graph), target, bits=request.bits, ticks=request.ticks)


def _compile_graph(request: Request, target: Any) -> Any:
    from neurograph.cli.inputs import for_graph, kind_of
    from neurograph.export import dialects, nir_io
    from neurograph.export.compile import compile_graph

    graph = nir_io.read(request.file, type_check=False)
    time = nir_io.time_of(graph)
    if time is not None:
        if request.dialect is not None or request.dt is not None:
            raise InputError(f"--dialect and --dt: {request.file} says itself how it runs in ticks; leave them out")
        graph = nir_io.read(request.file)
        time = replace(time, ticks=request.ticks or time.ticks)
        return compile_graph(graph, for_graph(graph, request.sample), target, bits=request.bits, time=time)
    dialects.find(request.dialect)
    reading = dialects.interpret(graph, request.dialect, ticks=1, dt=request.dt)  # mends the shapes, which say what the sample is
    inputs = for_graph(reading.graph, request.sample)
    kind, ticks = kind_of(reading.graph, inputs, request.ticks)
    reading = dialects.interpret(graph, request.dialect, ticks=ticks, dt=request.dt, inputs=kind)
    for line in reading.assumed:
        log(f"assumed: {line}")
    origin = {"assumed": list(reading.assumed)}
    return compile_graph(reading.graph, inputs, target, bits=request.bits, time=reading.time, origin=origin)


_COMPILE = {"checkpoint": _compile_checkpoint, "graph": _compile_graph}
