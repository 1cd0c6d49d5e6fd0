"""Hardware profiles, exact operation counts, energy and the report."""

from neurograph.hw_profiles.counts import Counts, count
from neurograph.hw_profiles.energy import Estimate, estimate
from neurograph.hw_profiles.routing import Routing
from neurograph.hw_profiles.schema import Profile, load, names, placement_limits

__all__ = ["Counts", "Estimate", "Profile", "Routing", "count", "estimate", "load", "names", "placement_limits"]
