"""Energy of SGHormer against a full-precision dense graph transformer of the same width: what is left of "153 times less".

    python benchmarks/sghormer_energy.py --data-root DIR [--datasets cora citeseer computers cs] [--ticks T] [--epochs N] [--models DIR]

arXiv 2403.17656 claims about 153 times less on average. Here every network is trained (seed 0, its settings), exported, run in the
fixed engine on its own graph, and counted; the dense one is counted by formula: one layer of softmax attention over all pairs of nodes, a
feed-forward of twice the width, readout, all in multiply-adds of fp32. Three ways to draw the line at level 1 (45 nm, 4.6 and 0.9 pJ):

all        everything: the encoder and the readout on the host, every feature multiplied, on both sides
sparse     the same, both sides skipping features that are 0
core       without encoder and readout on either side: spikes only against attention and feed-forward only

Level 2 prices the chip's events by the profile loihi1 (synapses, neuron updates and spikes; no placement, so no routing, and no static
power) and what is on the host at the host's nominal price; the dense network runs on that host. "chip/arithmetic" is the chip alone (its
events, no host) against the bare arithmetic of the dense core, which no machine reaches: the least favourable line. All of it is modelled;
the counts are exact.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import machine
import numpy as np
import scipy.sparse as sp
from rich.console import Console
from rich.table import Table

from neurograph import training
from neurograph.data import load
from neurograph.export.compile import compile_checkpoint
from neurograph.export.host import effective_macs, host_macs
from neurograph.export.targets import TARGETS
from neurograph.hw_profiles import load as load_profile
from neurograph.hw_profiles.baselines import graph_transformer
from neurograph.hw_profiles.counts import count
from neurograph.hw_profiles.energy import estimate, operations_energy
from neurograph.models import SGHormerConfig
from neurograph.reproduce.run import recorded_accuracy
from neurograph.sim import fixed
from neurograph.training import Checkpoint

DATASETS = ("cora", "citeseer", "computers", "cs")
CLAIM = 153
LINES = {"all": "all", "sparse": "sparse", "core": "core", "level_2": "level 2", "chip_over_arithmetic": "chip/arithmetic"}


@dataclass(frozen=True)
class Row:
    """One dataset; counts are those of one inference over the whole graph, energies in joules.

    Args:
        accuracy: on the test nodes, 0 to 1, of the fixed engine.
        additions: synaptic events. gate_additions: those of them into or out of gates.
        neurons, gates: populations' sizes.
        host, host_sparse: multiply-adds of encoder and readout; those that skip features of 0.
        dense, dense_sparse, dense_core: multiply-adds of the dense network, likewise.
        ratios: dense over spiking, by name.
    """

    dataset: str
    nodes: int
    epochs: int
    accuracy: float
    additions: int
    gate_additions: int
    spikes: int
    neurons: int
    gates: int
    host: int
    host_sparse: int
    dense: int
    dense_sparse: int
    dense_core: int
    chip_j: float
    ratios: dict[str, float]
    wall_s: float


def trained(name: str, root: Path | None, epochs: int | None, ticks: int | None, models: Path) -> Checkpoint:
    """The model file of a dataset, trained first where there is none."""
    path = models / (f"{name}.pt" if ticks is None else f"{name}-{ticks}.pt")
    if not path.is_file():
        settings = training.settings_for("sghormer", name)
        graph = settings.prepare(load(name, root))
        config = settings.config(graph, **({} if ticks is None else {"ticks": ticks}))
        result = training.train(config, graph, 0, settings.how(), epochs)
        training.save(path, result.model, graph, result)
    checkpoint = training.load(path)
    print(f"{name}: test {checkpoint.metrics['test_accuracy']:.1%} after {checkpoint.metrics['epochs']} epochs", file=sys.stderr)
    return checkpoint


def measure(checkpoint: Checkpoint) -> Row:
    """Export, run, count."""
    start = time.perf_counter()
    graph, config = checkpoint.graph, checkpoint.config
    assert isinstance(config, SGHormerConfig)
    compiled = compile_checkpoint(checkpoint, TARGETS["loihi2"])
    network = compiled.quantized
    assert network is not None
    run = fixed.run(network, compiled.inputs)
    nonzeros = graph.x.nnz if sp.issparse(graph.x) else int(np.count_nonzero(graph.x))
    encoder, readout = (compiled.host[name] for name in ("encoder.onnx", "readout.onnx"))
    read = host_macs(readout, graph.nodes)
    host = {"encoder": host_macs(encoder, graph.nodes), "readout": read}
    counts = count(network, run, host_macs=host)
    gates = {p.name for p in network.neurons if p.name.endswith(("map_write", "map_read"))}
    additions = int(counts.synaptic_events.mean())
    width = config.width
    dense = graph_transformer(
        nodes=graph.nodes, in_features=graph.features, width=width, classes=graph.classes, layers=config.blocks, ffn_width=2 * width
    )
    dense_core = dense.macs - dense.terms["input linear"] - dense.terms["readout"]
    dense_sparse = dense.macs - dense.terms["input linear"] + nonzeros * width
    host_sparse = effective_macs(encoder, nonzeros) + read
    chip = estimate(counts, load_profile("loihi1"))
    host_mac_j = chip.profile.energy["host_mac"].si[0]
    ratios = {
        "all": joules(dense.macs) / joules(sum(host.values()), additions),
        "sparse": joules(dense_sparse) / joules(host_sparse, additions),
        "core": joules(dense_core) / joules(0, additions),
        "level_2": host_mac_j * dense.macs / (chip.events_j.value + host_mac_j * sum(host.values())),
        "chip_over_arithmetic": joules(dense_core) / chip.events_j.value,
    }
    return Row(
        dataset=graph.name,
        nodes=graph.nodes,
        epochs=checkpoint.metrics["epochs"],
        accuracy=recorded_accuracy(checkpoint, run),
        additions=additions,
        gate_additions=sum(int(p.synaptic_events.mean()) for p in counts.projections if p.target in gates or p.source in gates),
        spikes=int(counts.neuron_spikes.mean()),
        neurons=counts.neurons,
        gates=sum(network.populations[name].size for name in gates),
        host=sum(host.values()),
        host_sparse=host_sparse,
        dense=dense.macs,
        dense_sparse=dense_sparse,
        dense_core=dense_core,
        chip_j=chip.events_j.value,
        ratios=ratios,
        wall_s=time.perf_counter() - start,
    )


def joules(macs: float, additions: float = 0) -> float:
    """Level 1, fp32 at 45 nm."""
    return operations_energy(load_profile("horowitz45"), macs=macs, additions=additions).value


def table(rows: list[Row]) -> Table:
    """Counts and ratios, and the mean ratio in the last line."""
    heads = (
        "data",
        "accuracy %",
        "epochs",
        "neurons",
        "of them gates",
        "additions",
        "at gates",
        "host MACs",
        "dense MACs",
        *LINES.values(),
    )
    result = Table(*heads, title="SGHormer: energy of one inference, dense over spiking")
    for row in rows:
        result.add_row(
            row.dataset,
            f"{100 * row.accuracy:.1f}",
            str(row.epochs),
            *(f"{value:,}" for value in (row.neurons, row.gates, row.additions)),
            f"{row.gate_additions / row.additions:.0%}",
            *(f"{value:,}" for value in (row.host, row.dense)),
            *(f"{row.ratios[name]:.1f}" for name in LINES),
        )
    means = (f"{np.mean([row.ratios[name] for row in rows]):.1f}" for name in LINES)
    result.add_row("mean", *[""] * (len(heads) - len(LINES) - 1), *means)
    return result


def main(args: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-root", type=Path, help="folder that holds Planetoid, Amazon and Coauthor")
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS), metavar="NAME", help=f"default {' '.join(DATASETS)}")
    parser.add_argument("--epochs", type=int, help="at most, of every dataset; default: as its settings say")
    parser.add_argument("--ticks", type=int, help="T; default: as the settings say, which is 4")
    parser.add_argument(
        "--models", type=Path, metavar="DIR", help="folder of model files NAME[-T].pt; those that are not there are trained"
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every row there")
    arguments = parser.parse_args(args)
    rows = []
    with tempfile.TemporaryDirectory() as empty:
        for name in arguments.datasets:
            checkpoint = trained(name, arguments.data_root, arguments.epochs, arguments.ticks, arguments.models or Path(empty))
            rows.append(measure(checkpoint))
            if arguments.json:
                arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    Console(width=200).print(table(rows))
    print(f"the claim to compare with (arXiv 2403.17656): about {CLAIM} times on average, published, level 1\n{machine.describe()}")


if __name__ == "__main__":
    main()
