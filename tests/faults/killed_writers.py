"""Kills a writer at each of its calls to the file system in turn, and prints what it left, as JSON. Run as a program: it forks itself."""

import json
import os
import signal
import sys
from pathlib import Path

import h5py
import numpy as np

from neurograph import siblings
from neurograph.files import atomic_folder, write_file
from neurograph.hdf5_stream import stream_hdf5

EVENTS = {
    "open",
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.chmod",
    "fcntl.flock",
    "ctypes.dlsym",
    "shutil.rmtree",
    "os.scandir",
}


def write(kind, target, text):
    if kind == "file":
        write_file(target, text.encode() * 1000)
    elif kind == "hdf5":
        with stream_hdf5(target) as (file, check):
            for name in "ab":
                file[name] = np.frombuffer(text.encode() * 1000, np.uint8)
                check()
    else:
        with atomic_folder(target, marker="a") as folder:
            for name in "ab":
                write_file(folder / name, text.encode() * 1000)


def read(kind, target):
    """The text of a whole target; None where there is none."""
    if not target.exists():
        return None
    if kind == "file":
        parts = [target.read_bytes()]
    elif kind == "hdf5":
        with h5py.File(target, "r") as file:
            parts = [bytes(file[name][()]) for name in "ab"]
    else:
        parts = [(target / name).read_bytes() for name in "ab"]
    text = parts[0][:3].decode()
    return text if all(part == text.encode() * 1000 for part in parts) else "broken"


def forked(kind, target, text, at):
    """Write in a child that is killed at its ``at``-th call, 0: never; whether it came to its end."""
    child = os.fork()
    if child:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, -signal.SIGKILL), status
        return status == 0
    seen = 0

    def count(event, arguments):
        nonlocal seen
        if event in EVENTS:  # os.kill is an event too
            seen += 1
            if seen == at:
                os.kill(os.getpid(), signal.SIGKILL)

    if at:
        sys.addaudithook(count)
    write(kind, target, text)
    os._exit(0)


def main(folder):
    found = []
    for kind in ("file", "hdf5", "folder", "folder in two steps"):
        if kind == "folder in two steps":  # as on a file system that cannot exchange two names
            siblings._exchanged = lambda a, b: False
        for old in (None, "old"):
            at, ended = 0, False
            while not ended:
                at += 1
                target = folder / f"{kind} {old} {at}" / "target"
                target.parent.mkdir()
                if old:
                    write(kind, target, old)
                ended = forked(kind, target, "new", at)
                left, beside = read(kind, target), len(list(target.parent.iterdir()))
                again = forked(kind, target, "two", 0) and read(kind, target)
                after = [path.name for path in target.parent.iterdir()]
                found.append(
                    {"kind": kind, "old": old, "at": at, "ended": ended, "left": left, "beside": beside, "again": again, "after": after}
                )
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
