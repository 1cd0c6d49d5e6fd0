"""What a rule says of one torch operation, and the questions that all rules ask of tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from neurograph.operations.roles import Role, Roles

__all__ = ["Call", "Work", "is_ternary", "needs_no_multiplier", "nonzeros", "stored_values"]


class Work(NamedTuple):
    """One line of work; see :class:`neurograph.operations.result.Operation`. ``unpadded`` is ``dense`` where there is no padding."""

    kind: str
    dense: int
    effective: int
    additions: bool
    unpadded: int | None = None


@dataclass(frozen=True)
class Call:
    """One torch operation: its name without namespace and without the underscore of in-place ones, its arguments by name, the roles."""

    name: str
    arguments: dict[str, Any]
    roles: Roles
    known: dict[Any, Tensor]  # nonzeros of weights that were counted before in this run

    def __getitem__(self, key: str) -> Any:
        return self.arguments[key]

    def role(self, value: Any) -> Role:
        """That of an argument; numbers are constants."""
        return self.roles.of(value) if isinstance(value, Tensor) else "constant"


def nonzeros(call: Call, tensor: Tensor, axis: int) -> Tensor:
    """Nonzeros of each column (axis −2) of (…, M, K), or of each row (axis −1) of (…, K, N): int64 (…, K). A weight is counted once."""
    if tensor.layout != torch.strided:
        return _sparse_nonzeros(tensor, tensor.dim() + axis)
    if call.role(tensor) != "weight":
        return torch.count_nonzero(tensor, dim=axis)
    # Its storage cannot have become another one's: the roles keep its address.
    key = (tensor.untyped_storage()._cdata, tensor.storage_offset(), tensor.shape, tensor.stride(), tensor._version, axis)
    if key not in call.known:
        call.known[key] = torch.count_nonzero(tensor, dim=axis)
    return call.known[key]


def is_ternary(tensor: Tensor) -> bool:
    """Whether all values are 0, 1 or −1."""
    values = stored_values(tensor)
    if values.dtype == torch.bool:
        return True
    return not values.is_complex() and torch.equal(values.sign(), values)


def needs_no_multiplier(a: Tensor, role_a: Role, b: Tensor, role_b: Role) -> bool:
    """Whether a product is additions: by the factor that is no weight, else by either of the two."""
    if role_a == "weight" and role_b != "weight":
        return is_ternary(b)
    if role_b == "weight" and role_a != "weight":
        return is_ternary(a)
    return is_ternary(a) or is_ternary(b)


def stored_values(tensor: Tensor) -> Tensor:
    """The values that are stored, of any layout."""
    if tensor.layout == torch.strided:
        return tensor
    return tensor.coalesce().values() if tensor.layout == torch.sparse_coo else tensor.values()


def _sparse_nonzeros(tensor: Tensor, axis: int) -> Tensor:
    coo = tensor.to_sparse(layout=torch.sparse_coo).coalesce()
    kept = 1 - axis
    return torch.bincount(coo.indices()[kept][coo.values() != 0], minlength=tensor.shape[kept])
