"""Several bundles: a report of each, set side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurograph.hw_profiles.report.compare import compare
from neurograph.report_profiles import PROFILES
from neurograph.reporting.bundle import report_of

__all__ = ["comparison_of", "distinct_names"]


def comparison_of(bundles: Sequence[Any], profiles: Sequence[str] = PROFILES) -> dict[str, Any]:
    """Bundles side by side, each on its own sample; the first is what the others are compared with.

    Args:
        bundles: as :func:`neurograph.export.bundle.open_bundle` gives them, each of another folder.
        profiles: names, or paths of TOML files.

    Raises:
        InputError: fewer than two, or a folder twice; two profiles of one name. ProfileError: a profile that cannot be used.
        BundleError: a bundle has no integers.
    """
    return compare([report_of(bundle, profiles) for bundle in bundles], distinct_names([bundle.path for bundle in bundles]))


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of the folders' paths that tell them apart: a/bundle and b/bundle, or x and y."""
    parts = [path.resolve().parts for path in paths]
    deepest = max(len(part) for part in parts)
    for depth in range(1, deepest + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]
