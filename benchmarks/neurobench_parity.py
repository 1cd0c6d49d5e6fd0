"""NeuroBench 2.3.0's own figures beside ours, on the same weights and inputs: each equal, or the difference explained by a rule.

    python benchmarks/neurobench_parity.py [--install] [--json FILE]

NeuroBench runs in an environment of its own, which ``--install`` makes in the user's cache: without torchaudio and tonic, which its
datasets and preprocessors need and its metrics do not, so that torch can be ours. An interpreter that has it may be named in
$NEUROGRAPH_NEUROBENCH_PYTHON. "module" is :func:`neurograph.operations.neurobench_figures` on the torch module, "network" what
:func:`neurograph.hw_profiles.neurobench_names.neurobench_names` says of the Network traced from it, run by the float engine; "explained" is
the latter by NeuroBench's rules:

    recurrent events      a spike of the last tick counts with us, where it is sent; NeuroBench sees it in the next call, which never comes
    ternary input         inputs of −1, 0 and 1 are additions to NeuroBench; a Network knows that a source is real-valued, not its values
    zeros of convolutions a convolution is a CSR matrix here, and a pruned weight no entry of it; "explained" has no weight pruned
    stored values         NeuroBench adds the buffers that snnTorch keeps for its neurons, we the parameters that the Network has; a
                          convolution's weights are stored once there, and once a synapse here: its line is not explained
    float32               NeuroBench adds up float32 numbers, exact below 2^24 only; ours are integers
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import environments
import machine
import numpy as np
import torch
from torch import nn

from neurograph.export.lower import lower
from neurograph.export.torch_modules import trace_module
from neurograph.hw_profiles.counts import count
from neurograph.hw_profiles.neurobench_names import neurobench_names
from neurograph.network import Network
from neurograph.operations import neurobench_figures
from neurograph.sim import floating

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from neurobench_networks import NETWORKS, Case, Window, loaded
    from snntorch import utils

VERSION = "2.3.0"
VARIABLE = "NEUROGRAPH_NEUROBENCH_PYTHON"
CHILD = Path(__file__).resolve().parent / "neurobench_child.py"
FIGURES = ("Effective_ACs", "Effective_MACs", "Dense", "ActivationSparsity", "ConnectionSparsity", "Footprint")
EXACT = 2**24  # up to here float32 holds every integer


@dataclass(frozen=True)
class Line:
    """One figure of one network: NeuroBench's, ours of the torch module, ours of the Network, and that by NeuroBench's rules."""

    network: str
    figure: str
    theirs: float
    module: float
    traced: float | None = None
    explained: float | None = None
    rule: str = ""

    @property
    def differs(self) -> bool:
        """Whether the Network's figure is another one."""
        return self.traced is not None and not _equal(self.traced, self.theirs)

    @property
    def agrees(self) -> bool:
        """Equal; rounding of a division and of a mean over batches aside."""
        if self.rule == "float32":
            return abs(self.module - self.theirs) <= 1e-4 * self.theirs
        return _equal(self.module, self.theirs) and (self.explained is None or _equal(self.explained, self.theirs))


def _equal(ours: float, theirs: float) -> bool:
    return abs(ours - theirs) <= 1e-12 * max(abs(theirs), 1.0)


def find_neurobench() -> Path:
    """An interpreter that has NeuroBench.

    Raises:
        LookupError: there is none, with the way out.
    """
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    if (_cache() / "bin/python").exists():
        return _cache() / "bin/python"
    raise LookupError(
        f"no interpreter with neurobench {VERSION}: run 'python benchmarks/neurobench_parity.py --install', or set ${VARIABLE}"
    )


def install_neurobench() -> None:
    """Make an environment with NeuroBench in the user's cache, by uv, with our torch and snnTorch.

    Raises:
        subprocess.CalledProcessError: uv could not.
    """
    ours = [f"{name}=={metadata.version(name).split('+')[0]}" for name in ("torch", "snntorch", "numpy")]
    unused = ("torchaudio", "tonic", "numba", "llvmlite")  # of its datasets and preprocessors
    environments.make(_cache(), [f"neurobench=={VERSION}", *ours], overrides=[f"{name}; python_version < '3'" for name in unused])


def _cache() -> Path:
    return environments.cached(f"neurobench-{VERSION}")


def run_child(interpreter: str | Path, *arguments: str | Path) -> None:
    """Run neurobench_child.py.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    subprocess.run([str(interpreter), str(CHILD), *map(str, arguments)], check=True, env=environment, stdout=subprocess.DEVNULL)


def compare(interpreter: str | Path) -> list[Line]:
    """All figures of all networks."""
    with tempfile.TemporaryDirectory() as folder:
        run_child(interpreter, "figures", folder)
        theirs = json.loads(Path(folder, "figures.json").read_text())
        held = {name: torch.load(Path(folder, theirs[name]["file"])) for name in NETWORKS}
    lines = []
    for name, case in NETWORKS.items():
        net, x = loaded(name, held[name]["weights"]), held[name]["input"]
        module = _of_module(net, x, case)
        explained, traced, rules = _of_network(net, x, case) if case.spiking else ({}, {}, {})
        for figure in FIGURES:
            given = theirs[name][figure]
            counted = figure in ("Effective_ACs", "Effective_MACs", "Dense")
            drifts = counted and figure != "Dense" and given * case.batch >= EXACT
            rule = "float32" if drifts else rules.get(figure, "")
            lines.append(Line(name, figure, given, module[figure], traced.get(figure), explained.get(figure), rule))
    return lines


def _of_module(net: nn.Module, x: torch.Tensor, case: Case) -> dict[str, float]:
    """Batch by batch, as NeuroBench goes: whether a layer does additions is decided by the batch."""
    batches = x.split(case.batch)
    found = [neurobench_figures(Window(net) if case.spiking else net, batch, samples=case.batch)[0] for batch in batches]
    return {**{name: float(np.mean([f[name] for f in found])) for name in FIGURES}, "Footprint": found[0]["Footprint"]}


def _of_network(net: nn.Sequential, x: torch.Tensor, case: Case) -> tuple[dict[str, float], dict[str, float], dict[str, str]]:
    """Explained, as reported, and the rules that made the difference."""
    samples = x.numpy()
    if set(np.unique(samples)) <= {0.0, 1.0}:
        samples = samples.astype(np.uint8)
    network, inputs = _traced(net, samples)
    recording = floating.run(network, inputs, counts=True, record="spikes")
    found = neurobench_names(count(network, recording), network)
    explained, rules = dict(found), {}
    late = sum(
        float((np.asarray(recording.spikes[p.source][:, -p.lag :]).reshape(len(x), p.lag, -1) != 0).sum(axis=(0, 1)) @ p.weights.fan_out())
        for p in network.spiking_projections
        if p.lag
    )
    if late:
        rules["Effective_ACs"] = "recurrent events"
        explained["Effective_ACs"] -= late / len(x)
    if case.values == "ternary":
        rules |= dict.fromkeys(("Effective_ACs", "Effective_MACs"), "ternary input")
        explained |= {"Effective_ACs": found["Effective_ACs"] + found["Effective_MACs"], "Effective_MACs": 0.0}
    if any(isinstance(part, nn.Conv2d) for part in net):
        rules |= {"Dense": "zeros of convolutions", "ConnectionSparsity": "zeros of convolutions", "Footprint": "stored values"}
        full, driven = _traced(_unpruned(net), samples)
        run = floating.run(full, driven, counts=True, record="outputs")
        explained["Dense"] = neurobench_names(count(full, run), full)["Dense"]
        del explained["ConnectionSparsity"], explained["Footprint"]
    else:
        rules["Footprint"] = "stored values"
        weights = sum(p.weights.values.size for p in network.spiking_projections) + sum(np.size(p.bias) for p in network.neurons)
        explained["Footprint"] = 4.0 * weights + _neuron_bytes(case.build())
    return explained, found, rules


def _traced(net: nn.Sequential, samples: np.ndarray[Any, Any]) -> tuple[Network, dict[str, Any]]:
    """The Network of a module, and all samples as its input."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = trace_module(net, samples[0])
    (source,) = (p.name for p in lower(traced.graph).sources)
    return lower(traced.graph), {source: samples}


def _unpruned(net: nn.Sequential) -> nn.Sequential:
    """The same with no weight of a convolution 0; snnTorch's hidden states cannot be copied as they are after a run."""
    utils.reset(net)
    full = copy.deepcopy(net)
    for part in full:
        if isinstance(part, nn.Conv2d):
            part.weight.data[part.weight == 0] = 1.0
    return full


def _neuron_bytes(net: nn.Sequential) -> int:
    """Parameters and buffers of snnTorch's neurons, recurrent weights aside; their bias is in the Network a part of the layer's before."""
    neurons = [part for part in net if not isinstance(part, (nn.Linear, nn.Conv2d, nn.Flatten))]
    tensors = [(name, t) for part in neurons for name, t in (*part.named_parameters(), *part.named_buffers())]
    return sum(t.numel() * t.element_size() for name, t in tensors if name != "recurrent.weight")


def table(lines: list[Line]) -> str:
    """Markdown."""
    rows = ["| network | figure | NeuroBench | module | network | explained | rule |", "|---|---|--:|--:|--:|--:|---|"]
    for line in lines:
        cells = [_number(v) for v in (line.theirs, line.module, line.traced, line.explained)]
        rows.append(
            f"| {line.network} | {line.figure} | {' | '.join(cells)} | {line.rule if line.differs or line.rule == 'float32' else ''} |"
        )
    return "\n".join(rows)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.10g}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true", help="only make the environment of NeuroBench, in the user's cache")
    parser.add_argument("--json", type=Path, help="write all figures")
    arguments = parser.parse_args()
    if arguments.install:
        install_neurobench()
        return 0
    lines = compare(find_neurobench())
    print(machine.describe())
    print(table(lines))
    good = all(line.agrees for line in lines)
    print("every figure is equal, or its difference explained" if good else "NOT every difference is explained")
    if arguments.json:
        arguments.json.write_text(json.dumps([vars(line) for line in lines], indent=1) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
