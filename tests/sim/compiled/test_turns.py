"""Workers hand on in one order, however long each takes."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from neurograph.sim.compiled.turns import Turns


def test_the_order_is_that_of_places_whoever_is_ready_first():
    count, rounds, seen = 4, 6, []
    turns = Turns([(0, worker) for worker in range(count)])

    def work(worker):
        for number in range(rounds):
            time.sleep(0.002 * ((worker * 3 + number) % 4))
            with turns.taken(worker, (number + 1, worker)):
                seen.append((number, worker))
        turns.leave(worker)

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, range(count)))
    assert seen == sorted(seen) and len(seen) == count * rounds


def test_who_fails_holds_nobody_up():
    turns = Turns([(0, 0), (0, 1)])
    done = threading.Event()

    def fails():
        try:
            with turns.taken(0, (1, 0)):
                raise OSError("the disk is full")
        finally:
            turns.leave(0)

    def goes_on():
        for number in range(3):
            with turns.taken(1, (number + 1, 1)):
                pass
        done.set()

    with ThreadPoolExecutor(2) as pool:
        other, failed = pool.submit(goes_on), pool.submit(fails)
        with pytest.raises(OSError, match="disk is full"):
            failed.result()
        other.result(timeout=30)
    assert done.is_set()
