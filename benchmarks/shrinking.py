"""The smallest network that still shows a difference, and as Python code that makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from random_families import Case

from neurograph.errors import NeurographError
from neurograph.network import Network
from neurograph.weights import Sparse

__all__ = ["as_code", "shrink"]


def shrink(case: Case, differs: Callable[[Case], bool], most: int = 60) -> Case:
    """Leave out populations, projections, samples, ticks and weights as long as ``differs`` says so; it is asked ``most`` times at most."""
    asked = 0
    found = True
    while found and asked < most:
        found = False
        for smaller in _smaller(case):
            asked += 1
            if _holds(smaller, differs):
                case, found = smaller, True
                break
            if asked >= most:
                break
    return case


def _holds(case: Case, differs: Callable[[Case], bool]) -> bool:
    try:
        return differs(case)
    except NeurographError:
        return False


def _smaller(case: Case) -> Iterator[Case]:
    """Simpler cases, the simplest first; what is no network is left out."""
    network = case.network
    samples = max((len(v) for v in case.inputs.values()), default=1)
    for sample in range(samples if samples > 1 else 0):
        yield Case(network, {n: v[sample : sample + 1] if len(v) > 1 else v for n, v in case.inputs.items()})
    for name in network.populations:
        yield from _made(case, {n for n in network.populations if n != name}, network.projections)
    for left_out in range(len(network.projections)):
        yield from _made(case, set(network.populations), [p for i, p in enumerate(network.projections) if i != left_out])
    if network.ticks > 1:
        ticks = network.ticks - 1
        static = {p.name for p in network.sources if p.is_static}
        yield Case(replace(network, ticks=ticks), {n: v if n in static else v[:, :ticks] for n, v in case.inputs.items()})
    for i, p in enumerate(network.projections):
        csr = sp.csr_matrix(p.weights.to_csr())
        csr.eliminate_zeros()
        for entry in range(csr.nnz if csr.nnz > 1 else 0):
            fewer = csr.copy()
            fewer.data[entry] = 0
            fewer.eliminate_zeros()
            others = [replace(p, weights=Sparse(fewer)) if i == j else q for j, q in enumerate(network.projections)]
            yield from _made(case, set(network.populations), others)


def _made(case: Case, names: set[str], projections: Any) -> Iterator[Case]:
    populations = {n: p for n, p in case.network.populations.items() if n in names}
    kept = tuple(p for p in projections if {p.source, p.target} <= names)
    if all(p.is_source for p in populations.values()):
        return
    try:
        yield Case(replace(case.network, populations=populations, projections=kept), {n: v for n, v in case.inputs.items() if n in names})
    except NeurographError:  # a Product without one of its inputs
        return


def as_code(case: Case) -> str:
    """``network`` and ``inputs`` as statements, behind their imports."""
    imports = "import numpy as np\nimport scipy.sparse as sp\nfrom neurograph.network import *\nfrom neurograph.weights import *"
    inputs = ", ".join(f"{name!r}: {_code(value)}" for name, value in case.inputs.items())
    return f"{imports}\n\nnetwork = {_code(_plain(case.network))}\ninputs = {{{inputs}}}"


def _plain(network: Network) -> Network:
    return replace(network, populations=dict(network.populations))


def _code(value: Any) -> str:
    if is_dataclass(value) and not isinstance(value, type):
        given = ", ".join(f"{f.name}={_code(getattr(value, f.name))}" for f in fields(value) if f.init)
        return f"{type(value).__name__}({given})"
    if sp.issparse(value):
        matrix: Any = value
        return f"sp.csr_matrix(({_code(matrix.data)}, {_code(matrix.indices)}, {_code(matrix.indptr)}), shape={tuple(matrix.shape)})"
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()}, dtype=np.{value.dtype}).reshape({value.shape})"
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {_code(v)}" for k, v in value.items()) + "}"
    if isinstance(value, tuple):
        return "(" + "".join(f"{_code(v)}, " for v in value) + ")"
    return repr(value)
