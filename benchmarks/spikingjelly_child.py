"""Runs SpikingJelly 2.0's own NIR reader and exporter; started by nir_framework_readers.py with the interpreter that has it.

Imports only NumPy, PyTorch and SpikingJelly. The one argument is a JSON list of jobs: {"graph", "x", "out", "watch"} reads a .nir file and
runs it; with "model" and "options", {"kind", …} of SpikingJelly's neuron, it first makes a Linear (arrays "weight" and "bias" in the file
"linear") and that neuron, runs them ("made") and exports them to "graph". The last line of stdout is a JSON object, job number → the error
of each job that SpikingJelly refuses.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from spikingjelly.activation_based import layer, neuron
from spikingjelly.activation_based.nir_exchange import export_to_nir, import_from_nir


def array(out):
    return (out[0] if isinstance(out, tuple) else out).detach().numpy().copy()


def read_and_run(job, x):
    """Spikes of the output and of every node watched, all ticks."""
    module, state = import_from_nir(job["graph"], dtype=torch.float64), None
    heard = {name: [] for name in ("output", *job["watch"])}
    for name in job["watch"]:
        module.get_submodule(name).register_forward_hook(lambda _m, _a, out, name=name: heard[name].append(array(out)))
    for row in x:
        out, state = module(row[None], state)
        heard["output"].append(array(out))
    return {name: np.concatenate(rows) for name, rows in heard.items()}


def make_and_export(job, x):
    """The model's own spikes; the graph goes to the job's file."""
    weights = np.load(job["linear"])
    first = layer.Linear(weights["weight"].shape[1], weights["weight"].shape[0])
    first.weight.data, first.bias.data = (torch.from_numpy(weights[name]) for name in ("weight", "bias"))
    model = torch.nn.Sequential(first, getattr(neuron, job["model"])(**job["options"])).double()
    made = np.concatenate([array(model(row[None])) for row in x])
    model[1].reset()
    export_to_nir(model, x[:1], save_path=job["graph"])
    return made


def run(job):
    x, more = torch.from_numpy(np.load(job["x"]).astype(np.float64)), {}
    with torch.no_grad():
        if "model" in job:
            more["made"] = make_and_export(job, x)
        return {**more, **read_and_run(job, x)}


def main():
    torch.set_default_dtype(torch.float64)
    refusals = {}
    for index, job in enumerate(json.loads(Path(sys.argv[1]).read_text())):
        try:
            np.savez(job["out"], **run(job))
        except Exception as error:  # whatever it raises is its refusal
            refusals[index] = f"{type(error).__name__}: {' '.join(str(error).split())}"
    print(json.dumps(refusals))


main()
