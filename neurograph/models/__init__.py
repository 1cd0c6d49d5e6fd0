"""Models by name, each a :class:`SpikingClassifier`; :mod:`~neurograph.models.baselines` has the networks that they are compared with.

The baselines are not imported here: PyTorch Geometric, which they stand on, takes seconds to load.
"""

import numpy as np
from numpy.typing import NDArray

from neurograph.models.classifier import ClassifierConfig, SpikingClassifier
from neurograph.models.sghormer import SGHormer, SGHormerConfig
from neurograph.models.sghormer_paper import SGHormerPaper, SGHormerPaperConfig
from neurograph.models.spikegraphormer import SpikeGraphormer, SpikeGraphormerConfig, SpikeGraphormerCore
from neurograph.models.spikegraphormer_paper import SpikeGraphormerPaper, SpikeGraphormerPaperConfig

__all__ = [
    "BASELINE_NAMES",
    "MODELS",
    "ClassifierConfig",
    "SGHormer",
    "SGHormerConfig",
    "SGHormerPaper",
    "SGHormerPaperConfig",
    "SpikeGraphormer",
    "SpikeGraphormerConfig",
    "SpikeGraphormerCore",
    "SpikeGraphormerPaper",
    "SpikeGraphormerPaperConfig",
    "SpikingClassifier",
    "build",
]

BASELINE_NAMES = ("mlp", "gcn", "gat", "sgc", "transformer", "sgformer", "spikinggcn", "gin")  # of neurograph.models.baselines
MODELS: dict[str, tuple[type[SpikingClassifier], type[ClassifierConfig]]] = {
    SpikeGraphormer.name: (SpikeGraphormer, SpikeGraphormerConfig),
    SpikeGraphormerPaper.name: (SpikeGraphormerPaper, SpikeGraphormerPaperConfig),
    SGHormer.name: (SGHormer, SGHormerConfig),
    SGHormerPaper.name: (SGHormerPaper, SGHormerPaperConfig),
}


def build(config: ClassifierConfig, edge_index: NDArray[np.int64], batch: NDArray[np.int64] | None = None) -> SpikingClassifier:
    """The model of a config on a graph, (2, E) both directions of every edge, with start weights from torch's generator.

    Args:
        batch: the graph of each node, (N,), where whole graphs are classified.

    Raises:
        ValueError: values that do not go together.
    """
    (model,) = (model for model, kind in MODELS.values() if type(config) is kind)
    return model(config, edge_index) if batch is None else model(config, edge_index, batch)
