"""The ranks of a run and what they say to each other.

Collectives take tensors on the run's device. NCCL moves them between GPUs; gloo goes through the host's memory.

A rank that fails says why in the store that all ranks share, and waits until rank 0 has read it; the others look there while they wait
for it, twice a second, and stop with :class:`~neurograph.errors.ShardError`. A rank that is gone without a word ends the wait of the
others at the time limit.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from neurograph.errors import InputError, NeurographError, ShardError
from neurograph.sim.device.devices import device_named

__all__ = ["TIMEOUT_S", "World", "opened_world"]

TIMEOUT_S = 600.0
_LOOK_S = 0.5  # how often a rank that waits looks for a word of one that failed
_LAST_WORD_S = 5.0
_START = "start it with: torchrun --nproc-per-node 2 -m neurograph simulate BUNDLE --sharded"


class World:
    """All ranks of one run. Every method but :meth:`failed` is a collective: all ranks call it, in the same order."""

    def __init__(self, device: torch.device, timeout_s: float) -> None:
        self.rank, self.shards, self.device, self.timeout_s = dist.get_rank(), dist.get_world_size(), device, timeout_s
        self.backend = dist.get_backend()
        self.sent_bytes = 0
        self._store: Any = dist.distributed_c10d._get_default_store()
        self._run = f"neurograph/{self._store.add(f'neurograph/runs/{self.rank}', 1)}"
        self._agreements = 0

    def start_exchange(self, out: Tensor, give: Sequence[int], take: Sequence[int]) -> Any:
        """Give the next ``give[r]`` rows of ``out`` to rank r; call what is returned to wait for ``take[r]`` rows of it, in one tensor."""
        self.sent_bytes += (len(out) - give[self.rank]) * out[:1].numel() * out.element_size()
        mine = self._carried(out)
        taken = torch.empty((sum(take), *out.shape[1:]), dtype=out.dtype, device=mine.device)
        work = self._begin(dist.all_to_all_single, taken, mine, list(take), list(give))

        def finish() -> Tensor:
            self._finish(work)
            return taken.to(self.device)

        return finish

    def sum_integers(self, values: Tensor) -> Tensor:
        """Σ over ranks, int64, exact."""
        return self._reduced(values.to(torch.int64), dist.ReduceOp.SUM)

    def most(self, values: Tensor) -> Tensor:
        """The largest over ranks, int64."""
        return self._reduced(values.to(torch.int64), dist.ReduceOp.MAX)

    def sum_floats(self, values: Tensor) -> Tensor:
        """Σ over ranks in float64, added in the order of the ranks, so that every rank has the same bits."""
        rows = values.to(torch.float64)[None].repeat(self.shards, *([1] * values.ndim))
        return self.start_exchange(rows, [1] * self.shards, [1] * self.shards)().sum(dim=0)

    def counts(self, mine: int) -> list[int]:
        """Every rank's number."""
        every = torch.zeros(self.shards, dtype=torch.int64, device=self.device)
        every[self.rank] = mine
        found: list[int] = self.sum_integers(every).tolist()
        return found

    def to_first(self, rows: Tensor, counts: Sequence[int]) -> Tensor:
        """All ranks' rows on rank 0, ``counts[r]`` of rank r; no rows elsewhere."""
        give = [len(rows)] + [0] * (self.shards - 1)
        return self.start_exchange(rows, give, counts if self.rank == 0 else [0] * self.shards)()

    def agree(self, error: Exception | None = None) -> None:
        """Go on only if no rank has an error; every rank calls this before the work that needs all of them.

        Raises:
            Exception: this rank's own. ShardError: that of another rank, the lowest that has one.
        """
        self._agreements += 1
        keys = [f"{self._run}/agreed/{self._agreements}/{rank}" for rank in range(self.shards)]
        self._store.set(keys[self.rank], "" if error is None else _text(error))
        absent = self._absent(keys, self._look)
        if absent:
            raise error or ShardError(f"rank {absent[0]}: no answer within {self.timeout_s:g} s; see its messages")
        if error is not None:
            raise error
        said = [self._store.get(key).decode() for key in keys]
        for rank, message in enumerate(said):
            if message:
                raise ShardError(f"rank {rank}: {message}")

    def failed(self, error: Exception) -> None:
        """Say why this rank stops, and wait until rank 0 knows; log it here if that does not come about. Not a collective."""
        message = f"rank {self.rank}: {_text(error)}"
        try:
            self._store.set(f"{self._run}/failed", message)
            alone = self.rank > 0 and bool(self._absent([f"{self._run}/heard"], lambda: None))
        except RuntimeError:  # the store is gone with the rank that had it
            alone = True
        if alone:
            logging.getLogger(__name__).error(message)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Whatever goes wrong inside is told to the other ranks."""
        try:
            yield
        except ShardError:
            raise
        except Exception as error:
            self.failed(error)
            raise

    def _begin(self, collective: Any, *arguments: Any) -> Any:
        try:
            return collective(*arguments, async_op=True)
        except RuntimeError as error:
            raise self._broken(error) from None

    def _finish(self, work: Any) -> None:
        if self.backend != "gloo":  # the device's stream waits, the host goes on
            try:
                work.wait()
            except RuntimeError as error:
                raise self._broken(error) from None
            return
        end = time.monotonic() + self.timeout_s
        while True:
            try:
                work.wait(timedelta(seconds=_LOOK_S))
                return
            except RuntimeError as error:
                if work.is_completed() or time.monotonic() > end:
                    raise self._broken(error) from None
                self._look()

    def _absent(self, keys: list[str], look: Callable[[], None]) -> list[int]:
        """Wait for keys in the store, and return which of them are still missing at the time limit."""
        end, pause_s = time.monotonic() + self.timeout_s, 0.0005
        missing = list(range(len(keys)))
        while missing and time.monotonic() < end:
            missing = [i for i in missing if not self._store.check([keys[i]])]
            if missing:
                look()
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, 0.1)
        return missing

    def _look(self) -> None:
        """Stop if a rank has said that it failed."""
        try:
            there = self._store.check([f"{self._run}/failed"])
        except RuntimeError as error:
            raise ShardError(f"rank {self.rank}: the store of the ranks is gone ({_text(error)}); see the messages of the others") from None
        if there:
            message = self._store.get(f"{self._run}/failed").decode()
            if self.rank == 0:
                self._store.set(f"{self._run}/heard", "1")
            raise ShardError(message)

    def _broken(self, error: RuntimeError) -> ShardError:
        end = time.monotonic() + _LAST_WORD_S
        while time.monotonic() < end:
            try:
                self._look()
            except ShardError as told:
                return told
            time.sleep(0.05)
        return ShardError(f"rank {self.rank}: another rank stopped, or was silent for {self.timeout_s:g} s ({_text(error)})")

    def _reduced(self, values: Tensor, by: Any) -> Tensor:
        if not values.numel():
            return values
        mine = self._carried(values).clone()
        self.sent_bytes += mine.numel() * mine.element_size()
        self._finish(self._begin(dist.all_reduce, mine, by))
        return mine.to(self.device)

    def _carried(self, values: Tensor) -> Tensor:
        """Where the backend can take it from."""
        return (values.cpu() if self.backend == "gloo" else values).contiguous()


@contextmanager
def opened_world(device: str = "cpu", timeout_s: float = TIMEOUT_S) -> Iterator[World]:
    """The ranks that torchrun started, or those of the process group that the caller has made already.

    Args:
        device: "cpu" (gloo), or "cuda": each rank on a node takes a GPU of its own, and NCCL carries what they exchange.
        timeout_s: how long a rank waits for the others.

    Raises:
        InputError: neither torchrun nor a process group; a device that is not there, or fewer GPUs than ranks.
    """
    here = device
    if dist.is_initialized():
        yield World(_own_device(here, dist.get_rank()), timeout_s)
        return
    missing = [key for key in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT") if key not in os.environ]
    if missing:
        raise InputError(f"sharded run: {', '.join(missing)} not set, so this process has no others; {_START}")
    chosen = _own_device(here, int(os.environ.get("LOCAL_RANK", os.environ["RANK"])))
    try:
        dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=timedelta(seconds=timeout_s))
    except (RuntimeError, ValueError) as error:
        raise InputError(f"sharded run: the ranks do not find each other ({' '.join(str(error).split())[:200]}); {_START}") from None
    try:
        yield World(chosen, timeout_s)
    finally:
        dist.destroy_process_group()


def _text(error: Exception) -> str:
    """One line."""
    said = " ".join(str(error).split())
    return said if isinstance(error, NeurographError) else f"{type(error).__name__}: {said[:300]}"


def _own_device(name: str, local_rank: int) -> torch.device:
    if name != "cuda":
        return device_named(name)
    device_named(name)
    there = torch.cuda.device_count()
    ranks = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if ranks > there:
        raise InputError(f"device 'cuda': {ranks} ranks, but {there} GPUs here; start one rank a GPU, or take --device cpu")
    device = torch.device("cuda", local_rank)
    torch.cuda.set_device(device)
    return device
