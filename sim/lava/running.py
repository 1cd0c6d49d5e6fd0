"""The worker's end told in one line: a worker script runs in its child process, and what went wrong becomes an error."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence

from neurograph.child import Ended, Kept
from neurograph.errors import LavaError, LavaMissingError, LavaTimeoutError
from neurograph.sim.lava import runtime

__all__ = ["kept", "no_folder", "run_worker"]

_LONGEST = 40  # our folder adds 29 characters and multiprocessing's socket in it 32, and a Unix socket's path has 107
_NO_LAVA = ("ModuleNotFoundError", "ImportError", "SyntaxError")  # the last: a Python 2, or an early 3
_CHECK = "'neurograph lava status' checks the runtime"
_NO_MEMORY = ("SIGKILL", "exit code -9", "MemoryError", "Cannot allocate memory", "can't start new thread", "temporarily unavailable")
_NO_ROOM = ("No space left on device", "SIGBUS", "/dev/shm is full")  # nosec B108  # a word to the user


@contextlib.contextmanager
def kept(prefix: str) -> Iterator[Kept]:
    """A folder for a worker's files: in the temporary folder, or in /tmp where that would make the paths of its sockets too long.

    Raises:
        LavaError: no temporary folder takes files.
    """
    with contextlib.ExitStack() as stack:
        try:
            child = Kept(prefix, where="/tmp" if len(tempfile.gettempdir()) > _LONGEST else None)  # nosec B108  # for mkdtemp
            stack.enter_context(child)
        except OSError as error:
            raise no_folder(error) from None
        yield child


def no_folder(error: OSError) -> LavaError:
    """The error of a temporary folder that takes no files."""
    where = error.filename or os.environ.get("TMPDIR") or "the temporary folder"
    return LavaError(f"Lava: {where}: cannot be written ({error.strerror or error}); set TMPDIR to a folder that is writable and has room")


def run_worker(child: Kept, command: Sequence[str], timeout_s: float) -> None:
    """Run a worker command; nothing of it is left when this returns but the files in the child's folder.

    Raises:
        LavaTimeoutError: it ran past ``timeout_s``, and was gone within ``neurograph.child.GRACE_S`` more. LavaError: it ended with another
            status than 0. LavaMissingError: the interpreter is no good.
    """
    try:
        ended = child.run([*command, "--tag", child.tag], timeout_s)
    except OSError as error:
        raise LavaMissingError(f"Lava: {command[0]} cannot be run: {error.strerror or error}; {runtime.way_out()}") from None
    if ended.status is None:
        way_out = "give a larger limit (--timeout), or fewer samples" + ("" if ended.lines else f"; {_CHECK}")
        raise LavaTimeoutError(f"Lava worker: killed after {timeout_s:g} s, its limit ({_reason(ended)}); {way_out}")
    if ended.status:
        raise _failed(command[0], ended)


def _failed(interpreter: str, ended: Ended) -> LavaError:
    reason = _reason(ended)
    if reason.startswith(_NO_LAVA) or ended.status == 127:  # 127: the shell of a wrapper found no command
        return LavaMissingError(f"Lava: {interpreter} cannot run it: {reason}; {runtime.way_out()}")
    what = f"{ended.how}: {reason}" if (ended.status or 0) < 0 else f"{ended.how}, must be 0: {reason}"
    return LavaError(f"Lava worker: {what}; {_way_out(what)}")


def _way_out(what: str) -> str:
    if any(sign in what for sign in _NO_ROOM):
        return "make room in /dev/shm and in the temporary folder (TMPDIR), or take fewer samples"
    if any(sign in what for sign in _NO_MEMORY):
        return "take fewer samples or a smaller graph, or a machine or limit with more memory"
    return _CHECK


def _reason(ended: Ended) -> str:
    """The worker's own word on what went wrong if there is one; Python's resource tracker may speak after it."""
    lines = [line for line in ended.lines if "resource_tracker" not in line] or [ended.last_line]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return " ".join((errors or lines)[-1].split())[:500]
