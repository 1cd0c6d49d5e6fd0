"""Tuned settings by model and dataset. What is not named here is the default of the config and of the recipe."""

from __future__ import annotations

from typing import Any

from neurograph.data import GraphData
from neurograph.models import MODELS, ClassifierConfig
from neurograph.training.loop import Recipe

__all__ = ["preset"]

# Chosen by validation accuracy, never by test.
_SMALL = {"encoder_gain": 4.0, "input_dropout": 0.2, "spike_dropout": 0.2, "readout_dropout": 0.2}
_SGHORMER: dict[str, dict[str, Any]] = {
    "citeseer": {"encoder_shortcut": True},
    "karate": {"width": 16, "linear_dropout": 0.2, **_SMALL},
}
_MODEL: dict[str, dict[str, dict[str, Any]]] = {
    "spikegraphormer": {"cora": {}, "karate": {"attention_width": 8, "gnn_width": 16, **_SMALL}},
    "sghormer": _SGHORMER,
    "sghormer-paper": _SGHORMER,
}
_RECIPE: dict[str, dict[str, Any]] = {
    "cora": {},
    "karate": {"epochs": 50, "ramp": 10},
}


def preset(graph: GraphData, model: str = "spikegraphormer", **overrides: Any) -> tuple[ClassifierConfig, Recipe]:
    """Config and recipe for a graph: the tuned ones where its name has them, else the defaults.

    Args:
        graph: gives the sizes and the name.
        model: from :data:`neurograph.models.MODELS`.
        overrides: fields of the config, e.g. ``attention=False``.
    """
    sizes = {"in_features": graph.features, "classes": graph.classes, "nodes": graph.nodes}
    config = MODELS[model][1](**{**sizes, **_MODEL[model].get(graph.name, {}), **overrides})
    return config, Recipe(**_RECIPE.get(graph.name, {}))
