"""Which tensors are weights, which constants and which activations: that decides what is a layer, and which factor has to be 0 or ±1.

weight      parameters, and what is computed from them with constants alone (a folded norm, a rounded weight)
constant    buffers, what torch makes from nothing (zeros, ones), indices, and what is computed from these alone
activation  everything else
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef

__all__ = ["Role", "Roles", "combined"]

Role = Literal["weight", "constant", "activation"]


class Roles:
    """Roles by storage, so that a view has that of its base, also after a write through another view.

    Args:
        module: whose parameters and buffers are known at the start.
        inputs: tensors that it is called with. Integers are indices, unless there is nothing but integers.
    """

    def __init__(self, module: nn.Module, inputs: Iterable[Tensor]) -> None:
        self._known: dict[int, tuple[StorageWeakRef, Role]] = {}  # a weak reference keeps the address from being used again
        for parameter in module.parameters():
            self.set(parameter, "weight")
        for buffer in module.buffers():
            self.set(buffer, "constant")
        given = list(inputs)
        if not any(_is_value(tensor) for tensor in given):
            for tensor in given:
                self.set(tensor, "activation")

    def of(self, tensor: Tensor) -> Role:
        """The role of a tensor."""
        storage = _storage(tensor)
        if storage is not None and storage._cdata in self._known:
            return self._known[storage._cdata][1]
        return "activation" if _is_value(tensor) else "constant"

    def set(self, tensor: Tensor, role: Role) -> None:
        """From now on it has this role, and whatever shares its memory."""
        storage = _storage(tensor)
        if storage is not None:
            self._known[storage._cdata] = StorageWeakRef(storage), role  # type: ignore[no-untyped-call]


def combined(roles: Iterable[Role]) -> Role:
    """The role of what is computed from these; of nothing: a constant."""
    found = set(roles)
    return "activation" if "activation" in found else "weight" if "weight" in found else "constant"


def _is_value(tensor: Tensor) -> bool:
    return tensor.dtype not in (torch.int64, torch.int32)


def _storage(tensor: Any) -> Any:
    if isinstance(tensor, (nn.UninitializedParameter, nn.UninitializedBuffer)):
        return None
    if tensor.layout == torch.strided:
        return tensor.untyped_storage()
    if tensor.layout == torch.sparse_coo:
        return tensor._values().untyped_storage()
    return tensor.values().untyped_storage()
