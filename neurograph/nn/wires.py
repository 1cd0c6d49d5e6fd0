"""Constant wiring between features, the same at every node: which neuron hears which, with weights of 1."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

__all__ = ["Wires", "outer_left", "outer_right"]

Array = NDArray[Any]


class Wires(nn.Module):
    r"""Each output is the sum of some inputs of the same node; nothing is learned. On chip: a PerNode projection of weights 0 and 1.

    .. math::
        y_{tn} = P x_{tn}, \qquad P \in \{0, 1\}^{D_{out} \times D_{in}}

    Args:
        matrix: P.

    Raises:
        ValueError: P is no matrix, or holds something other than 0 and 1.

    Shapes:
        x (T, N, D_in) → (T, N, D_out)
    """

    matrix: Tensor

    def __init__(self, matrix: ArrayLike) -> None:
        super().__init__()
        values = np.asarray(matrix, dtype=np.float32)
        if values.ndim != 2 or not np.isin(values, (0, 1)).all():
            raise ValueError(f"Wires: matrix of shape {values.shape}, must be two-dimensional and hold 0 and 1 only")
        self.register_buffer("matrix", torch.from_numpy(values).to(torch.get_default_dtype(), copy=True), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.matrix)

    def weight(self) -> Array:
        """P, float64."""
        return cast(Array, self.matrix.double().cpu().numpy())

    def extra_repr(self) -> str:
        return f"in={self.matrix.shape[1]}, out={self.matrix.shape[0]}, wires={int(self.matrix.sum())}"


def outer_left(heads: int, width: int) -> Array:
    r"""P of the left factor of an outer product a head: output (h, d, e) hears input (h, d).

    Shapes:
        (heads · width², heads · width)
    """
    return np.kron(np.eye(heads * width), np.ones((width, 1)))


def outer_right(heads: int, width: int) -> Array:
    r"""P of the right factor: output (h, d, e) hears input (h, e). Its transpose sums over d.

    Shapes:
        (heads · width², heads · width)
    """
    return np.kron(np.eye(heads), np.kron(np.ones((width, 1)), np.eye(width)))
