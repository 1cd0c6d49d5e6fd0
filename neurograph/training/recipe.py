"""How a model is trained: plain values, the same for every model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from neurograph.errors import TrainingError
from neurograph.settings_fields import check_fields

__all__ = ["Recipe"]


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Args:
        epochs: at most.
        patience: epochs without a better validation accuracy after which to stop.
        learning_rate: Adam's.
        weight_decay: of the encoder only, and of all weights of a model that has none.
        consistency: weight of the consistency loss, reached after ``ramp`` epochs; 0 turns it off.
        temperature: that sharpens its target.
        parts: 1 for full batches; else each epoch draws so many random parts of the nodes, with a step on each and the edges inside it.
        precision: "float32", or "mixed": linear maps in bfloat16 while training. Neurons, sums over nodes and edges, the loss and all
            figures stay in float32.
        threads: of torch while training. One gives the same model on every machine, and is the fastest for graphs of Cora's size.
        weight_bits: 2 to 8 to train for so many bits: first in float, as without, then on from there (:func:`fine_tune`), for at most as
            many epochs again. None: as the config says, in float where that says nothing.

    Raises:
        TrainingError: a value out of its range.
    """

    epochs: int = 300
    patience: int = 50
    learning_rate: float = 0.01
    weight_decay: float = 5e-4
    consistency: float = 1.0
    temperature: float = 0.5
    ramp: int = 20
    parts: int = 1
    precision: Literal["float32", "mixed"] = "float32"
    threads: int = 1
    weight_bits: int | None = None

    def __post_init__(self) -> None:
        check_fields(self, "recipe", TrainingError, "; change it")
        for name in ("epochs", "patience", "ramp", "parts", "threads"):
            if getattr(self, name) < 1:
                raise TrainingError(f"recipe: {name} is {getattr(self, name)}, must be at least 1; change it")
        for name in ("learning_rate", "temperature"):
            if not getattr(self, name) > 0:
                raise TrainingError(f"recipe: {name} is {getattr(self, name)}, must be above 0; change it")
        for name in ("weight_decay", "consistency"):
            if not getattr(self, name) >= 0:
                raise TrainingError(f"recipe: {name} is {getattr(self, name)}, must be at least 0; change it")
