"""A torch module of the user's own: to a NIR graph that gives its spikes, and on to everything that a bundle holds."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import nir
import numpy as np
from numpy.typing import NDArray
from torch import nn

from neurograph.errors import InputError, NeurographError, UnsupportedError
from neurograph.export.compile import Compiled, compile_graph
from neurograph.export.constants import CONSTANTS, digest
from neurograph.export.nir_io import time_of
from neurograph.export.targets import Target, refuse_a_name
from neurograph.export.torch_modules.build import Builder
from neurograph.export.torch_modules.calling import NO_TICKS, Way, run, ways
from neurograph.export.torch_modules.float64 import computing, in_float64
from neurograph.export.torch_modules.kinds import kind_of_module
from neurograph.export.torch_modules.recorder import NOT_HANDED_ON
from neurograph.export.torch_modules.values import IncoherentError
from neurograph.sim.recording import Recording

__all__ = ["Traced", "compile_module", "trace_module"]

Array = NDArray[Any]
DT = 1e-3
LONGEST = 160  # characters of one reason


@dataclass(frozen=True)
class Traced:
    """What tracing made of a module.

    Args:
        graph: NIR with time metadata; nodes of neurons are named after their modules, dots as underscores.
        inputs: the sample, source → values.
        recording: spikes of every neuron module in float64.
        voltages: of the real-valued neurons, (T, *shape).
        way: how the module was called, in words.
        constants: arguments that are no signals but part of the graph, such as edge_index.
        left_out: outputs that the graph does not hold: sums and means over ticks with what follows them, and neurons' states.
    """

    graph: nir.NIRGraph
    inputs: Mapping[str, Array]
    recording: Recording
    voltages: Mapping[str, Array]
    way: str
    left_out: tuple[str, ...] = ()
    constants: Mapping[str, Array] = field(default_factory=dict)


def trace_module(model: nn.Module, inputs: Array | Mapping[str, Array], *, ticks: int | None = None, dt: float | None = None) -> Traced:
    """Trace a module by running it in float64 and eval mode on a sample.

    Args:
        model: any module made of Linear, Conv1d, Conv2d, BatchNorm, pooling, Flatten, Dropout, Norse's or snnTorch's neurons, PyG's
            GCNConv, SAGEConv, GINConv and SGConv, and neurograph.nn's layers; its forward is for one tick or for the whole window.
        inputs: (T, *S) spikes or values, or (*S) a static current; by parameter of forward where there are several. ``edge_index``,
            ``edge_weight``, ``edge_attr``, ``adj`` and ``adj_t`` are constants, not signals.
        ticks: T; needed for a static current unless the module loops by itself.
        dt: seconds a tick; the module's own, or 1 ms.

    Raises:
        UnsupportedError: modules and functions without counterpart, all by qualified name; neurons whose rules differ.
        InputError: a sample that the module can't be run on in any way, with what each way met; a batch; other --ticks than it has.
    """
    named = _named(model, inputs)
    if dt is not None and not (np.isfinite(dt) and dt > 0):
        raise InputError(f"--dt {dt:g}: must be above 0 and finite")
    try:
        return _trace(model, named, ticks, dt)
    except (InputError, UnsupportedError):
        _check_ticks(model, named, ticks, dt)
        raise


def _trace(model: nn.Module, named: Mapping[str, Array], ticks: int | None, dt: float | None) -> Traced:
    """See :func:`trace_module`."""
    met: dict[str, list[str]] = {}
    refused: list[tuple[bool, NeurographError]] = []
    for way, length in _candidates(model, named, ticks):
        copy = in_float64(model)
        try:
            with computing():
                recorder, outputs, length = run(copy, named, way, length)
        except Exception as error:  # whatever the model raises when it is called in the wrong way
            reason = str(error) if isinstance(error, IncoherentError) else f"{type(error).__name__}: {_short(str(error))}"
            met.setdefault(reason, []).append(str(way))
            continue
        builder = Builder(copy, recorder, dt or _own_dt(copy))
        shapes = {name: v.shape[0 if way.static else 1 :] for name, v in named.items() if name not in CONSTANTS}
        try:
            graph = builder.build(outputs, length, shapes, _kind(named, way))
            return _traced(graph, builder, recorder, named, way, length)
        except UnsupportedError as error:
            batch = _batch(builder, named, way, ticks)
            refused.append((bool(recorder.inputs_of), error if batch is None else InputError(batch)))
        except IncoherentError as error:
            met.setdefault(str(error), []).append(str(way))
    if refused:
        raise next((error for seen, error in refused if seen), refused[0][1])
    raise InputError(_in_vain(model, named, ticks, met))


def compile_module(
    model: nn.Module,
    inputs: Array | Mapping[str, Array],
    target: Target,
    *,
    bits: int = 8,
    ticks: int | None = None,
    dt: float | None = None,
) -> Compiled:
    """Compile a module of the user's own for a target.

    Args:
        model, inputs, ticks, dt: see :func:`trace_module`.
        target: from :func:`neurograph.target`.
        bits: weight bits.

    Returns:
        Compiled with the module's own spikes in float64 as ``torch``; populations are named after its modules. A real-valued readout behind
        the last spikes stays on the host where the target takes spikes only, and ``origin`` says so.

    Raises:
        NeurographError: see :func:`trace_module` and :func:`~neurograph.export.compile.compile_graph`.
    """
    refuse_a_name(target)  # before what takes long
    traced = trace_module(model, inputs, ticks=ticks, dt=dt)
    origin: dict[str, Any] = {"model": f"{type(model).__module__}.{type(model).__qualname__}", "called": traced.way}
    if traced.constants:
        origin["constants"] = {name: digest(value) for name, value in traced.constants.items()}
    if traced.left_out:
        origin["left_out"] = list(traced.left_out)
    compiled = compile_graph(traced.graph, traced.inputs, target, bits=bits, origin=origin)
    return replace(compiled, torch=traced.recording, torch_values=traced.voltages)


def _named(model: nn.Module, inputs: Array | Mapping[str, Array]) -> dict[str, Array]:
    """Parameter of forward → array."""
    given = dict(inputs) if isinstance(inputs, Mapping) else {"": inputs}
    parameters = _parameters(model)
    if "" in given:
        free = [name for name in parameters if name not in given and name not in CONSTANTS]
        if not free:
            raise InputError(f"model {type(model).__name__}: its forward takes no input; give it a parameter for the signal")
        given[free[0]] = given.pop("")
    unknown = [name for name in given if name not in parameters]
    if unknown:
        raise InputError(f"input {unknown[0]!r}: forward of {type(model).__name__} has no such parameter; it has {', '.join(parameters)}")
    arrays = {name: np.asarray(value) for name, value in given.items()}
    for name, value in arrays.items():
        if value.dtype.kind not in "biuf" or not np.isfinite(value).all():
            raise InputError(f"input {name!r}: holds {value.dtype} or values that are not finite, must be finite numbers")
        if not value.size and name not in CONSTANTS:  # a graph may have no edges
            raise InputError(f"input {name!r}: shape {value.shape} is empty; give a sample of at least one tick")
    if all(name in CONSTANTS for name in arrays):
        raise InputError(f"input: {', '.join(arrays) or 'nothing'} but no signal; give one for {', '.join(parameters)}")
    return {name: arrays[name] for name in sorted(arrays, key=list(parameters).index)}


def _parameters(model: nn.Module) -> dict[str, Any]:
    signature: Any = getattr(model, "signature", None)
    if hasattr(signature, "param_dict"):  # PyG's Sequential takes *args
        return dict(signature.param_dict)
    found = inspect.signature(model.forward).parameters
    return {name: p for name, p in found.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}


def _candidates(model: nn.Module, named: Mapping[str, Array], ticks: int | None) -> list[tuple[Way, int | None]]:
    """Ways of calling with the number of ticks each would mean."""
    signals = [value for name, value in named.items() if name not in CONSTANTS]
    lengths = {len(value) if value.ndim else 0 for value in signals}
    made: list[tuple[Way, int | None]] = []
    if len(lengths) == 1 and ticks in (None, *lengths) and 0 not in lengths:
        (length,) = lengths
        made += [(way, length) for way in ways(model, False)]
    return made + [(way, ticks) for way in ways(model, True) if way.once or ticks is not None]


def _in_vain(model: nn.Module, named: Mapping[str, Array], ticks: int | None, met: Mapping[str, list[str]]) -> str:
    """That no way of calling the model works; where the sample may be static and nothing says for how long, that first."""
    sizes = ", ".join(f"{name} {value.shape}" for name, value in named.items())
    what = f"model {type(model).__name__}: cannot be run on the sample ({sizes})"
    if NO_TICKS in met:
        others = sorted((reason for reason in met if reason != NO_TICKS), key=lambda reason: NOT_HANDED_ON not in reason)
        as_ticks = "; ".join(_short(reason) for reason in others)
        if NOT_HANDED_ON in as_ticks:  # it ran one tick on this sample
            return f"{what}: {as_ticks} (as one static sample: {NO_TICKS})"
        return f"{what}: {NO_TICKS}" + (f" (as (ticks, ...) it does not fit: {as_ticks})" if others else "")
    tried = "; ".join(f"{', '.join(dict.fromkeys(which))}: {reason}" for reason, which in met.items())
    return f"{what}; {tried or _no_way(named, ticks)}"


def _no_way(named: Mapping[str, Array], ticks: int | None) -> str:
    return f"signals of different lengths, or other than --ticks {ticks}" if named else "no signal"


def _short(reason: str) -> str:
    """One line, cut behind a word."""
    return textwrap.shorten(reason, LONGEST, placeholder=" …")


def _check_ticks(model: nn.Module, named: Mapping[str, Array], ticks: int | None, dt: float | None) -> None:
    """Where a sample could not be traced with --ticks, see whether it can without, as so many ticks as it holds.

    Raises:
        InputError: it can.
    """
    name, value = next((name, value) for name, value in named.items() if name not in CONSTANTS)
    if ticks is None or value.ndim == 0 or len(value) == ticks:
        return
    try:
        time = time_of(_trace(model, named, None, dt).graph)
    except NeurographError:
        return  # what the caller met is the one to say
    if time is not None and time.inputs != "static":
        raise InputError(
            f"input {name!r}: {time.ticks} ticks, but --ticks is {ticks}; give the same or leave --ticks out, or give one static sample, "
            f"{value.shape[1:]}"
        ) from None


def _batch(builder: Builder, named: Mapping[str, Array], way: Way, ticks: int | None) -> str | None:
    """That a sample is a batch, if its own dimensions in front of the features are the rows that a Linear refused."""
    for rows in builder.rows_before:
        for name, value in named.items():
            shape = value.shape if way.static else value.shape[1:]
            one = shape[len(rows) :]
            if name in CONSTANTS or not one or shape[: len(rows)] != rows:
                continue
            wanted = [str(one)] if way.static else []
            if not way.static or (ticks is not None and len(rows) > 1):  # static rows of one dimension did not do as ticks either
                wanted += [f"(ticks, {', '.join(map(str, one))})"]
            return (
                f"input {name!r}: shape {value.shape} is a batch of {' x '.join(map(str, rows))}, and the model has no convolution that "
                f"makes them nodes; give one sample without a batch dimension, {' or '.join(wanted)}"
            )
    return None


def _own_dt(model: nn.Module) -> float:
    for module in model.modules():
        kind = kind_of_module(module)
        if kind is not None and kind.neuron is not None and kind.neuron.dt is not None:
            return kind.neuron.dt
    return DT


def _kind(named: Mapping[str, Array], way: Way) -> Literal["static", "spikes", "values"]:
    if way.static:
        return "static"
    binary = all(np.isin(value, (0, 1)).all() for name, value in named.items() if name not in CONSTANTS)
    return "spikes" if binary else "values"


def _traced(graph: nir.NIRGraph, builder: Builder, recorder: Any, named: Mapping[str, Array], way: Way, ticks: int) -> Traced:
    spikes, voltages = {}, {}
    for path, arrays in recorder.outputs.items():
        values = np.stack(arrays).reshape(ticks, *recorder.shapes[path])
        name = builder.population(path)
        if builder.is_real(path):
            voltages[name] = values
        else:
            spikes[name] = values.astype(np.uint8)[None]
    inputs = {}
    for name, value in named.items():
        if name not in CONSTANTS:
            inputs[builder.source(name)] = value.astype(np.float64) if value.dtype.kind == "f" or way.static else value
    constants = {name: value for name, value in named.items() if name in CONSTANTS}
    return Traced(graph, inputs, Recording("torch", ticks, spikes), voltages, str(way), tuple(builder.left_out), constants)
