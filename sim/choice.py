"""Which of two runs a network: the compiled kernels, or NumPy, which knows every network and needs no compiler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurograph.errors import CompilerMissingError, UnsupportedError
from neurograph.network import FixedLIF, Network

if TYPE_CHECKING:
    from neurograph.sim.compiled.engine import Simulator

__all__ = ["refuse_limit", "simulator"]


def simulator(network: Network, compiled: bool | None, *, integer: bool) -> Simulator | None:
    """The compiled network; None where NumPy shall run it.

    Raises:
        UnsupportedError, CompilerMissingError: ``compiled`` is True, and the kernels do not know it or cannot be made.
    """
    alike = all(isinstance(p.neuron, FixedLIF) == integer for p in network.neurons)  # what is wrong with any other network NumPy says
    if compiled is False or not (alike or _has_values(network)) or (compiled is None and _has_values(network)):
        return None
    from neurograph.sim.compiled.engine import Simulator

    try:
        return Simulator(network)
    except CompilerMissingError:
        if compiled:
            raise
        return None


def refuse_limit(max_memory: int | None) -> None:
    """Refuse a limit that NumPy, which is about to run, would not keep.

    Raises:
        UnsupportedError: there is one.
    """
    if max_memory is not None:
        raise UnsupportedError(
            "this run in NumPy",
            [f"a limit of memory (--max-memory), {max_memory:,} bytes"],
            "leave it out; only the compiled engine keeps one, which needs a C compiler, Lava's rules and a network of binary spikes",
        )


def _has_values(network: Network) -> bool:
    """Whether something other than binary spikes goes from population to population."""
    return any(p.sends_numbers for p in network.populations.values())
