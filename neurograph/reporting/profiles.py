"""The profiles of a report, each of a name of its own: placements and constants are told apart by it."""

from __future__ import annotations

from collections.abc import Sequence

from neurograph.hw_profiles import load
from neurograph.hw_profiles.schema import Profile, refuse_same_names

__all__ = ["load_profiles"]


def load_profiles(names: Sequence[str]) -> list[Profile]:
    """Read profiles.

    Args:
        names: names, or paths of TOML files.

    Raises:
        ProfileError: a profile that cannot be used. InputError: one twice, or two of one name.
    """
    loaded = [load(name) for name in names]
    refuse_same_names(loaded)
    return loaded
