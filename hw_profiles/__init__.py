"""Hardware profiles, exact operation counts, energy and the report."""

from neurograph.hw_profiles.counts import Counts, count
from neurograph.hw_profiles.energy import Estimate, estimate
from neurograph.hw_profiles.schema import Profile, load, names

__all__ = ["Counts", "Estimate", "Profile", "count", "estimate", "load", "names"]
