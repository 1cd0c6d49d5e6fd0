"""The target that checkpoints are compiled for, a chip with the limits of its own profile."""

from __future__ import annotations

from neurograph.errors import InputError
from neurograph.export.targets import Target, find
from neurograph.hw_profiles import load, placement_limits

__all__ = ["target_of"]


def target_of(name: str) -> Target:
    """A target as ``export --target`` takes it.

    Raises:
        InputError: no such target, or one without the integer network that is counted.
    """
    target = find(name)
    if target.onnx:
        raise InputError(f"--target {name}: runs real values and no integer network must be there to be counted; choose a chip, or lava")
    if not target.chip:
        return target
    profile = load(target.profile)
    return target.on(profile.name, profile.sha256, placement_limits(profile))
