"""Ctrl-C and SIGTERM: a program that is stopped says one word and ends with status 130 or 143.

Before a command has begun and after it has ended it leaves at once. In between an exception is raised, so that temporary files, children
and the terminal are put in order on the way out.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import CodeType, FrameType, FunctionType
from typing import Any

__all__ = ["Stopped", "asked", "at_once", "by_exception", "never_in", "when_dropped"]

_SAID = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
_LATER_S = 0.02  # another moment than the one at which an exception is lost
_PATIENCE_S = 3.0  # for putting in order, in which further signals are not heard: some senders send two


class Stopped(KeyboardInterrupt):
    """A signal asked this process to stop.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__(number)
        self.number = signal.Signals(number)

    @property
    def status(self) -> int:
        """Exit status, as shells have it: 128 and the signal's number."""
        return 128 + self.number

    @property
    def word(self) -> str:
        """What to say."""
        return _SAID[self.number]


class _Request:
    """The first signal that came while a command ran."""

    stopped: Stopped | None = None
    since = 0.0
    waits: int | None = None  # the signal, until what a library called back is done


_CALLED_BACK: set[CodeType] = set()


def asked() -> Stopped | None:
    """What was raised in this process, even where a library made another exception of it; None where nothing was."""
    return _Request.stopped


def at_once() -> None:
    """From here on a signal ends the process where it is."""
    _listen(_leave)
    number, _Request.waits = _Request.waits, None
    if number is not None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _leave(number, None)


def by_exception() -> None:
    """From here on a signal raises :class:`Stopped` in the main thread.

    Where Python would drop it, in a finaliser or a callback, it is raised again.
    """
    _listen(_raise)
    when_dropped(KeyboardInterrupt, _raise_again)


def when_dropped(kind: type[BaseException], then: Callable[[], None]) -> None:
    """From here on, where Python drops an exception of a kind, in a finaliser or a callback, nothing is printed and ``then`` is called.

    It is called in another thread and a little later: a signal that it sends finds the main thread where an exception counts.
    """
    before = sys.unraisablehook

    def hook(dropped: Any) -> None:
        if not isinstance(dropped.exc_value, kind):
            before(dropped)
            return
        later = threading.Timer(_LATER_S, then)
        later.daemon = True
        later.start()

    sys.unraisablehook = hook


def never_in(*functions: FunctionType) -> None:
    """Functions that a library calls back and whose exceptions it cannot pass on: a signal that comes in one of them is raised later."""
    _CALLED_BACK.update(function.__code__ for function in functions)


def _raise_again() -> None:
    if _Request.stopped is not None:
        number, _Request.stopped = _Request.stopped.number, None
        os.kill(os.getpid(), number)


def _listen(handler: Any) -> None:
    for number in _SAID:
        # What is ignored stays so (nohup, a shell's background job). A rank may wait in a library for one that died: SIGTERM ends it.
        if signal.getsignal(number) is not signal.SIG_IGN and (number == signal.SIGINT or "RANK" not in os.environ):
            signal.signal(number, handler)


def _leave(number: int, frame: FrameType | None) -> None:
    os.write(2, f"{_SAID[signal.Signals(number)]}\n".encode())
    os._exit(128 + number)


def _raise(number: int, frame: FrameType | None) -> None:
    if _Request.stopped is None and _called_back(frame):
        if _Request.waits is None:
            # By the kernel's clock: another thread of ours would mostly run while one of these functions waits for a disk.
            _Request.waits = number
            signal.signal(signal.SIGALRM, _raise_late)
            signal.setitimer(signal.ITIMER_REAL, _LATER_S)
    elif _Request.stopped is None:
        _Request.stopped, _Request.since = Stopped(number), time.monotonic()
        raise _Request.stopped
    elif time.monotonic() > _Request.since + _PATIENCE_S:
        _leave(number, frame)


def _raise_late(alarm: int, frame: FrameType | None) -> None:
    number, _Request.waits = _Request.waits, None
    if number is not None:
        _raise(number, frame)


def _called_back(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code in _CALLED_BACK:
            return True
        frame = frame.f_back
    return False
