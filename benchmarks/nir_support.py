"""What of NIR runs where: every primitive in the float engine, in ONNX Runtime, in the fixed engine, in Lava and in lava-dl's netx.

    python benchmarks/nir_support.py            prints the table
    python benchmarks/nir_support.py --write    puts it into docs/nir_support.md

Each cell is a run of 12 ticks on random spikes. "exact": the same spikes as the engine in brackets below, in every population and tick;
Lava runs twice, in floating point against the float engine and in fixed point against the fixed engine, voltages included. Otherwise the
cell says what refused and why. All networks that can run in Lava go through it at once, as one network of many parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from nir_primitives import TICKS, graphs
from pages import print_or_write, table

from neurograph.errors import NeurographError, UnsupportedError
from neurograph.export.lava_dl.quantize import check_netx, quantize_for_netx
from neurograph.export.lower import lower
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.bias_source import bias_source
from neurograph.export.passes.expand_products import expand_products
from neurograph.export.quantize import quantize
from neurograph.export.targets import TARGETS, check_target
from neurograph.export.targets.onnx import onnx_model, to_bytes
from neurograph.network import Network
from neurograph.sim import fixed, floating, onnx_engine
from neurograph.sim.inputs import prepare
from neurograph.sim.lava import engine as lava
from neurograph.sim.lava import netx
from neurograph.sim.lava.chain import chain_of
from neurograph.sim.parity import Comparison, compare
from neurograph.sim.recording import Recording

EXACT = "exact"
COLUMNS = ("float", "ONNX", "fixed", "Lava", "netx")
PAGE = "docs/nir_support.md"


@dataclass
class Row:
    """One network on its way through the columns."""

    network: Network
    inputs: Mapping[str, Any]
    cells: dict[str, str]
    quantized: Network | None = None


def rows() -> dict[str, Row]:
    """Every row with its cells but Lava's and netx's filled in."""
    found = {}
    for index, (name, (graph, time, shape)) in enumerate(graphs().items()):
        network = lower(graph, time)
        inputs = {"input": np.random.default_rng(index).random((TICKS, *shape)) < 0.4}
        row = Row(network, inputs, {"float": "runs"})
        expected = floating.run(network, inputs)
        if not all(np.any(expected.spikes[p.name]) for p in network.neurons):
            raise SystemExit(f"{name}: a population is silent, which shows nothing")
        row.cells["ONNX"] = _verdict(lambda row=row: _onnx(row))
        row.cells["fixed"] = _verdict(lambda row=row: _fixed(row))
        found[name] = row
    return found


def _verdict(run: Any) -> str:
    try:
        return str(run())
    except UnsupportedError as error:
        return f"no: {'; '.join(error.offenders)}"
    except NeurographError as error:
        return f"no: {error}"


def _onnx(row: Row) -> str:
    model = to_bytes(onnx_model(row.network, record="all"))
    return _compared(compare(row.network, floating.run(row.network, row.inputs), onnx_engine.run(model, row.network, row.inputs)))


def _compared(result: Comparison) -> str:
    return EXACT if result.ok else f"{result.mismatched_spikes} of {result.compared} spikes differ"


def _fixed(row: Row) -> str:
    network = align_delays(bias_source(row.network))
    row.quantized, _ = quantize(network, row.inputs)
    run = fixed.run(row.quantized, row.inputs)
    same = np.mean([np.mean(run.spikes[p.name] == floating.run(row.network, row.inputs).spikes[p.name]) for p in row.network.neurons])
    row.network = network
    return f"runs ({same:.0%} of the float spikes)"


def through_lava(found: dict[str, Row]) -> None:
    """Fill in Lava's cells: one run in floating point, one in fixed point, of all networks side by side."""
    here = {f"r{i}": row for i, row in enumerate(found.values()) if row.quantized is not None and "Lava" not in row.cells}
    inputs = {f"{prefix}.{name}": value for prefix, row in here.items() for name, value in row.inputs.items()}
    # Side by side they share one clock: that of the network whose loops need most machine steps a tick.
    floats = align_delays(beside({k: row.network for k, row in here.items()}))
    integers = align_delays(beside({k: row.quantized for k, row in here.items()}))
    runs = {
        "float": (floating.run(floats, inputs), lava.run(floats, inputs, engine="float", timeout_s=500.0)),
        "fixed": (fixed.run(integers, inputs), lava.run(integers, inputs, engine="fixed", timeout_s=500.0)),
    }
    _fill("Lava", found, integers, runs)
    for row in found.values():
        if row.quantized is None:
            row.cells["Lava"] = row.cells["fixed"]


def through_netx(found: dict[str, Row]) -> None:
    """Fill in netx's cells: integers of the kind that a .net file holds, all networks side by side in one file."""
    target = TARGETS["netx"]
    here: dict[str, Network] = {}
    for index, row in enumerate(found.values()):
        try:
            check_target(row.network, target)
            check_netx(row.network)
            network = align_delays(expand_products(bias_source(row.network, timed=True, first_too=True)), programmable=target.programmable)
            here[f"r{index}"], _ = quantize_for_netx(network, row.inputs)
            chain_of(here[f"r{index}"], {key: bias[0] for key, bias in prepare(here[f"r{index}"], row.inputs).bias.items()})
        except UnsupportedError as error:
            here.pop(f"r{index}", None)
            row.cells["netx"] = f"no: {'; '.join(error.offenders)}"
    inputs = {f"r{i}.{key}": value for i, row in enumerate(found.values()) if f"r{i}" in here for key, value in row.inputs.items()}
    whole = beside(here)
    _fill("netx", found, whole, {"": (fixed.run(whole, inputs), netx.run(whole, inputs, timeout_s=500.0))})


def _fill(column: str, found: dict[str, Row], whole: Network, runs: Mapping[str, tuple[Recording, Recording]]) -> None:
    """Compare two recordings of many networks, network by network; a run's name stands before what it found."""
    for index, row in enumerate(found.values()):
        mine = {k: p for k, p in whole.populations.items() if k.startswith(f"r{index}.")}
        if not mine:
            continue
        part = replace(whole, populations=mine, projections=(), outputs=())
        wrong = []
        for kind, (ours, theirs) in runs.items():
            result = compare(part, ours, theirs, voltages=kind == "fixed")
            if not result.ok:
                wrong.append(f"{kind} {result.mismatched_spikes} spikes of {result.compared} differ".strip())
        row.cells[column] = "; ".join(wrong) or EXACT


def beside(networks: Mapping[str, Network]) -> Network:
    """One network of many that do not know each other; names get the prefix."""
    populations, projections = {}, []
    for prefix, network in networks.items():
        populations |= {f"{prefix}.{k}": replace(p, name=f"{prefix}.{k}") for k, p in network.populations.items()}
        projections += [replace(p, source=f"{prefix}.{p.source}", target=f"{prefix}.{p.target}") for p in network.projections]
    return Network(populations, tuple(projections), TICKS, dt=next(iter(networks.values())).dt)


def page() -> str:
    """The page of the documentation."""
    found = rows()
    through_lava(found)
    through_netx(found)
    cells = [[name, *(row.cells[column] for column in COLUMNS)] for name, row in found.items()]
    return _TEXT.format(table=table(["", *COLUMNS], cells), ticks=TICKS)


_TEXT = """# What of NIR runs where

Made by `python benchmarks/nir_support.py --write`; a test runs it again and compares. Each row is a small network, driven for {ticks} ticks
with random spikes. *exact*: the same spikes in every population and tick as the float engine (ONNX Runtime, Lava in floating point) or
as the fixed engine (Lava in fixed point, u and v included; netx). *fixed* runs on 8-bit weights, so its spikes are not those of the float
engine; their share is given. *no*: refused by name, with the reason.

Inputs here are spikes. A static current goes into neurons without synaptic state (LIF, IF) everywhere, into CubaLIF in float and ONNX only;
real values that change from tick to tick are for float and ONNX ([own models](own_models.md)).

{table}
"""


if __name__ == "__main__":
    print_or_write(__doc__, PAGE, page)
