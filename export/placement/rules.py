"""The rules of the target, one function each. A placement is good where every rule's share of its limit is at most 1.

A rule looks at one core at a time (``Rule.per_core``), or at the network as it is, which no splitting changes (``network_rules``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neurograph.errors import PlacementError
from neurograph.export.placement.grids import Array, Link, placed
from neurograph.export.placement.limits import Limits
from neurograph.export.placement.packing import weight_bits
from neurograph.export.placement.usage import Usage
from neurograph.graded import message_range
from neurograph.network import FixedLIF, Network, Population
from neurograph.sim import timing

__all__ = ["CORE_RULES", "NETWORK_RULES", "Utilisation", "binding", "broken", "check", "fan_in_of", "utilisation"]


@dataclass(frozen=True)
class Utilisation:
    """How much of a limit is used where it is used most.

    Args:
        rule: name. used, limit: in ``unit``.
        where: the core, population or projection.
        mean: over cores, in the same unit; None for rules about the network.
    """

    rule: str
    used: int
    limit: int
    unit: str
    where: str
    mean: float | None = None

    @property
    def share(self) -> float:
        return self.used / self.limit if self.limit else (0.0 if not self.used else float("inf"))


def neurons(usage: Usage, limits: Limits) -> tuple[Array, int, str]:
    """A core steps so many neurons."""
    return usage.neurons, limits.neurons, "neurons"


def synaptic_memory(usage: Usage, limits: Limits) -> tuple[Array, int, str]:
    """The lists of synapses of a core, as packed, fit its synaptic memory."""
    return usage.synaptic_bits, limits.synaptic_bits, "bits"


def input_axons(usage: Usage, limits: Limits) -> tuple[Array, int, str]:
    """Every source neuron with a synapse in a core takes one of its input axons."""
    return usage.input_axons, limits.input_axons, "axons"


def output_axons(usage: Usage, limits: Limits) -> tuple[Array, int, str]:
    """Every core that a neuron's spikes go to takes one output axon of the neuron's core."""
    return usage.output_axons, limits.output_axons, "axons"


def fan_out(usage: Usage, limits: Limits) -> tuple[Array, int, str]:
    """One neuron's spikes reach so many cores."""
    return usage.fan_out, limits.fan_out, "cores"


def parameter_sets(usage: Usage, limits: Limits) -> tuple[Array, int, str]:
    """The neurons of a core share so many sets of decays and resets."""
    return usage.parameter_sets, limits.parameter_sets, "sets"


def thresholds(usage: Usage, limits: Limits) -> tuple[Array, int, str]:
    """The neurons of a core share so many thresholds."""
    return usage.thresholds, limits.thresholds, "thresholds"


def fan_in(network: Network, links: tuple[Link, ...], limits: Limits) -> Utilisation:
    """One neuron hears so many synapses, however the network is split."""
    most, where = 0, "none"
    for population in placed(network):
        count = int(fan_in_of(network, links, population.name).max(initial=0))
        if count > most:
            most, where = count, f"population {population.name!r}"
    return Utilisation("fan_in", most, limits.fan_in, "synapses", where)


def delay(network: Network, links: tuple[Link, ...], limits: Limits) -> Utilisation:
    """A synapse holds a spike back for so many machine steps beyond the first."""
    longest = max(links, key=lambda link: link.projection.delay or 1, default=None)
    if longest is None:
        return Utilisation("delay", 0, limits.delay, "steps", "none")
    return Utilisation("delay", (longest.projection.delay or 1) - 1, limits.delay, "steps", f"projection {longest.projection.name}")


def weight_precision(network: Network, links: tuple[Link, ...], limits: Limits) -> Utilisation:
    """A stored weight has so many bits."""
    widest = max(links, key=lambda link: weight_bits(link.projection), default=None)
    if widest is None:
        return Utilisation("weight_precision", 0, limits.weight_bits, "bits", "none")
    return Utilisation(
        "weight_precision", weight_bits(widest.projection), limits.weight_bits, "bits", f"projection {widest.projection.name}"
    )


def message_bits(network: Network, links: tuple[Link, ...], limits: Limits) -> Utilisation:
    """A graded spike carries so many bits, sign included; a target that has none sends binary spikes only."""
    most, where = 0, "none"
    for population in network.populations.values():
        if population.is_graded:
            low, high = message_range(network, population.name)
            bits = 1 + int(max(high.max(), -low.min())).bit_length()
            if bits > most:
                most, where = bits, f"population {population.name!r}"
    return Utilisation("message_bits", most, limits.graded_bits, "bits", where)


def programmable(network: Network, links: tuple[Link, ...], limits: Limits) -> Utilisation:
    """So many populations subtract their threshold, go to another v_reset than rest, or hold still between ticks; 0 may where neurons are
    not programmable."""
    gated = network.gated and timing.has_lags(network)
    needs = [p.name for p in network.neurons if gated or _beyond_rest(p)]
    limit = len(network.neurons) if limits.programmable else 0
    return Utilisation("programmable", len(needs), limit, "populations", f"population {needs[0]!r}" if needs else "none")


def _beyond_rest(population: Population) -> bool:
    neuron = population.neuron
    return isinstance(neuron, FixedLIF) and (neuron.reset == "subtract" or bool(np.any(neuron.v_reset)))


CoreRule = Callable[[Usage, Limits], "tuple[Array, int, str]"]
NetworkRule = Callable[[Network, "tuple[Link, ...]", Limits], Utilisation]
CORE_RULES: tuple[CoreRule, ...] = (neurons, synaptic_memory, input_axons, output_axons, fan_out, parameter_sets, thresholds)
NETWORK_RULES: tuple[NetworkRule, ...] = (fan_in, delay, weight_precision, message_bits, programmable)
_WAYS_OUT = {
    "programmable": "export the model for this chip, where loops and skips need no neurons that hold still between ticks; "
    "a reset by subtraction, or to another value than rest, is trained away",
    "fan_in": "prune the synapses, or, for a sum over nodes, compile for a target with graded spikes and its limits: the pass graded_sums "
    "makes it a tree",
    "delay": "shorten the path, or put relay populations on it",
    "message_bits": "take a target whose graded spikes have as many bits, or export the model for this one",
    "weight_precision": "export with fewer --weight-bits",
}


def fan_in_of(network: Network, links: tuple[Link, ...], name: str) -> Array:
    """Synapses into each neuron of a population, shape (size,)."""
    total = np.zeros(network.populations[name].size, dtype=np.int64)
    for link in links:
        if link.projection.target == name:
            total += np.multiply.outer(np.diff(link.left.indptr), link.right.sum(axis=1)).ravel()
    return total


def utilisation(usage: Usage, network: Network, links: tuple[Link, ...], limits: Limits) -> tuple[Utilisation, ...]:
    """Every rule, each where it is used most."""
    found = []
    for rule in CORE_RULES:
        used, limit, unit = rule(usage, limits)
        at = int(used.argmax()) if len(used) else 0
        found.append(
            Utilisation(rule.__name__, int(used.max(initial=0)), limit, unit, f"core {at}", float(used.mean()) if len(used) else 0.0)
        )
    return tuple(found + [rule(network, links, limits) for rule in NETWORK_RULES])


def binding(rules: tuple[Utilisation, ...]) -> Utilisation:
    """The rule that decides how many cores are needed: of the rules on cores, the one that uses most of its limit on average."""
    return max((rule for rule in rules if rule.mean is not None), key=lambda rule: (rule.mean or 0.0) / rule.limit)


def broken(usage: Usage, limits: Limits) -> Array:
    """Cores that break a rule, bool (K,)."""
    bad = np.zeros(usage.cores, dtype=bool)
    for rule in CORE_RULES:
        used, limit, _ = rule(usage, limits)
        bad |= used > limit
    return bad


def check(rules: tuple[Utilisation, ...], limits: Limits) -> None:
    """Refuse a placement that breaks a rule.

    Raises:
        PlacementError: every broken rule with where, value, limit and way out.
    """
    offenders = [
        f"{rule.where}: {rule.rule} is {rule.used:,} {rule.unit}, {limits.target} has {rule.limit:,}"
        for rule in rules
        if rule.used > rule.limit
    ]
    if offenders:
        ways = dict.fromkeys(
            _WAYS_OUT.get(rule.rule, "spread the core's neurons over more cores") for rule in rules if rule.used > rule.limit
        )
        raise PlacementError(f"placement on {limits.target}: {'; '.join(offenders)}; {'; '.join(ways)}")
