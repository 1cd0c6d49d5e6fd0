"""A target with the limits of its hardware profile: export knows no profiles, and a profile knows no targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurograph.export.targets import Target

__all__ = ["target"]


def target(name: str, profile: str | None = None) -> Target:
    """A target by name, as ``neurograph export --target`` takes it; a chip with the limits of its profile.

    Args:
        name: one of :data:`neurograph.export.targets.TARGETS`.
        profile: hardware profile in place of the target's own: a name, or the path of a TOML file.

    Raises:
        InputError: no such target, or a profile for one that is no chip. ProfileError, PlacementError: no such profile, or one without a
            limit that placement needs.
    """
    from neurograph.export import targets

    found = targets.find(name)
    if not found.chip:
        return found if profile is None else found.on(profile, "", {})  # which refuses by name, whatever the profile holds
    from neurograph.hw_profiles import load
    from neurograph.hw_profiles.schema import placement_limits

    loaded = load(profile or found.profile)
    return found.on(loaded.name, loaded.sha256, placement_limits(loaded))
