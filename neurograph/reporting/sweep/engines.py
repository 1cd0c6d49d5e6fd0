"""Where the work is done: processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from typing import Any, TypeVar

from neurograph.errors import InputError
from neurograph.stopping import when_dropped

__all__ = ["ENGINES", "LOST", "dask", "processes"]

ENGINES = ("processes", "dask")
LOST = "its process was killed or crashed, twice; give it more memory, or run fewer at a time with --jobs"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # what torch's, NumPy's and SciPy's libraries read as they load
_GRACE_S = 5.0  # for a worker to put its files in order
_LEFT = 128 + signal.SIGTERM  # status of a worker that was ended
Task = TypeVar("Task")
Result = TypeVar("Result")


def processes(work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int) -> Iterator[tuple[int, Result | None]]:
    """Index and result of each task as they come; None where its process died.

    A process that dies takes its pool with it. What was not done is then done one task at a time, so that the guilty one is known.
    """
    left, alone = list(range(len(tasks))), dict.fromkeys(range(len(tasks)), 0)  # how often a task broke a pool of one process
    while left:
        broken = False
        for index, result in _pool(work, tasks, left[:], min(jobs, len(left))):
            if index is None:
                broken = True
            else:
                left.remove(index)
                yield index, result
        if broken and jobs == 1 and left:  # one process takes the tasks in order, so the first one left was the running one
            alone[left[0]] += 1
            if alone[left[0]] == 2:
                yield left.pop(0), None
        if broken:
            jobs = 1


def _pool(
    work: Callable[[Task], Result], tasks: Sequence[Task], indices: Sequence[int], jobs: int
) -> Iterator[tuple[int | None, Result | None]]:
    """The same of one pool; (None, None) last if it broke."""
    before = set(multiprocessing.active_children())
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with _environment(dict.fromkeys(_THREADS, str(threads))):
        pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _begin)
        try:
            with _interrupts_wait():
                futures = {pool.submit(_one, work, tasks[index]): index for index in indices}
            broken = False
            for future in as_completed(futures):
                if isinstance(future.exception(), BrokenProcessPool):
                    broken = True  # what was done before is still among the futures
                else:
                    yield futures[future], future.result()
            pool.shutdown()
            if broken:
                yield None, None
        except BaseException:  # interrupted: what runs is not waited for
            for child in set(multiprocessing.active_children()) - before:
                child.terminate()
            pool.shutdown(cancel_futures=True)
            raise


class _Worker:
    """What this process is at, if it is a worker."""

    busy = False  # with a task, whose files are to be put in order when it is ended
    leaving = False


def _begin() -> None:
    """Start of a worker: an interrupt is for the parent, which then ends its workers; a parent that was killed cannot."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    when_dropped(SystemExit, _leave_again)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _one(work: Callable[[Task], Result], task: Task) -> Result:
    """A task in a worker. One that is ended in it is gone at once: others may have died while they held what it would read or lock next."""
    _Worker.busy = True
    try:
        return work(task)
    except SystemExit:
        if _Worker.leaving:
            os._exit(_LEFT)
        raise
    finally:
        _Worker.busy = False


def _leave(number: int, frame: Any) -> None:
    if not _Worker.busy:
        os._exit(_LEFT)
    if not _Worker.leaving:
        _Worker.leaving = True
        threading.Thread(target=_end_late, daemon=True).start()
        raise SystemExit(_LEFT)


def _leave_again() -> None:
    _Worker.leaving = False
    os.kill(os.getpid(), signal.SIGTERM)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        _end_late()


def _end_late() -> None:
    time.sleep(_GRACE_S)
    os._exit(_LEFT)


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """An interrupt comes when the block has ended, and never to processes that are started inside."""
    resource_tracker.ensure_running()  # which lets interrupts through when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """These variables for processes that are started inside; those that are set already stay."""
    new = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)


def dask(
    work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int, scheduler: str | None = None, timeout_s: float = 20
) -> Iterator[tuple[int, Result | None]]:
    """The same over a Dask cluster: the scheduler's at this address, or one of ``jobs`` processes on this machine.

    A task whose worker is lost is given to another one, by Dask itself; after ``distributed.scheduler.allowed-failures`` it is None.

    Raises:
        InputError: dask.distributed is not installed, or no scheduler answers.
    """
    try:
        import distributed
    except ImportError:
        raise InputError("--engine dask: dask.distributed is not installed; pip install 'neurograph[cluster]', on every machine") from None
    with _quiet(), _client(distributed, jobs, scheduler, timeout_s) as client:
        futures = {future: index for index, future in enumerate(client.map(work, tasks, pure=False))}
        for future in distributed.as_completed(futures):
            if future.status == "error" and isinstance(future.exception(), distributed.KilledWorker):
                yield futures[future], None
            else:
                yield futures[future], future.result()


@contextmanager
def _client(distributed: Any, jobs: int, scheduler: str | None, timeout_s: float) -> Iterator[Any]:
    if scheduler is not None:
        try:
            client = distributed.Client(scheduler, timeout=timeout_s)
        except (OSError, ValueError, TypeError) as error:
            reason = " ".join(str(error).split())[:120]
            raise InputError(
                f"--scheduler {scheduler}: does not answer ({reason}); give the address that 'dask scheduler' prints"
            ) from None
        with client:
            if not client.scheduler_info()["workers"]:
                raise InputError(f"--scheduler {scheduler}: has 0 workers, must have 1 or more; start some with 'dask worker {scheduler}'")
            yield client
        return
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with ExitStack() as stack:
        stack.enter_context(_environment(dict.fromkeys(_THREADS, str(threads))))
        with _interrupts_wait():  # the threads that start workers, now and later, do not hear them either
            cluster = stack.enter_context(
                distributed.LocalCluster(
                    n_workers=jobs, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=logging.CRITICAL
                )
            )
        yield stack.enter_context(distributed.Client(cluster))


@contextmanager
def _quiet() -> Iterator[None]:
    """Of Dask's log only errors: lost workers are dealt with, and the progress bar is on the same stream."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
