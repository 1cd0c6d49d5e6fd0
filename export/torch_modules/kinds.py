"""The module map: which modules are taken as one step, which are looked into, and which are refused by name."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from neurograph.export.torch_modules import norse, own, snntorch
from neurograph.export.torch_modules.frameworks import GraphBatchNorm, pyg
from neurograph.export.torch_modules.linear import LINEAR, reason
from neurograph.export.torch_modules.neurons import Neuron, RefusedError

__all__ = ["CONVOLUTIONS", "Kind", "kind_of_module", "qualified_name"]

CONVOLUTIONS = (pyg.GCNConv, pyg.SAGEConv, pyg.GINConv, pyg.SGConv)
_LOOK_INSIDE = (nn.Sequential, nn.ModuleList, nn.ModuleDict, *norse.CONTAINERS, pyg.Sequential, GraphBatchNorm, *CONVOLUTIONS)
_SAME = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
_RESHAPES = (nn.Flatten, nn.Unflatten)
# Their classes are either known here or have no counterpart; what anybody else wrote is looked into.
_FRAMEWORKS = ("torch.nn", "torch.ao", "torchvision.ops", "norse.torch.module", "snntorch", "torch_geometric.nn", "spikingjelly", "sinabs")
_MODELS = ("torch_geometric.nn.models", "spikingjelly.activation_based.model", "torchvision.models")


@dataclass(frozen=True)
class Kind:
    """How one module is taken.

    Args:
        name: qualified name of its class.
        same: what comes in goes out (dropout in eval mode).
        reshapes: only the shape changes.
        refused: why it has no counterpart.
        neuron: it is one.
    """

    name: str
    same: bool = False
    reshapes: bool = False
    refused: str | None = None
    neuron: Neuron | None = None


def qualified_name(module: nn.Module) -> str:
    """``package.module.Class``."""
    return f"{type(module).__module__}.{type(module).__qualname__}"


def kind_of_module(module: nn.Module) -> Kind | None:
    """How it is taken; None: look inside."""
    name = qualified_name(module)
    try:
        if snntorch.is_neuron(module):
            return Kind(name, neuron=snntorch.describe(module))
        for base in type(module).__mro__:
            if getattr(base, "forward", None) is not type(module).forward:
                break  # a class of the user's own, with another forward
            for table in (norse.NEURONS, own.NEURONS):
                if base in table:
                    return Kind(name, neuron=table[base](module))
            if base in LINEAR:
                why = reason(module)
                return Kind(name, refused=f"{name} ({why})" if why else None)
            if base in _SAME or base in _RESHAPES:
                return Kind(name, same=base in _SAME, reshapes=base in _RESHAPES)
    except RefusedError as error:
        return Kind(name, refused=f"{name} ({error})")
    if isinstance(module, _LOOK_INSIDE) or name.startswith(_MODELS):
        return None
    return Kind(name, refused=name) if name.startswith(tuple(f"{f}." for f in _FRAMEWORKS)) else None
