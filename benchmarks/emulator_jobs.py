"""Jobs that the scripts of other emulators run in interpreters of their own: a folder of .npz files, read and answered one by one.

Imports only the standard library and NumPy. A job holds ``about``, JSON with "ticks", "whole", "populations" [{"name", "size"}] in tick
order and "projections" [{"source", "target", "lag", "exponent", "sign_mode"}], and arrays: ``spikes/NAME`` (T, n) of a source, ``du/NAME``,
``dv/NAME``, ``vth/NAME``, ``bias/NAME`` and ``start/NAME`` (n,) of neurons, ``weights/I`` (out, in) of projection I. Bias and start are in
steps of v. The answer, ``NAME.out.npz``, holds ``spikes/NAME``, ``u/NAME`` and ``v/NAME`` (T, n) of every population.

A "whole" network runs at once, as a pipeline: a spike takes a step from population to population, so a population's tick 0 comes as many
steps later as it is deep, and until then it must rest: no bias, no start. Else populations run one after the other, each on the spikes that
the emulator gave for those before it, and hear only themselves within a run: what a pipeline does once it is filled.
"""

import json
import sys
from pathlib import Path

import numpy as np


class Group:
    """One population in a run: its parameters (n,), and ``inputs``.

    An input is (weights (out, in), exponent, sign_mode, spikes (steps, in)), or for spikes a pair (group, steps beyond the one that a spike
    takes).
    """

    def __init__(self, job, name, size):
        self.name, self.size, self.inputs = name, size, []
        arrays = (job[f"{key}/{name}"].astype(np.int64) for key in ("du", "dv", "vth", "bias", "start"))
        self.du, self.dv, self.vth, self.bias, self.start = arrays
        self.subtract = bool(job.get(f"subtract/{name}", np.zeros(1)).any())  # reset by subtraction, where a job says so


class Runner:
    """Runs one job by ``run(groups, steps)`` → group → (spikes, u, v), each (steps, n)."""

    def __init__(self, job, run):
        self.job, self.run = job, run
        self.about = json.loads(str(job["about"]))
        self.ticks = self.about["ticks"]
        self.spikes = {name.split("/", 1)[1]: values.astype(bool) for name, values in job.items() if name.startswith("spikes/")}
        self.answer = {}

    def all(self):
        names = [population["name"] for population in self.about["populations"]]
        for together in [names] if self.about["whole"] else [[name] for name in names]:
            self.some(together)
        return self.answer

    def some(self, names):
        """Populations that run at once, in tick order."""
        sizes = {population["name"]: population["size"] for population in self.about["populations"]}
        first = {}  # the step of tick 0
        for name in names:
            first[name] = max((first[p["source"]] + 1 for _, p in self.into(name) if p["lag"] == 0 and p["source"] in first), default=0)
        steps = self.ticks + max(first.values())
        groups = {name: Group(self.job, name, sizes[name]) for name in names}
        for name, group in groups.items():
            if first[name] and (group.bias.any() or group.start.any()):
                raise ValueError(f"population {name}: does not rest before its tick 0")
            for i, p in self.into(name):
                source = self.source(p, first, groups, steps)
                group.inputs.append((self.weights(i), p["exponent"], p["sign_mode"], source))
        for group, traces in self.run(list(groups.values()), steps).items():
            seen = slice(first[group.name], first[group.name] + self.ticks)
            self.spikes[group.name], u, v = (values[seen] for values in traces)
            self.answer.update({f"spikes/{group.name}": self.spikes[group.name], f"u/{group.name}": u, f"v/{group.name}": v})

    def weights(self, i):
        return self.job[f"weights/{i}"].astype(np.int64)

    def into(self, name):
        return [(i, p) for i, p in enumerate(self.about["projections"]) if p["target"] == name]

    def source(self, projection, first, groups, steps):
        name, start = projection["source"], first[projection["target"]] + projection["lag"]
        if name in groups:
            extra = start - first[name] - 1
            if extra < 0:
                raise ValueError(f"projection {name} to {projection['target']}: a loop over several populations")
            return groups[name], extra
        late = np.zeros((steps, self.spikes[name].shape[1]), dtype=bool)
        late[start : start + self.ticks] = self.spikes[name][: steps - start]
        return late


def run_jobs(run):
    """Every job in the folder that the command line names."""
    for path in sorted(Path(sys.argv[1]).glob("*.job.npz")):
        np.savez(str(path).replace(".job.npz", ".out.npz"), **Runner(dict(np.load(path)), run).all())
