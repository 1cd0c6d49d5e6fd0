"""Run a torch module once and count what it multiplies and adds.

Every torch operation below the module's own code is seen as it is dispatched, so functional calls, autograd functions and PyTorch
Geometric's message passing count as well as layers do. Hooks say which module is at work.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from neurograph.errors import InputError
from neurograph.operations.convolution import convolution
from neurograph.operations.elementwise import ELEMENTWISE_BY_NAME
from neurograph.operations.free import ALIKE, is_free
from neurograph.operations.products import FUSED_ATTENTION, PRODUCTS_BY_NAME
from neurograph.operations.result import KINDS, LAYERS, Operation, OperationCounts, Uncounted
from neurograph.operations.roles import Roles, combined
from neurograph.operations.sums import SUMS_BY_NAME, messages_of
from neurograph.operations.work import Call, Work

__all__ = ["count_operations", "count_samples"]

_RULES: dict[str, Any] = {**PRODUCTS_BY_NAME, "convolution": convolution, **SUMS_BY_NAME, **ELEMENTWISE_BY_NAME}


def count_operations(module: nn.Module, *inputs: Any, **named: Any) -> OperationCounts:
    """Count one call ``module(*inputs, **named)``, run in its mode (train or eval) without gradients.

    The module is really run: hidden states of its neurons, caches and, in train mode, running statistics are afterwards as a call leaves
    them. Counts are of the whole call, in Python integers; :func:`count_samples` counts sample by sample.

    Returns:
        Rows by module and kind, and the names of all arithmetic that is in none of them (exp, division, kernels of other libraries). Work
        that depends on no activation, such as the norms of a graph's edges or a rounded weight, is of the kind "preparation".

    Raises:
        InputError: no torch module. Whatever the module raises when it is called.
    """
    if not isinstance(module, nn.Module):
        raise InputError(f"count_operations: {type(module).__name__} is no torch module, must be a torch.nn.Module; wrap it in one")
    counter = _Counter(module, [x for x in tree_leaves((inputs, named)) if isinstance(x, Tensor)])
    with _watched(module, counter), torch.inference_mode(False), torch.no_grad(), _without_fast_path(), counter:
        module(*inputs, **named)
    return counter.result()


def count_samples(module: nn.Module, *inputs: Tensor) -> list[OperationCounts]:
    """Count the samples of a batch each in a call of its own, (1, …): one result a sample.

    Args:
        inputs: tensors whose first axis is the batch.

    Raises:
        InputError: inputs of different lengths, or none.
    """
    lengths = {len(x) for x in inputs}
    if len(lengths) != 1:
        raise InputError(f"count_samples: inputs of {sorted(lengths)} samples, must all be of as many; give tensors with the batch first")
    return [count_operations(module, *(x[i : i + 1] for x in inputs)) for i in range(lengths.pop())]


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every torch operation. ``names`` is the stack of modules at work."""

    def __init__(self, module: nn.Module, inputs: list[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names = [""]
        self.roles = Roles(module, inputs)
        self._known: dict[Any, Tensor] = {}
        self._rows: dict[tuple[str, str, bool], list[int]] = {}
        self._uncounted: dict[tuple[str, str], list[int]] = {}
        self._product: tuple[Tensor, str, Work] | None = None  # the last multiplication, until something else is computed

    def __torch_dispatch__(self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        given = kwargs or {}
        call = _call(operation, args, given, self.roles, self._known)
        role = combined(self.roles.of(x) for x in tree_leaves((args, given)) if isinstance(x, Tensor))
        if call.name == "embedding" or torch.Tag.nondeterministic_seeded in operation.tags:
            role = "activation"  # what is looked up or drawn is the signal
        elif call.name in ALIKE:
            role = "constant"
        rule = _RULES.get(call.name)
        work = rule(call) if rule is not None else None  # before it runs, for it may write over its operands
        fused = self._fused(call, work)
        if fused is not None:
            work = [fused]
        elif work and role != "activation":
            work = [w if w.kind in LAYERS else w._replace(kind="preparation") for w in work]
        for done in work or ():
            self._add(self.names[-1], done, 1)
        result = operation(*args, **given)
        outputs = [x for x in tree_leaves(result) if isinstance(x, Tensor)]
        self._name_uncounted(call, operation, work, outputs)
        for tensor in (*outputs, *_written(operation, call)):
            self.roles.set(tensor, role)
        self._remember(call, operation, work, outputs)
        return result

    def _fused(self, call: Call, work: list[Work] | None) -> Work | None:
        """The multiply-adds that the last multiplication and this sum over neighbours are together."""
        if self._product is None or not work or call.name not in SUMS_BY_NAME:
            return None
        messages = messages_of(call)
        made, module, multiplied = self._product
        if messages is None or not _same(messages, made):
            return None
        self._add(module, multiplied, -1)
        return multiplied._replace(kind="propagation")

    def _remember(self, call: Call, operation: Any, work: list[Work] | None, outputs: list[Tensor]) -> None:
        if call.name == "mul" and work and work[0].kind == "multiply" and outputs[0].numel() == work[0].dense:
            self._product = outputs[0], self.names[-1], work[0]
        elif work is None and is_free(call.name, operation) and not operation._schema.is_mutable:
            pass
        else:
            self._product = None

    def _add(self, module: str, work: Work, sign: int) -> None:
        row = self._rows.setdefault((module, work.kind, work.additions), [0, 0, 0, 0])
        unpadded = work.dense if work.unpadded is None else work.unpadded
        for place, value in enumerate((1, work.dense, unpadded, work.effective)):
            row[place] += sign * value

    def _name_uncounted(self, call: Call, operation: Any, work: list[Work] | None, outputs: list[Tensor]) -> None:
        name, elements = str(operation._schema.name), sum(x.numel() for x in outputs)
        if call.name in FUSED_ATTENTION:
            name, elements = f"scale and softmax in {name}", call["query"].shape[:-1].numel() * call["key"].shape[-2]
        elif work is not None or is_free(call.name, operation):
            return
        elif outputs and not any(x.is_floating_point() or x.is_complex() for x in outputs):
            name = f"{name} of integers"
        found = self._uncounted.setdefault((self.names[-1], name), [0, 0])
        found[0] += 1
        found[1] += elements

    def result(self) -> OperationCounts:
        """What was counted so far."""
        modules = list(dict.fromkeys(module for module, _, _ in self._rows))
        rows = sorted((key for key, row in self._rows.items() if row[0]), key=lambda k: (modules.index(k[0]), KINDS.index(k[1]), k[2]))
        return OperationCounts(
            tuple(Operation(*key, *self._rows[key]) for key in rows),
            tuple(Uncounted(module, name, *counts) for (module, name), counts in self._uncounted.items()),
        )


def _call(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], roles: Roles, known: dict[Any, Tensor]) -> Call:
    schema = operation._schema
    name = schema.name.split("::")[-1]
    bound = {a.name: a.default_value for a in schema.arguments if a.has_default_value()}
    bound.update(zip((a.name for a in schema.arguments), args, strict=False))
    return Call(name if name.endswith("__") else name.rstrip("_"), {**bound, **kwargs}, roles, known)


def _written(operation: Any, call: Call) -> Iterator[Tensor]:
    for argument in operation._schema.arguments:
        if argument.is_write:
            yield from (x for x in tree_leaves(call.arguments[argument.name]) if isinstance(x, Tensor))


def _same(a: Tensor, b: Tensor) -> bool:
    """Whether one is a view of all of the other."""
    return a.numel() == b.numel() and a.untyped_storage()._cdata == b.untyped_storage()._cdata


@contextmanager
def _watched(module: nn.Module, counter: _Counter) -> Iterator[None]:
    """While it is open, the counter knows which module is at work."""
    handles = []

    def enter(name: str) -> Any:
        return lambda _module, _args: counter.names.append(name)

    def leave(_module: nn.Module, _args: Any, _output: Any) -> None:
        counter.names.pop()

    for name, part in module.named_modules():
        handles.append(part.register_forward_pre_hook(enter(name)))
        handles.append(part.register_forward_hook(leave, always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _without_fast_path() -> Iterator[None]:
    """Torch's transformer layers run part by part, not as one operation that says nothing of its parts."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
