"""Models: SpikeGraphormer and the dense networks that it is compared with."""

from neurograph.models.baselines import GCN, GraphTransformer
from neurograph.models.spikegraphormer import SpikeGraphormer, SpikeGraphormerConfig, SpikeGraphormerCore

__all__ = ["GCN", "GraphTransformer", "SpikeGraphormer", "SpikeGraphormerConfig", "SpikeGraphormerCore"]
