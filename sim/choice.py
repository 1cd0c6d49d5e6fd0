"""Which of two runs a network: the compiled kernels, or NumPy, which knows every network and needs no compiler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurograph.errors import CompilerMissingError
from neurograph.network import FixedLIF, Network, Source

if TYPE_CHECKING:
    from neurograph.sim.compiled.engine import Simulator

__all__ = ["simulator"]


def simulator(network: Network, compiled: bool | None) -> Simulator | None:
    """The compiled network; None where NumPy shall run it.

    Raises:
        UnsupportedError, CompilerMissingError: ``compiled`` is True, and the kernels do not know it or cannot be made.
    """
    if compiled is False or (compiled is None and not _known(network)):
        return None
    from neurograph.sim.compiled.engine import Simulator

    try:
        return Simulator(network)
    except CompilerMissingError:
        if compiled:
            raise
        return None


def _known(network: Network) -> bool:
    """Spikes, and neurons all of integers or none of them; what is wrong with any other network NumPy says."""
    if any(p.is_graded or p.is_real for p in network.populations.values()):
        return False
    return len({isinstance(p.neuron, FixedLIF) for p in network.neurons if not isinstance(p.neuron, Source)}) == 1
