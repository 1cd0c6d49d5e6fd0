"""METIS (Karypis and Kumar 1998, through pymetis), each time in a process of its own.

While METIS runs it takes SIGTERM for an error of its own and jumps out of wherever it is, the allocator included: the signal is lost, or
the process hangs for ever and hears no further one. A forked process does not hear it, and its starter can end it at any moment.
"""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.errors import MemoryLimitError
from neurograph.keeper import PR_SET_PDEATHSIG, prctl

__all__ = ["part_graph"]

Array = NDArray[Any]


def part_graph(graph: sp.csr_matrix, parts: int, vertex_weights: Array | None = None, **options: int) -> Array:
    """Part of each vertex, 0 to ``parts`` − 1, that cuts few edges; one part may be empty in a small graph.

    Args:
        graph: symmetric, without self-loops; its data are the weights of its edges, integers from 1.
        vertex_weights: integers from 1, balanced over the parts; all alike if None.
        options: of pymetis.Options: ``seed``, ``ufactor`` (imbalance in thousandths), ``ncuts``.

    Raises:
        MemoryLimitError: METIS gave up, which it does for lack of memory.
    """
    import pymetis

    vertices, chosen = graph.shape[0], pymetis.Options(**options)
    reading, writing = os.pipe()
    child = 0
    try:
        try:
            with _signals_wait():  # else one may come between the fork and the name for the child, or to the child
                child = _forked()
                if child == 0:
                    _cut_and_exit(writing, graph, parts, vertex_weights, chosen)
        finally:
            os.close(writing)
        answer = _all_of(reading, np.dtype(np.int32).itemsize * vertices)
    finally:
        os.close(reading)
        if child:
            os.kill(child, signal.SIGKILL)  # it is done, or is not wanted any more
            with suppress(ChildProcessError):
                os.waitpid(child, 0)
    if answer is None:
        raise MemoryLimitError(
            f"METIS: was killed, or gave up for lack of memory: {vertices:,} vertices, {graph.nnz // 2:,} edges, {parts:,} parts; "
            "take a smaller graph or a machine with more"
        )
    return np.frombuffer(answer, dtype=np.int32).astype(np.int64)


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


def _cut_and_exit(writing: int, graph: sp.csr_matrix, parts: int, vertex_weights: Array | None, options: Any) -> None:
    """In the child: the parts into the pipe, nothing where METIS gave up; what it says of that goes nowhere."""
    try:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        import pymetis  # is loaded already

        _, part = pymetis.part_graph(
            parts,
            pymetis.CSRAdjacency(graph.indptr.tolist(), graph.indices.tolist()),
            vweights=None if vertex_weights is None else vertex_weights.tolist(),
            eweights=graph.data.tolist(),
            options=options,
            recursive=parts < 8,
        )
        with open(writing, "wb", closefd=False) as pipe:
            pipe.write(np.asarray(part, dtype=np.int32).tobytes())
    finally:
        os._exit(0)


def _all_of(reading: int, size: int) -> bytes | None:
    """So many bytes of a pipe; None where it ends before."""
    answer = bytearray()
    while len(answer) < size:
        some = os.read(reading, size - len(answer))
        if not some:
            return None
        answer += some
    return bytes(answer)
