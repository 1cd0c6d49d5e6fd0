"""Memory that is freed while training is used again: the system maps no new pages for arrays that come and go."""

import platform
import subprocess
import sys

import pytest

CHILD = """
import resource, sys
import torch
from contextlib import nullcontext
from neurograph.training.memory import freed_memory_kept
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def come_and_go():
    before = faults()
    for _ in range(10):
        torch.zeros(16 * 2**20).add_(1)
    return faults() - before
with freed_memory_kept():
    come_and_go()
    kept = come_and_go()
print(kept, come_and_go())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc, whose allocator this is about")
def test_freed_memory_is_used_again_inside_and_goes_back_outside() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    kept, outside = map(int, done.stdout.split())
    assert kept < 1000 < outside
