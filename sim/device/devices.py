"""Which torch device a name means, and what has to be so on it for sums of integers to be exact."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from neurograph.errors import InputError, MemoryLimitError

__all__ = ["described", "device_named", "exact_products", "memory_named", "synchronize"]


def device_named(name: str) -> torch.device:
    """The device that "cpu", "cuda" or "cuda:N" names.

    Raises:
        InputError: another name, or a GPU that is not there.
    """
    if not re.fullmatch(r"cpu|cuda(:[0-9]+)?", name):
        raise InputError(f"device {name!r}: does not exist; there are cpu, cuda and cuda:N (the N-th GPU, from 0)")
    if name == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        why = "this PyTorch was built without CUDA" if torch.version.cuda is None else "PyTorch finds no usable NVIDIA GPU and driver"
        raise InputError(f"device {name!r}: CUDA is not available here ({why}); take --device cpu")
    index, there = int(name.partition(":")[2] or torch.cuda.current_device()), torch.cuda.device_count()
    if index >= there:
        raise InputError(f"device {name!r}: there are {there} GPUs, counted from 0; take a smaller number or --device cpu")
    return torch.device("cuda", index)


def described(device: torch.device) -> str:
    """The device and, of a GPU, its model."""
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


def synchronize(device: torch.device) -> None:
    """Wait until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def exact_products() -> Iterator[None]:
    """Float32 products in float32 throughout: TF32 keeps 11 bits of a factor, too few for some weights and messages."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def memory_named(device: torch.device) -> Iterator[None]:
    """A device that runs out of memory does so by name.

    Raises:
        MemoryLimitError: in place of PyTorch's own error.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        free, there = torch.cuda.mem_get_info(device)
        raise MemoryLimitError(
            f"network: {described(device)} ran out of memory, {free / 2**30:.1f} of {there / 2**30:.1f} GiB are free; give a smaller "
            "max_memory (--max-memory), or take --device cpu"
        ) from None
