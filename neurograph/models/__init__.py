"""Models: SpikeGraphormer; :mod:`~neurograph.models.baselines` has the dense networks that it is compared with.

The baselines are not imported here: PyTorch Geometric, which they stand on, takes seconds to load.
"""

from neurograph.models.spikegraphormer import SpikeGraphormer, SpikeGraphormerConfig, SpikeGraphormerCore

__all__ = ["SpikeGraphormer", "SpikeGraphormerConfig", "SpikeGraphormerCore"]
