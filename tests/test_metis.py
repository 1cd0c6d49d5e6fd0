"""METIS in its own process: the same parts, and whatever happens to it or to its starter."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pymetis
import pytest
import scipy.sparse as sp

from neurograph import metis
from neurograph.errors import MemoryLimitError

SLOW = """
import os, signal, sys, threading, time
import numpy as np, scipy.sparse as sp
from neurograph import metis
n = 300_000
ends = np.random.default_rng(0).integers(0, n, (2, 3 * n))
graph = sp.csr_matrix((np.ones(3 * n), ends), (n, n))
graph = ((graph + graph.T) > 0).astype(int).tocsr()
graph.setdiag(0)
graph.eliminate_zeros()
def stop():
    while not (children := open(f"/proc/self/task/{os.getpid()}/children").read().split()):
        time.sleep(0.01)
    time.sleep(0.5)
    for child in children:
        os.kill(int(child), signal.SIGTERM)
    os.kill(os.getpid(), int(sys.argv[1]))
def heard(number, frame):
    raise SystemExit(128 + number)
signal.signal(signal.SIGTERM, heard)
signal.signal(signal.SIGINT, heard)
threading.Thread(target=stop, daemon=True).start()
try:
    metis.part_graphs([metis.Cut(graph, 64)], seed=0)
    print("cut")
except SystemExit:
    print(open(f"/proc/self/task/{os.getpid()}/children").read().split(), len(os.listdir("/proc/self/fd")))
    raise
"""


def ring(n: int) -> sp.csr_matrix:
    graph = sp.coo_matrix((np.arange(1, n + 1), (np.arange(n), np.roll(np.arange(n), 1))), (n, n))
    return (graph + graph.T).tocsr().astype(int)


@pytest.mark.parametrize("parts", [2, 7, 8, 20])
def test_the_parts_are_those_of_pymetis(parts: int) -> None:
    graph, weights = ring(200), np.random.default_rng(0).integers(1, 9, 200)
    _, found = metis.part_graphs([metis.Cut(ring(9), 2), metis.Cut(graph, parts, weights)], seed=3, ufactor=50, ncuts=2)
    _, wanted = pymetis.part_graph(
        parts,
        pymetis.CSRAdjacency(graph.indptr.tolist(), graph.indices.tolist()),
        vweights=weights.tolist(),
        eweights=graph.data.tolist(),
        options=pymetis.Options(seed=3, ufactor=50, ncuts=2),
        recursive=parts < 8,
    )
    assert found.dtype == np.int64 and found.tolist() == list(wanted)


@pytest.mark.parametrize("number", [2, 15])
def test_a_signal_while_metis_runs_is_heard_and_leaves_no_process(number: int) -> None:
    """In one process it was lost, or hung for ever."""
    before = len(os.listdir("/proc/self/fd"))
    done = subprocess.run([sys.executable, "-c", SLOW, str(number)], capture_output=True, text=True, timeout=60)
    children, files = done.stdout.rsplit(" ", 1)
    assert (done.returncode, done.stderr, children) == (128 + number, "", "[]") and int(files) <= before


def test_metis_that_is_killed_or_gives_up_is_told(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def gives_up(*_: object, **__: object) -> None:
        os.write(2, b"***Memory allocation failed")
        raise RuntimeError("Caught an unknown exception!")

    monkeypatch.setattr(pymetis, "part_graph", gives_up)
    with pytest.raises(MemoryLimitError, match="METIS: .*: at most 10 vertices, 10 edges, 2 parts; take"):
        metis.part_graphs([metis.Cut(ring(10), 2), metis.Cut(ring(4), 3)])
    assert capfd.readouterr().err == ""
    monkeypatch.setattr(pymetis, "part_graph", lambda *_, **__: os.kill(os.getpid(), 9))
    with pytest.raises(MemoryLimitError, match="was killed"):
        metis.part_graphs([metis.Cut(ring(10), 2), metis.Cut(ring(4), 3)])
