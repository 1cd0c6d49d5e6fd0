"""Matrix products, dense and sparse, and fused attention.

Of A (M, K) times B (K, N), Σ_k nnz(A[:, k]) · nnz(B[k, :]) multiply-adds have two operands that are not 0: no product has to be run to know
that, and it is an exact integer. Bias terms are the start of a sum and count nowhere, as in FLOP counters.

    linear       a factor is a weight or a constant; two weights make another weight, which is preparation
    attention    both factors are activations: QKᵀ and AV
    propagation  a factor is stored sparse, and neither is a weight: a graph, whose dense work is that of its stored entries
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from neurograph.operations.roles import Role
from neurograph.operations.work import Call, Work, is_ternary, needs_no_multiplier, nonzeros, stored_values

__all__ = ["FUSED_ATTENTION", "PRODUCTS_BY_NAME"]

Rule = Callable[[Call], list[Work]]


def _product(call: Call, a: Tensor, b: Tensor, kind: str | None = None) -> list[Work]:
    """(…, M, K) times (…, K, N)."""
    role_a, role_b = call.role(a), call.role(b)
    sparse = [x for x in (a, b) if x.layout != torch.strided]
    dense = math.prod(a.shape) * b.shape[-1]
    kind = kind or _kind({role_a, role_b}, bool(sparse))
    if sparse and kind == "propagation":
        graph = sparse[0]
        dense = stored_values(graph).numel() * (b.shape[-1] if graph is a else a.shape[-2])
    effective = int((nonzeros(call, a, -2) * nonzeros(call, b, -1)).sum())
    return [Work(kind, dense, effective, needs_no_multiplier(a, role_a, b, role_b))]


def _kind(roles: set[Role], sparse: bool) -> str:
    if roles == {"weight"}:
        return "preparation"
    if sparse and "weight" not in roles:
        return "propagation"
    return "attention" if roles == {"activation"} else "linear"


def _matrix_vector(call: Call, a: Tensor, x: Tensor) -> list[Work]:
    # A view keeps the storage, and with it the role.
    return _product(call, a, x.unsqueeze(-1))


def _reduced(call: Call) -> list[Work]:
    """A sparse product that takes the sum or the mean over neighbours; of a maximum, the products before it."""
    kind = "propagation" if call["reduce"] in ("sum", "mean") else "multiply"
    if kind == "propagation":
        return _product(call, call["self"], call["other"], kind)
    found = _product(call, call["self"], call["other"], "propagation")[0]
    return [found._replace(kind=kind)]


def _attention(call: Call) -> list[Work]:
    """softmax(QKᵀ) V. The weights of attention are never stored, so all of them count as nonzero, but those that a mask takes away.

    Shapes:
        Q (…, H, L, E), K (…, H, S, E), V (…, H, S, F); H of K and V may divide that of Q
    """
    q, k, v = call["query"], call["key"], call["value"]
    k, v = (x.repeat_interleave(q.shape[-3] // x.shape[-3], dim=-3) for x in (k, v))
    first = _product(call, q, k.transpose(-2, -1), "attention")
    length, keys = q.shape[-2], k.shape[-2]
    mask = next((call.arguments[n] for n in ("attn_mask", "attn_bias") if call.arguments.get(n) is not None), None)
    seen = torch.full((keys,), length, dtype=torch.int64, device=q.device)
    if call.arguments.get("is_causal"):
        seen = (length - torch.arange(keys, device=q.device)).clamp(min=0)
    if mask is not None:
        allowed = mask if mask.dtype == torch.bool else mask != -math.inf
        seen = allowed.expand(*q.shape[:-1], keys).sum(dim=-2)
    dense = math.prod(q.shape[:-1]) * keys * v.shape[-1]
    return [*first, Work("attention", dense, int((nonzeros(call, v, -1) * seen).sum()), is_ternary(v))]


FUSED_ATTENTION: tuple[str, ...] = (
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention",
    "_scaled_dot_product_fused_attention_overrideable",
)

PRODUCTS_BY_NAME: dict[str, Rule] = {
    "mm": lambda call: _product(call, call["self"], call["mat2"]),
    "_int_mm": lambda call: _product(call, call["self"], call["mat2"]),
    "bmm": lambda call: _product(call, call["self"], call["mat2"]),
    "mv": lambda call: _matrix_vector(call, call["self"], call["vec"]),
    "dot": lambda call: _matrix_vector(call, call["self"].unsqueeze(0), call["tensor"]),
    "vdot": lambda call: _matrix_vector(call, call["self"].unsqueeze(0), call["other"]),
    "addmv": lambda call: _matrix_vector(call, call["mat"], call["vec"]),
    "addmm": lambda call: _product(call, call["mat1"], call["mat2"]),
    "_addmm_activation": lambda call: _product(call, call["mat1"], call["mat2"]),
    "_sparse_addmm": lambda call: _product(call, call["mat1"], call["mat2"]),
    "_sparse_mm": lambda call: _product(call, call["sparse"], call["dense"]),
    "_sparse_sparse_matmul": lambda call: _product(call, call["self"], call["other"]),
    "baddbmm": lambda call: _product(call, call["batch1"], call["batch2"]),
    "addbmm": lambda call: _product(call, call["batch1"], call["batch2"]),
    "_sparse_mm_reduce_impl": _reduced,
    **dict.fromkeys(FUSED_ATTENTION, _attention),
}
