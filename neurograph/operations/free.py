"""Torch operations that multiply and add nothing: they make, move, compare, choose, round, or turn a sign. What is in none of the lists
counts as arithmetic that was not counted, and is named in the result."""

from __future__ import annotations

from typing import Any

__all__ = ["ALIKE", "is_free"]

_ALIKE = """empty_like full_like new_empty new_empty_strided new_full new_ones new_zeros ones_like zeros_like"""
ALIKE = frozenset(_ALIKE.split())  # of a tensor that they are given they take its shape or its type, and nothing else

_MAKE = """arange bernoulli empty empty_like empty_permuted empty_strided exponential eye fill full full_like lift lift_fresh multinomial
new_empty new_empty_strided new_full new_ones new_zeros normal ones ones_like rand rand_like randint randint_like randn randn_like randperm
random scalar_tensor tril_indices triu_indices uniform zero zeros zeros_like"""

_MOVE = """_coalesced _copy_from _nested_tensor_from_tensor_list _pin_memory _reshape_alias _reshape_copy _resize_output
_sparse_compressed_tensor_unsafe _sparse_compressed_tensor_with_dims _sparse_coo_tensor_unsafe _sparse_coo_tensor_with_dims
_sparse_coo_tensor_with_dims_and_tensors _sparse_csr_tensor_unsafe _to_copy _to_dense _to_sparse _to_sparse_bsr _to_sparse_csc
_to_sparse_csr _unsafe_view _validate_sparse_compressed_tensor_args _validate_sparse_coo_tensor_args _validate_sparse_csr_tensor_args
_values _indices alias cat channel_shuffle clone constant_pad_nd contiguous copy detach diag_embed embedding flip gather im2col
index index_copy index_fill index_select is_pinned masked_fill masked_scatter masked_select nonzero nonzero_static pad_sequence
pixel_shuffle pixel_unshuffle reflection_pad1d reflection_pad2d reflection_pad3d repeat repeat_interleave replication_pad1d
replication_pad2d replication_pad3d resize resize_as roll rot90 select_scatter set slice_scatter sparse_coo_tensor
sparse_compressed_tensor sparse_resize split_copy split_with_sizes split_with_sizes_copy stack take to_dense tril triu unbind unsafe_chunk
unsafe_split unsafe_split_with_sizes unsqueeze_copy view_copy where
_backward_from_sparse crow_indices ccol_indices col_indices row_indices values indices"""

_COMPARE = """__and__ __or__ __xor__ _local_scalar_dense _nnz _unique _unique2 abs adaptive_max_pool1d adaptive_max_pool2d
adaptive_max_pool3d all amax amin aminmax any argmax argmin argsort bincount bitwise_and bitwise_not bitwise_or bitwise_xor bucketize ceil
clamp clamp_max clamp_min count_nonzero dense_dim eq equal floor fmax fmin ge gt hardtanh heaviside is_coalesced is_nonzero is_same_size
isfinite isin isinf isnan isneginf isposinf item kthvalue le logical_and logical_not logical_or logical_xor lt max max_pool1d
max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices maximum median min minimum nan_to_num ne neg relu round searchsorted
sgn sign signbit sort sparse_dim threshold topk trunc unique_consecutive unique_dim max_unpool2d max_unpool3d"""

_FREE = frozenset(f"{_MAKE} {_MOVE} {_COMPARE}".split())


def is_free(name: str, operation: Any) -> bool:
    """Whether a torch operation does no arithmetic on values: it is in a list, or gives a view, or only asks about metadata."""
    return name in _FREE or bool(operation.is_view) or operation.namespace in ("prim", "profiler")
