"""Watching a model run: every tensor on the way from the inputs gets its meaning (:mod:`.values`), whatever Python the author wrote.

Modules that we know are taken as one step each; between them, every torch function is seen through a ``TorchFunctionMode``. What has no
counterpart is kept as a refused step and the run goes on, so that all offenders are found at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils.weak import WeakIdKeyDictionary

from neurograph.export.torch_modules.functions import CARRIERS, CASTS, Call, handler_of, stacked
from neurograph.export.torch_modules.kinds import CONVOLUTIONS, Kind, kind_of_module
from neurograph.export.torch_modules.pyg import watch_propagate
from neurograph.export.torch_modules.values import ZERO, Expr, IncoherentError, Value, added, fit, leaves

__all__ = ["NOT_HANDED_ON", "Recorder", "Watching", "tensors_in"]

Array = NDArray[Any]
NOT_HANDED_ON = "its state is not handed on"
DEEPEST, LARGEST = 100, 100_000  # of an expression between two neurons


def tensors_in(thing: Any) -> Iterator[Tensor]:
    """The tensors in nested tuples, lists and dictionaries, in order."""
    if isinstance(thing, Tensor):
        yield thing
    elif isinstance(thing, (tuple, list)):
        for inner in thing:
            yield from tensors_in(inner)
    elif isinstance(thing, Mapping):
        for inner in thing.values():
            yield from tensors_in(inner)


@dataclass
class Recorder:
    """What one run of a model showed.

    Args:
        ticks: T that the sample has, or None where the model decides itself.
        batch: whether the model is given a batch of one.
        inputs_of: neuron path → its input, call by call.
        outputs: neuron path → what it gave out, call by call.
        shapes: neuron path → its shape, without ticks and batch.
        branches: where Python asked for the truth of a signal.
        remarks: neuron path → why its equation does not hold in this run.
    """

    ticks: int | None
    batch: bool
    inputs_of: dict[str, list[Expr]] = field(default_factory=dict)
    outputs: dict[str, list[Array]] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    branches: list[str] = field(default_factory=list)
    remarks: dict[str, str] = field(default_factory=dict)
    constants: list[Array] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)
    inside: int = 0  # of a module that is taken as one step
    _values: Any = field(default_factory=WeakIdKeyDictionary)  # tensor → Value
    _filled: dict[int, tuple[Tensor, dict[int, Value]]] = field(default_factory=dict)
    _constant_ids: dict[tuple[Any, ...], int] = field(default_factory=dict)
    _hidden: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    # Meanings

    def value(self, tensor: Any) -> Value | None:
        found: Value | None = self._values.get(tensor) if isinstance(tensor, Tensor) else None
        return found

    def mean(self, tensor: Tensor, value: Value) -> None:
        """``tensor`` is from now on ``value``."""
        if value.expr.bad and value.expr.op != "refused":
            first = _refusals([value])[0]  # what is made of a refused step is no more than that
            value = Value(_refused(first, [value], value.expr.shape), value.outer)
        if value.expr.depth > DEEPEST or value.expr.size > LARGEST:
            value = self.refused(
                tensor, f"on a state that is kept by hand, over more than {DEEPEST} steps without a neuron module", [value]
            )
        self._values[tensor] = value

    def constant(self, value: Any) -> int:
        """A number that stands for a constant array; equal arrays have the same."""
        array = np.ascontiguousarray(value, dtype=np.float64)
        key = (array.shape, array.tobytes())
        if key not in self._constant_ids:
            self._constant_ids[key] = len(self.constants)
            self.constants.append(array)
        return self._constant_ids[key]

    @property
    def window(self) -> int:
        """T as far as it is known; a model that loops by itself over a static input tells it by its calls."""
        return self.ticks or max((len(calls) for calls in self.inputs_of.values()), default=1)

    def placed(self, tensor: Tensor, expr: Expr, whole: bool, outer: tuple[str, ...] = ()) -> Value:
        """The value of a new tensor whose features keep their shape or get a new one; refused where ticks and features mix."""
        shape, base = tuple(tensor.shape), expr.args[0] if expr.op == "reshape" else None
        if base is not None and (back := fit(shape, base.shape, outer, self.window, whole)) and back.expr.shape == base.shape:
            return Value(base, back.outer)
        found = fit(shape, expr.shape, outer, self.window, whole)
        if found is None:
            return self.refused(tensor, "a reshape that mixes ticks and features", [Value(expr, outer)])
        if found.expr.shape == expr.shape:
            return Value(expr, found.outer)
        return Value(Expr("reshape", None, (expr,), found.expr.shape), found.outer)

    def refused(self, tensor: Tensor, what: str, values: list[Value], new: bool = True) -> Value:
        """A step without counterpart; one that is not ``new`` may fail only because of an earlier one, which is then the one to name."""
        where = f" in module {self.stack[-1]!r}" if self.stack and self.stack[-1] else ""
        outer = next((v.outer for v in values if v.outer), ())
        keeps = all(tensor.ndim > i and tensor.shape[i] == (self.window if o == "T" else 1) for i, o in enumerate(outer))
        outer = outer if keeps else ()
        earlier = [] if new else _refusals(values)
        key = earlier[0] if earlier else f"function {what}{where}"
        return Value(_refused(key, values, tuple(tensor.shape[len(outer) :])), outer)

    # Functions

    def function(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One torch function of the model's own code."""
        if self.inside:
            return func(*args, **kwargs)
        name = resolve_name(func) or f"{getattr(func, '__module__', '?')}.{getattr(func, '__qualname__', func)}"
        base = name.rsplit(".", 1)[-1]
        given = list(tensors_in((args, kwargs)))
        known = [v for v in map(self.value, given) if v is not None]
        if not known:
            return func(*args, **kwargs)
        if base in CASTS and given[0].is_floating_point() and self.value(given[0]) is not None:
            return given[0]  # all runs in float64
        if base == "__bool__":
            self.branches.append(f"a branch on a signal (torch.Tensor.__bool__){self._where()}")
        in_place = (base.endswith("_") and not base.endswith("__")) or base.startswith("__i")
        untouched = in_place and isinstance(args[0], Tensor) and self.value(args[0]) is None
        call = Call(self, name, (args[0].clone(), *args[1:]) if untouched else args, kwargs)
        before = {id(t): v for t in given if (v := self.value(t)) is not None}
        result = func(*args, **kwargs)
        if base == "__setitem__":
            self._fill(args, before)
            return result
        outs = list(tensors_in(result))
        if outs:
            handler = handler_of(name)
            meant = None if handler is None else handler(call, result)
            for index, out in enumerate(outs):
                value = meant[index] if meant is not None and index < len(meant) else None
                self.mean(out, value or self.refused(out, name, known, new=handler not in CARRIERS))
        return result

    def _where(self) -> str:
        return f" in module {self.stack[-1]!r}" if self.stack and self.stack[-1] else ""

    def _fill(self, args: tuple[Any, ...], before: dict[int, Value]) -> None:
        """``out[t] = x``: once every tick is written, ``out`` holds the window."""
        target, index, new = args[:3]
        first, *rest = index if isinstance(index, tuple) else (index,)
        value = before.get(id(new))
        plain = type(first) is int and all(i == slice(None) or i is Ellipsis for i in rest)
        if not plain or value is None or value.whole or self.value(target) is not None:
            self.mean(target, self.refused(target, "torch.Tensor.__setitem__", [v for v in (value,) if v]))
            return
        _, filled = self._filled.setdefault(id(target), (target, {}))
        filled[first % len(target)] = value
        if len(filled) == len(target):
            values = [filled[tick] for tick in range(len(target))]
            self.mean(target, stacked(self, values, target) or self.refused(target, "torch.Tensor.__setitem__", values))

    # Modules

    def module(self, path: str, kind: Kind, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """One call of a module that is taken as one step."""
        given = list(tensors_in((args, kwargs)))
        if kind.neuron is not None:
            return self._neuron(path, kind, given, output)
        values = [v for v in map(self.value, given) if v is not None]
        if not values:
            values = [Value(ZERO, ("B",) if self.batch else ()) for t in given[:1] if not t.any()]
        if not values:
            return output
        for out in tensors_in(output):
            if kind.same:
                self.mean(out, values[0])
            elif kind.refused is not None or len(values) != 1:
                made = self.refused(out, "", values)
                key = f"module {path!r}: {kind.refused or kind.name}"
                self.mean(out, Value(_refused(key, values, made.expr.shape), made.outer))
            elif kind.reshapes:
                self.mean(out, self.placed(out, values[0].expr, values[0].whole, values[0].outer))
            else:
                value = values[0]
                shape = tuple(out.shape[len(value.outer) :])
                lead = tuple(self.window if o == "T" else 1 for o in value.outer)
                if tuple(out.shape[: len(lead)]) != lead:
                    raise IncoherentError(f"module {path!r} takes the ticks or the batch for features")
                self.mean(out, Value(Expr("module", (path, len(value.outer)), (value.expr,), shape), value.outer))
        return output

    def _neuron(self, path: str, kind: Kind, given: list[Tensor], output: Any) -> Any:
        assert kind.neuron is not None
        calls = self.inputs_of.setdefault(path, [])
        tick = len(calls)
        signals = given[: kind.neuron.signals]
        values = []
        for tensor in signals:
            value = self.value(tensor)
            if value is None:
                if tensor.any():
                    raise IncoherentError(f"neuron {path!r} is fed with a constant")
                value = Value(ZERO, ("B",) if self.batch else ())
            values.append(value)
        if kind.neuron.whole and (calls or any(v.outer[:1] != ("T",) for v in values)):
            raise IncoherentError(f"neuron {path!r} takes the whole window at once, ticks first")
        if not kind.neuron.whole and any(v.whole for v in values):
            raise IncoherentError(f"neuron {path!r} takes one tick a call, but is given the whole window")
        self._check_states(path, tick, given[kind.neuron.signals :], kind)
        first, *states = tensors_in(output)
        outer = values[0].outer
        shape = tuple(first.shape[len(outer) :])
        calls.append(added([v.expr for v in values], shape) if len(values) > 1 else values[0].expr)
        self.shapes[path] = shape
        at = 0 if kind.neuron.whole else tick
        self.mean(first, Value(Expr("neuron", path, (), shape, at), outer))
        for slot, state in enumerate(states):
            if state is not first:
                at_outer = outer if not kind.neuron.whole else ()
                self.mean(state, Value(Expr("state", (path, slot), (), tuple(state.shape[len(at_outer) :]), tick), at_outer))
        self.outputs.setdefault(path, []).append(first.detach().cpu().numpy().copy())
        return output

    def _check_states(self, path: str, tick: int, states: list[Tensor], kind: Kind) -> None:
        """A neuron must get back its own state of the tick before, and start from rest."""
        assert kind.neuron is not None
        for state in states:
            value = self.value(state)
            if value is None:
                rest = kind.neuron.rest
                if tick > 0 or not all(bool((state == r).all()) for r in (rest if state.any() else (0.0,))):
                    raise IncoherentError(
                        f"neuron {path!r} starts tick {tick} from a given state; start it from rest, and hand its state on"
                    )
                continue
            whose = value.expr.key[0] if value.expr.op == "state" else value.expr.key
            own = value.expr.op in ("state", "neuron") and whose == path
            if not own or value.expr.tick != tick - 1:
                raise IncoherentError(f"neuron {path!r} gets at tick {tick} a state that is not its own of the tick before")
        if tick > 0 and not states and kind.neuron.needs_state:
            raise IncoherentError(
                f"neuron {path!r} starts anew at tick {tick}: {NOT_HANDED_ON}; take it in a parameter state=None, and return it"
            )

    def enter_neuron(self, path: str, kind: Kind, module: nn.Module) -> None:
        """A hidden state that was put back to zero between two ticks is no state."""
        assert kind.neuron is not None
        hidden = (getattr(module, name, None) for name in kind.neuron.hidden)
        if path in self._hidden and any(a is not b for a, b in zip(hidden, self._hidden[path], strict=True)):
            raise IncoherentError(f"neuron {path!r} is reset between two ticks")

    def leave_neuron(self, path: str, kind: Kind, module: nn.Module) -> None:
        assert kind.neuron is not None
        self._hidden[path] = tuple(getattr(module, name, None) for name in kind.neuron.hidden)
        if kind.neuron.watch is not None and (remark := kind.neuron.watch(module)):
            self.remarks.setdefault(path, remark)


def _refused(what: str, values: list[Value], shape: tuple[int, ...]) -> Expr:
    """A step without counterpart, with those before it; what else it was made of matters no more."""
    before = (key for key in _refusals(values) if key != what)
    return Expr("refused", what, tuple(Expr("refused", key) for key in before), shape)


def _refusals(values: list[Value]) -> list[str]:
    return sorted({str(leaf.key) for v in values for leaf in leaves(v.expr) if leaf.op == "refused"})


class _Functions(TorchFunctionMode):
    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.recorder.function(func, args, kwargs or {})


class Watching:
    """Inside, ``recorder`` watches ``model``."""

    def __init__(self, model: nn.Module, recorder: Recorder) -> None:
        self.model, self.recorder, self.handles = model, recorder, list[Any]()
        self.mode = _Functions(recorder)

    def __enter__(self) -> Recorder:
        self._watch("", self.model)
        self.mode.__enter__()  # type: ignore[no-untyped-call]
        return self.recorder

    def __exit__(self, *error: Any) -> None:
        self.mode.__exit__(*error)  # type: ignore[no-untyped-call]
        for handle in self.handles:
            handle.remove()

    def _watch(self, path: str, module: nn.Module) -> None:
        kind = kind_of_module(module)
        if kind is None:  # of modules: look inside
            self.handles.append(module.register_forward_pre_hook(partial(self._into, path)))
            self.handles.append(module.register_forward_hook(self._out_of))
            for name, child in module.named_children():
                self._watch(f"{path}.{name}" if path else name, child)
            if isinstance(module, CONVOLUTIONS):
                watch_propagate(module, self.recorder, path)
            return
        self.handles.append(module.register_forward_pre_hook(partial(self._before, path, kind), with_kwargs=True))
        self.handles.append(module.register_forward_hook(partial(self._after, path, kind), with_kwargs=True))

    def _into(self, path: str, module: nn.Module, args: Any) -> None:
        self.recorder.stack.append(path)

    def _out_of(self, module: nn.Module, args: Any, output: Any) -> None:
        self.recorder.stack.pop()

    def _before(self, path: str, kind: Kind, module: nn.Module, args: Any, kwargs: Any) -> None:
        if self.recorder.inside == 0 and kind.neuron is not None:
            self.recorder.enter_neuron(path, kind, module)
        self.recorder.inside += 1

    def _after(self, path: str, kind: Kind, module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        if self.recorder.inside == 1:
            output = _double(output, self.recorder) if kind.neuron is not None else output
            output = self.recorder.module(path, kind, args, kwargs, output)
            if kind.neuron is not None:
                self.recorder.leave_neuron(path, kind, module)
        self.recorder.inside -= 1
        return output


def _double(output: Any, recorder: Recorder) -> Any:
    """The same nested tuples with float64 tensors: some frameworks give spikes as float32 whatever they are given."""
    if isinstance(output, Tensor):
        return output.double() if output.dtype != torch.float64 else output
    if isinstance(output, tuple):
        made = [_double(o, recorder) for o in output]
        return type(output)(*made) if hasattr(output, "_fields") else tuple(made)
    return [_double(o, recorder) for o in output] if isinstance(output, list) else output
