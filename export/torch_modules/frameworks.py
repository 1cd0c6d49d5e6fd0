"""Norse and PyTorch Geometric, imported without the deprecation warnings that both raise on import (they script functions at load)."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import norse.torch as norse
    import torch_geometric.nn as pyg
    from norse.torch.functional.reset import reset_subtract, reset_value
    from torch_geometric.nn.dense.linear import Linear as GraphLinear
    from torch_geometric.nn.norm import BatchNorm as GraphBatchNorm

__all__ = ["GraphBatchNorm", "GraphLinear", "norse", "pyg", "reset_subtract", "reset_value"]
