"""How a model wants to be called: found by calling it, for each way is contradicted by the run itself where it is wrong.

A sample (T, *S) is tried as the whole window, ticks first, with a batch of one, (T, 1, *S), and without, (T, *S); then with the batch
first, (1, T, *S); then tick by tick, (1, *S) and (*S), with the states that forward returns handed back to it. Graph convolutions and
neurograph.nn's layers know no batch, so with them the ways without are tried first. A static sample (*S) is given once to a model that
loops by itself, else T times. A way is right if every neuron is called once a tick with what belongs to that tick, keeps its state from
one tick to the next, and all ticks are computed alike.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurograph.export.constants import CONSTANTS
from neurograph.export.torch_modules.kinds import CONVOLUTIONS, kind_of_module
from neurograph.export.torch_modules.recorder import Recorder, Watching, tensors_in
from neurograph.export.torch_modules.values import Expr, IncoherentError, Value

__all__ = ["NO_TICKS", "Way", "run", "ways"]

Array = NDArray[Any]
NO_TICKS = "one value a neuron does not say how long an inference is; give --ticks"


@dataclass(frozen=True)
class Way:
    """One way of calling a model.

    Args:
        static: the sample is one value a neuron, the same in all ticks.
        once: one call for the whole window.
        outer: dimensions in front of the features.
    """

    static: bool
    once: bool
    outer: tuple[str, ...]

    def __str__(self) -> str:
        shape = ", ".join([{"T": "ticks", "B": "1"}[o] for o in self.outer] + ["..."])
        return f"{'once' if self.once else 'each tick'} with ({shape})"


def ways(model: nn.Module, static: bool) -> Iterator[Way]:
    """All ways, most likely first."""
    own = any(isinstance(m, CONVOLUTIONS) or type(m).__module__.startswith("neurograph.nn") for m in model.modules())
    whole: list[tuple[str, ...]] = [("T", "B"), ("T",), ("B", "T")]
    one: list[tuple[str, ...]] = [("B",), ()]
    if own:
        whole, one = [("T",), ("T", "B"), ("B", "T")], [(), ("B",)]
    if not static:
        yield from (Way(False, True, outer) for outer in whole)
    else:
        yield from (Way(True, True, outer) for outer in one)
    yield from (Way(static, False, outer) for outer in one)


def run(model: nn.Module, inputs: Mapping[str, Array], way: Way, ticks: int | None) -> tuple[Recorder, list[Value], int]:
    """Call a model in one way and watch it.

    Args:
        model: a float64 copy, at rest.
        inputs: parameter of forward → array, constants of a graph included.
        ticks: T, or None for a static sample whose model loops by itself.

    Returns:
        What was seen, the values of the outputs of the last call, and T.

    Raises:
        IncoherentError: the wrong way. Whatever the model itself raises.
    """
    recorder = Recorder(ticks, "B" in way.outer)
    states = _States(model, inputs)
    with Watching(model, recorder):
        outputs: Any = None
        for tick in range(1 if way.once else (ticks or 1)):
            given = {name: _tensor(recorder, name, value, way, tick) for name, value in inputs.items()}
            outputs = model(**given, **states.given())
            states.take(outputs)
    counts = {path: len(calls) for path, calls in recorder.inputs_of.items()}
    whole = {path for path, count in counts.items() if count == 1 and _is_whole(model, path)}
    wanted = ticks if ticks is not None else max(counts.values(), default=1)
    if ticks is None and counts and wanted == 1:
        raise IncoherentError(NO_TICKS)
    for path, count in counts.items():
        if path not in whole and count != wanted:
            raise IncoherentError(f"neuron {path!r} is called {count} times in {wanted} ticks; {_call_once(counts, count, wanted, way)}")
    if states.names and isinstance(outputs, (tuple, list)):
        outputs = outputs[0]  # the others are states
    values = [v for v in map(recorder.value, tensors_in(outputs)) if v is not None]
    return recorder, values, wanted


def _call_once(counts: Mapping[str, int], count: int, wanted: int, way: Way) -> str:
    """What to do about a neuron that is not called once a tick; a model that is called once may run its ticks itself."""
    if way.static and way.once and count > 1 and set(counts.values()) == {count}:
        return f"if the model runs its {count} ticks itself, leave --ticks out; else give each place its own neuron"
    return "give each place its own neuron" if count > wanted else "call it in every tick"


def _is_whole(model: nn.Module, path: str) -> bool:
    kind = kind_of_module(model.get_submodule(path))
    return kind is not None and kind.neuron is not None and kind.neuron.whole


def _tensor(recorder: Recorder, name: str, value: Array, way: Way, tick: int) -> Tensor:
    """One argument, known to the recorder as an input unless it is a constant of the graph."""
    if name in CONSTANTS:
        constant = torch.from_numpy(np.ascontiguousarray(value))
        return constant.double() if constant.is_floating_point() else constant.long()
    array = np.asarray(value, dtype=np.float64)
    if not way.static and not way.once:
        array = array[tick]
    shape = array.shape if way.static or not way.once else array.shape[1:]
    expr = Expr("input", name, (), shape, None if way.static else 0 if way.once else tick)
    outer = [array.shape[0] if o == "T" else 1 for o in way.outer]
    tensor = torch.from_numpy(array.reshape(*outer, *shape).copy())
    recorder.mean(tensor, Value(expr, way.outer))
    return tensor


class _States:
    """The states of a one-tick forward: what it returns behind its first output goes into its parameters that are no inputs, in order."""

    def __init__(self, model: nn.Module, inputs: Mapping[str, Array]) -> None:
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        parameters = [p for p in inspect.signature(model.forward).parameters.values() if p.kind in kinds and p.name not in inputs]
        self.required = [p.name for p in parameters if p.default is inspect.Parameter.empty]
        self.names = [p.name for p in parameters if _is_state(p.default)]
        self.names = [name for name in self.names if name not in CONSTANTS]
        self.held: dict[str, Any] = dict.fromkeys(self.required)

    def given(self) -> dict[str, Any]:
        return self.held

    def take(self, outputs: Any) -> None:
        if not self.names or not isinstance(outputs, (tuple, list)):
            return
        rest = list(outputs[1:])
        if not rest:
            return
        if len(self.names) == 1:
            self.held = {self.names[0]: rest[0] if len(rest) == 1 else tuple(rest)}
        elif len(rest) == 1 and isinstance(rest[0], (tuple, list)) and len(rest[0]) == len(self.names):
            self.held = dict(zip(self.names, rest[0], strict=True))
        elif len(rest) == len(self.names):
            self.held = dict(zip(self.names, rest, strict=True))
        else:
            raise IncoherentError(f"forward takes the states {', '.join(self.names)}, but returns {len(rest)} values behind its first")


def _is_state(default: Any) -> bool:
    """Whether a parameter with that default is a state: none, None, or one None a layer. Any other is an option."""
    if isinstance(default, (tuple, list)):
        return len(default) > 0 and all(part is None for part in default)
    return default is None or default is inspect.Parameter.empty
