"""METIS (Karypis and Kumar 1998, through pymetis), each time in a process of its own.

While METIS runs it takes SIGTERM for an error of its own and jumps out of wherever it is, the allocator included: the signal is lost, or
the process hangs for ever and hears no further one. A forked process does not hear it, and its starter can end it at any moment.
"""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.errors import MemoryLimitError
from neurograph.keeper import PR_SET_PDEATHSIG, prctl

__all__ = ["Cut", "part_graphs"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Cut:
    """A graph to be cut.

    Args:
        graph: symmetric, without self-loops; its data are the weights of its edges, integers from 1.
        parts: how many.
        vertex_weights: integers from 1, balanced over the parts; all alike if None.
    """

    graph: sp.csr_matrix
    parts: int
    vertex_weights: Array | None = None


def part_graphs(cuts: Sequence[Cut], **options: int) -> list[Array]:
    """Part of each vertex of each graph, 0 to ``parts`` − 1, so that few edges are cut; a part of a small graph may be empty.

    Args:
        cuts: all of them in one process, as starting one takes some milliseconds.
        options: of pymetis.Options: ``seed``, ``ufactor`` (imbalance in thousandths), ``ncuts``.

    Raises:
        MemoryLimitError: METIS gave up, which it does for lack of memory.
    """
    if not cuts:
        return []
    import pymetis

    chosen, sizes = pymetis.Options(**options), [cut.graph.shape[0] for cut in cuts]
    reading, writing = os.pipe()
    child = 0
    try:
        try:
            with _signals_wait():  # else one may come between the fork and the name for the child, or to the child
                child = _forked()
                if child == 0:
                    _cut_and_exit(writing, cuts, chosen)
        finally:
            os.close(writing)
        answer = _all_of(reading, np.dtype(np.int32).itemsize * sum(sizes))
    finally:
        os.close(reading)
        if child:
            os.kill(child, signal.SIGKILL)  # it is done, or is not wanted any more
            with suppress(ChildProcessError):
                os.waitpid(child, 0)
    if answer is None:
        largest = max(cuts, key=lambda cut: cut.graph.nnz)
        raise MemoryLimitError(
            f"METIS: was killed, or gave up for lack of memory: at most {max(sizes):,} vertices, {largest.graph.nnz // 2:,} edges, "
            f"{largest.parts:,} parts; take a smaller graph or a machine with more"
        )
    parts = np.frombuffer(answer, dtype=np.int32).astype(np.int64)
    return np.split(parts, np.cumsum(sizes)[:-1])


@contextmanager
def _signals_wait() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _forked() -> int:
    with warnings.catch_warnings():
        # Python 3.12 warns that locks of other threads stay locked in the child, which calls METIS alone and leaves.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _cut_and_exit(writing: int, cuts: Sequence[Cut], options: Any) -> None:
    """In the child: the parts into the pipe, nothing where METIS gave up; what it says of that goes nowhere."""
    try:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        with open(writing, "wb", closefd=False) as pipe:
            for cut in cuts:
                pipe.write(_parts_of(cut, options).tobytes())
    finally:
        os._exit(0)


def _parts_of(cut: Cut, options: Any) -> Array:
    import pymetis  # is loaded already

    graph, weights = cut.graph, cut.vertex_weights
    _, part = pymetis.part_graph(
        cut.parts,
        pymetis.CSRAdjacency(graph.indptr.tolist(), graph.indices.tolist()),
        vweights=None if weights is None else weights.tolist(),
        eweights=graph.data.tolist(),
        options=options,
        recursive=cut.parts < 8,
    )
    return np.asarray(part, dtype=np.int32)


def _all_of(reading: int, size: int) -> bytes | None:
    """So many bytes of a pipe; None where it ends before."""
    answer = bytearray()
    while len(answer) < size:
        some = os.read(reading, size - len(answer))
        if not some:
            return None
        answer += some
    return bytes(answer)
