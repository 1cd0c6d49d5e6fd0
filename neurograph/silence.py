"""Neurons that never spike on a sample: engines that agree on silence agree on little."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neurograph.network import Population

__all__ = ["nothing_spiked", "silence_warnings", "silent_populations"]

_NAMED = 3


def silent_populations(populations: Mapping[str, Population], counts: Mapping[str, int]) -> list[str]:
    """Populations of neurons without a spike; sources are none, nor is what sends numbers in place of spikes.

    Args:
        populations: of the network that ran, by name.
        counts: population → spikes in all samples and ticks; populations that are missing are not judged.
    """
    return [p.name for p in _spiking(populations) if counts.get(p.name) == 0]


def nothing_spiked(populations: Mapping[str, Population], counts: Mapping[str, int]) -> bool:
    """Whether a network has neurons that spike, and none of them did."""
    return bool(_spiking(populations)) and len(silent_populations(populations, counts)) == len(_spiking(populations))


def silence_warnings(populations: Mapping[str, Population], silent: Sequence[str], *, compared: bool = True) -> tuple[str, ...]:
    """A sentence where all populations were silent, or some; nothing where none was.

    Args:
        populations: of the network that ran, by name.
        silent: from :func:`silent_populations`.
        compared: whether engines were compared on the sample.
    """
    if not silent:
        return ()
    if len(silent) == len(_spiking(populations)):
        return (
            f"no neuron spiked on this sample{', so the comparison says little' if compared else ''}; "
            "scale the weights or the input up, or check the neurons' time constants (of a NIR file, those that its dialect gives)",
        )
    named = ", ".join(map(repr, silent[:_NAMED])) + (f" and {len(silent) - _NAMED:,} more" if len(silent) > _NAMED else "")
    what, them = ("population", "it") if len(silent) == 1 else ("populations", "them")
    return (
        f"{len(silent):,} of {len(_spiking(populations)):,} populations never spiked on this sample"
        f"{f', so the comparison says little of {them}' if compared else ''}: {what} {named}",
    )


def _spiking(populations: Mapping[str, Population]) -> list[Population]:
    return [p for p in populations.values() if not p.is_source and not p.is_real and not p.is_graded]
