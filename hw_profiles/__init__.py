"""Hardware profiles, exact operation counts, energy and the report."""

from typing import TYPE_CHECKING, Any

from neurograph.hw_profiles.schema import Profile, load, names, placement_limits

if TYPE_CHECKING:
    from neurograph.hw_profiles.counts import Counts, count
    from neurograph.hw_profiles.energy import Estimate, estimate
    from neurograph.hw_profiles.routing import Routing

__all__ = ["Counts", "Estimate", "Profile", "Routing", "count", "estimate", "load", "names", "placement_limits"]
_COUNTING = {"Counts": "counts", "count": "counts", "Estimate": "energy", "estimate": "energy", "Routing": "routing"}


def __getattr__(name: str) -> Any:
    if name not in _COUNTING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # counting brings NumPy and SciPy, which reading a profile does without

    return getattr(import_module(f"{__name__}.{_COUNTING[name]}"), name)
