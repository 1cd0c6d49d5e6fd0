"""Training, settings by name, and model files."""

from neurograph.training.checkpoint import Checkpoint, load, only_graphs, save
from neurograph.training.loop import Files, Fit, accuracy, fit
from neurograph.training.recipe import Recipe
from neurograph.training.settings import Settings, preset, read_settings, settings_for
from neurograph.training.train import TrainingResult, fine_tune, mask_spikes, parameter_groups, train

__all__ = [
    "Checkpoint",
    "Files",
    "Fit",
    "Recipe",
    "Settings",
    "TrainingResult",
    "accuracy",
    "fine_tune",
    "fit",
    "load",
    "mask_spikes",
    "only_graphs",
    "parameter_groups",
    "preset",
    "read_settings",
    "save",
    "settings_for",
    "train",
]
