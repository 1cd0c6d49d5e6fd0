"""Turns: workers that run side by side hand on what they made in one order, so that a file of it has the same bytes in every run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Turns"]

_OVER = float("inf")
Place = tuple[float, ...]


class Turns:
    """Every worker says where it stands in the order; the one that stands first may go.

    Args:
        places: where each worker begins. They differ from each other, and a worker only ever moves forward.
    """

    def __init__(self, places: list[Place]) -> None:
        self._places, self._moved = places, threading.Condition()

    @contextmanager
    def taken(self, worker: int, then: Place) -> Iterator[None]:
        """Wait until all others stand behind this worker; after the block it stands at ``then``."""
        with self._moved:
            self._moved.wait_for(lambda: min(self._places) == self._places[worker])
        yield
        self._move(worker, then)

    def leave(self, worker: int) -> None:
        """This worker hands on no more, whatever ended it."""
        self._move(worker, (_OVER,))

    def _move(self, worker: int, place: Place) -> None:
        with self._moved:
            self._places[worker] = place
            self._moved.notify_all()
