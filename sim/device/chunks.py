"""How many samples and ticks are run at a time, so that a run stays within its memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from neurograph.errors import MemoryLimitError

__all__ = ["Chunks", "Costs"]

CPU_BYTES = 1 << 30
FREE_SHARE = 0.7  # of a GPU's free memory; the rest is for what libraries take and for what fragments


@dataclass(frozen=True)
class Costs:
    """Bytes: ``fixed`` for the run, ``sample`` beside it for each sample of a chunk, ``tick`` beside that for each of its ticks.

    ``together``: whether ticks are stepped one after another, so that many samples at a time pay more than many ticks.
    """

    fixed: int
    sample: int
    tick: int
    together: bool


@dataclass(frozen=True)
class Chunks:
    """``most_samples`` samples by ``most_ticks`` ticks at a time, of ``all_samples`` by ``all_ticks``."""

    most_samples: int
    most_ticks: int
    all_samples: int
    all_ticks: int

    @staticmethod
    def of(costs: Costs, device: torch.device, max_memory: int | None, samples: int, ticks: int, *, one_by_one: bool) -> Chunks:
        """The largest chunks within ``max_memory`` bytes.

        Raises:
            MemoryLimitError: one tick of one sample does not fit.
        """
        limit = max_memory if max_memory is not None else _default(device, costs)
        need = costs.fixed + costs.sample + costs.tick
        if need > limit:
            raise MemoryLimitError(
                f"network: one tick of one sample takes {need:,} bytes on {device}, limit {limit:,}; give at least that "
                "as max_memory (--max-memory), or take a device with more memory"
            )
        most = 1 if one_by_one else samples
        left = limit - costs.fixed
        if costs.together:
            most_samples = max(1, min(most, left // (costs.sample + costs.tick)))
            most_ticks = min(ticks, (left // most_samples - costs.sample) // max(costs.tick, 1))
        else:
            most_ticks = max(1, min(ticks, (left - costs.sample) // max(costs.tick, 1)))
            most_samples = max(1, min(most, left // max(costs.sample + most_ticks * costs.tick, 1)))
        return Chunks(most_samples, most_ticks, samples, ticks)

    def samples(self) -> Iterator[slice]:
        """Chunks of samples."""
        return _slices(self.all_samples, self.most_samples)

    def ticks(self) -> Iterator[slice]:
        """Chunks of ticks."""
        return _slices(self.all_ticks, self.most_ticks)


def _default(device: torch.device, costs: Costs) -> int:
    if device.type == "cuda":
        return int(FREE_SHARE * torch.cuda.mem_get_info(device)[0]) + costs.fixed
    return max(CPU_BYTES, costs.sample + costs.tick) + costs.fixed


def _slices(total: int, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, total)) for start in range(0, total, step))
