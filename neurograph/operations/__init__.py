"""Exact operation counts of a torch module: what it multiplies and adds when it is run once (docs/counting.md)."""

from neurograph.operations.counting import count_operations, count_samples
from neurograph.operations.neurobench import neurobench_figures
from neurograph.operations.result import KINDS, LAYERS, PRODUCTS, Operation, OperationCounts, Uncounted

__all__ = [
    "KINDS",
    "LAYERS",
    "PRODUCTS",
    "Operation",
    "OperationCounts",
    "Uncounted",
    "count_operations",
    "count_samples",
    "neurobench_figures",
]
