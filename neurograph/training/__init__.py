"""Training, tuned presets and model files."""

from neurograph.training.checkpoint import Checkpoint, load, save
from neurograph.training.loop import Fit, Recipe, TrainingResult, accuracy, fine_tune, fit, mask_spikes, train
from neurograph.training.presets import preset

__all__ = [
    "Checkpoint",
    "Fit",
    "Recipe",
    "TrainingResult",
    "accuracy",
    "fine_tune",
    "fit",
    "load",
    "mask_spikes",
    "preset",
    "save",
    "train",
]
