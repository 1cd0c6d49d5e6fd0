"""Tuned settings by dataset. What is not named here is the default of the config and of the recipe."""

from __future__ import annotations

from typing import Any

from neurograph.data import GraphData
from neurograph.models import SpikeGraphormerConfig
from neurograph.training.loop import Recipe

__all__ = ["preset"]

# Chosen by validation accuracy, never by test.
_MODEL: dict[str, dict[str, Any]] = {
    "cora": {},
    "karate": {
        "attention_width": 8,
        "gnn_width": 16,
        "encoder_gain": 4.0,
        "input_dropout": 0.2,
        "spike_dropout": 0.2,
        "readout_dropout": 0.2,
    },
}
_RECIPE: dict[str, dict[str, Any]] = {
    "cora": {},
    "karate": {"epochs": 50, "ramp": 10},
}


def preset(graph: GraphData, **overrides: Any) -> tuple[SpikeGraphormerConfig, Recipe]:
    """Config and recipe for a graph: the tuned ones where its name has them, else the defaults.

    Args:
        graph: gives the sizes and the name.
        overrides: fields of the config, e.g. ``attention=False``.
    """
    sizes = {"in_features": graph.features, "classes": graph.classes, "nodes": graph.nodes}
    config = SpikeGraphormerConfig(**{**sizes, **_MODEL.get(graph.name, {}), **overrides})
    return config, Recipe(**_RECIPE.get(graph.name, {}))
