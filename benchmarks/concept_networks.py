"""Small networks that the pictures of docs/concepts show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neurograph import Compiled, Network, Population, Projection, compile_checkpoint, data, target, training
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.quantize import quantize
from neurograph.network import LIF, Source
from neurograph.weights import Dense

NEURON = LIF(0.25, 1.0)


def streamed() -> Network:
    """Three layers in a row, 4 ticks."""
    return align_delays(_network("input a b c", ("input a", "a b", "b c"), ticks=4))


def shortcut() -> Network:
    """Four layers in a row, and an edge from the first to the last, 3 ticks."""
    return align_delays(_network("a b c d", ("a b", "b c", "c d", "a d"), ticks=3, first=NEURON))


def one_neuron() -> tuple[Network, Network, Mapping[str, Any]]:
    """A neuron with 20 inputs over 60 ticks, float and with 4-bit weights, and its input."""
    rng = np.random.default_rng(3)
    weights = Dense(rng.normal(0.4, 1.2, (1, 20)))
    network = Network(
        {p.name: p for p in (Population("input", (20,), Source()), Population("neuron", (1,), LIF(0.1, 1.0)))},
        (Projection("input", "neuron", weights),),
        ticks=60,
        outputs=("neuron",),
    )
    inputs = {"input": (rng.random((60, 20)) < 0.15).astype(np.uint8)}
    aligned = align_delays(network)
    return aligned, quantize(aligned, inputs, bits=4)[0], inputs


def karate(folder: Path) -> tuple[Compiled, Compiled]:
    """SpikeGraphormer on the karate club, with 8 and with 4 bits."""
    graph = data.load("karate")
    config, recipe = training.preset(graph)
    result = training.train(config, graph, seed=0, recipe=recipe)
    training.save(folder / "karate.pt", result.model, graph, result)
    checkpoint = training.load(folder / "karate.pt")
    return compile_checkpoint(checkpoint, target("loihi2"), bits=8), compile_checkpoint(checkpoint, target("loihi2"), bits=4)


def _network(names: str, edges: tuple[str, ...], *, ticks: int, first: Any = None) -> Network:
    head, *others = names.split()
    populations = [Population(head, (1,), first or Source()), *(Population(name, (1,), NEURON) for name in others)]
    projections = tuple(Projection(*edge.split(), weights=Dense(np.ones((1, 1)))) for edge in edges)
    return Network({p.name: p for p in populations}, projections, ticks=ticks)
