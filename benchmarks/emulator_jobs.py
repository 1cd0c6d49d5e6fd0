"""Jobs that the scripts of other emulators run in interpreters of their own: a folder of .npz files, read and answered one by one.

Imports only the standard library and NumPy. A job holds ``about``, JSON with "ticks", "populations" [{"name", "size"}] in tick order and
"projections" [{"source", "target", "lag", "exponent", "sign_mode"}], and arrays: ``spikes/NAME`` (T, n) of a source, ``du/NAME``,
``dv/NAME``, ``vth/NAME``, ``bias/NAME`` and ``start/NAME`` (n,) of neurons, ``weights/I`` (out, in) of projection I. Bias and start are in
steps of v. The answer, ``NAME.out.npz``, holds ``spikes/NAME``, ``u/NAME`` and ``v/NAME`` (T, n) of every population.

Populations run one after the other, each on the spikes that the emulator gave for those before it: tick by tick what a pipeline of them
does once it is filled. A population may hear itself one tick later; a longer loop has no such order.
"""

import json
import sys
from pathlib import Path

import numpy as np


class Group:
    """One population with what it hears: ``inputs`` [(weights, exponent, sign_mode, spikes (T, n))], ``loops`` [(weights, exponent, sign_mode)]."""

    def __init__(self, job, about, name, size, spikes):
        self.size, self.ticks = size, about["ticks"]
        self.du, self.dv, self.vth, self.bias, self.start = (
            job[f"{key}/{name}"].astype(np.int64) for key in ("du", "dv", "vth", "bias", "start")
        )
        self.inputs, self.loops = [], []
        for i, projection in enumerate(about["projections"]):
            if projection["target"] != name:
                continue
            how = (job[f"weights/{i}"].astype(np.int64), projection["exponent"], projection["sign_mode"])
            source, lag = projection["source"], projection["lag"]
            if source == name and lag == 1:
                self.loops.append(how)
            elif source in spikes:
                late = np.zeros_like(spikes[source])
                late[lag:] = spikes[source][: self.ticks - lag]
                self.inputs.append((*how, late))
            else:
                raise ValueError(f"projection {source} to {name}, lag {lag}: a loop over several populations, or of lag 2 and more")


def run_jobs(run):
    """``run(group)`` → spikes, u, v of shape (T, n), for every population of every job in the folder that the command line names."""
    for path in sorted(Path(sys.argv[1]).glob("*.job.npz")):
        job = dict(np.load(path))
        about = json.loads(str(job["about"]))
        spikes = {name.split("/", 1)[1]: values.astype(bool) for name, values in job.items() if name.startswith("spikes/")}
        answer = {}
        for population in about["populations"]:
            name = population["name"]
            group = Group(job, about, name, population["size"], spikes)
            spikes[name], answer[f"u/{name}"], answer[f"v/{name}"] = run(group)
            answer[f"spikes/{name}"] = spikes[name]
        np.savez(str(path).replace(".job.npz", ".out.npz"), **answer)
