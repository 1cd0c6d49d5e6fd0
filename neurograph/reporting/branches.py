"""The branches of one of our networks, by the names of its populations: what a network with real values of the same width is built like."""

from __future__ import annotations

import re
from dataclasses import dataclass

from neurograph.network import Network

__all__ = ["Branches", "branches_of"]


@dataclass(frozen=True)
class Branches:
    """Sizes.

    Args:
        width, blocks: of the attention branch; of a network that has none, of its output, and 1.
        has_ffn: whether its blocks have a feed-forward part.
        gnn_width, gnn_layers: of graph convolutions beside it; 0 where there are none.
    """

    width: int
    blocks: int
    has_ffn: bool
    gnn_width: int
    gnn_layers: int

    @property
    def widest(self) -> int:
        return max(self.width, self.gnn_width)


def branches_of(network: Network) -> Branches:
    """Of a network that was exported from one of our models; of any other, one branch as wide as its output."""
    widths = {name: network.populations[name].shape[-1] for name in network.outputs}
    beside = {name: width for name, width in widths.items() if name.startswith("gnn_")}
    if len(beside) == len(widths):  # graph convolutions alone are the one branch
        beside = {}
    main = [width for name, width in widths.items() if name not in beside]
    names = " ".join(network.populations)
    blocks, layers = (len(set(re.findall(pattern, names))) for pattern in (r"(?:\b|_)blocks_(\d+)_", r"gnn_layers_(\d+)_"))
    gnn = (max(beside.values()), max(1, layers)) if beside else (0, 0)
    return Branches(max(main), max(1, blocks), "_ffn" in names, *gnn)
