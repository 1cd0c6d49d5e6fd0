"""Training over the processes that torchrun started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed as dist

from neurograph.errors import TrainingError
from neurograph.nn.sharding import Shard

__all__ = ["this_shard"]


@contextmanager
def this_shard(nodes: int) -> Iterator[Shard]:
    """This process's part of the nodes, for as long as the block runs.

    Raises:
        TrainingError: no torchrun started this process, or nodes run out before processes do.
    """
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        raise TrainingError("--sharded: there is one process; start it with: torchrun --nproc-per-node 2 -m neurograph train … --sharded")
    try:
        dist.init_process_group("gloo")
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise TrainingError(f"--sharded: the processes do not find each other ({reason}); start them with torchrun") from None
    try:
        shard = Shard(dist.get_rank(), dist.get_world_size(), nodes)
        if shard.spare:
            raise TrainingError(
                f"--sharded: {shard.world} processes of {shard.size} nodes each leave none of the {nodes} to {shard.spare} of them, must"
                f" each have one; start {shard.world - shard.spare}"
            )
        yield shard
    finally:
        dist.destroy_process_group()
