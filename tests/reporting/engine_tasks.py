"""Work for the processes of engines: a module of its own, for they import what their work stands in."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def double(number: int) -> int:
    return 2 * number


def lost_once(marker: str) -> str:
    """Kills its process the first time."""
    path = Path(marker)
    if path.suffix == ".kill" and not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return marker


def lost_always(number: int) -> int:
    if number == 1:
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)
    return number
