"""SGHormer in the build ``paper``: the rectify block takes the running rate, which is real-valued. It trains, and is not exported."""

from __future__ import annotations

from dataclasses import dataclass

import scipy.sparse as sp
from torch import nn

from neurograph.models.sghormer import SGHormer, SGHormerConfig, SGHormerCore
from neurograph.nn import RateRectify

__all__ = ["SGHormerPaper", "SGHormerPaperConfig"]


@dataclass(frozen=True)
class SGHormerPaperConfig(SGHormerConfig):
    """The same settings; the kind of the config tells the build."""


class SGHormerPaper(SGHormer):
    """SGHormer with the rectify block as published (:class:`neurograph.nn.RateRectify`); to compare ``onchip`` with."""

    name = "sghormer-paper"
    config: SGHormerPaperConfig

    def build_core(self, graph: sp.csr_matrix) -> nn.Module:
        return SGHormerCore(self.config, graph, RateRectify)
