"""Level 1 in several accountings, the same for the spiking network and for one with real values: what is priced decides who wins.

    fp32                      E_MAC · multiply-adds + E_AC · synaptic events, 32-bit floats, the line of most papers
    fp32, zeros skipped       the same, without multiply-adds that meet a feature of 0, on both sides; of a network with real values that
                              was run, without those that meet any activation of 0
    b-bit activations         the network with real values quantised to b = ⌈log2(T + 1)⌉-bit activations, which carry what T spikes can
                              (Yan 2024, arXiv 2409.08290), and 8-bit weights; the spiking one with 8-bit additions
    …, with memory            what is read and written besides, and the arithmetic of addresses, after the split of Lemaire 2022
                              (arXiv 2210.13107) into compute, memory and addressing

What the spiking network's host does is priced as the same work of the other network is. Memory, in bits an inference; no value is used
twice from one read, on either side, and sums of a network with real values stay in a register:

    spiking       synaptic events · (weight + two of a sum of currents) + neuron updates · two of u and of v + spikes · an address;
                  a graded event reads its number too
    real values   multiply-adds · (weight + activation)
    both          an index for each event or multiply-add over a sparse matrix; one addition of 32 bits an address

A bit costs what it costs in the profile's SRAM of 32 KiB, low that of 8 KiB, high that of 1 MiB. The multiplier of a b-bit by an 8-bit
number is taken as b/8 of one of 8 by 8 bits (derived: its area and its switching grow with one operand's width).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from neurograph.hw_profiles.baselines import Baseline
from neurograph.hw_profiles.counts import Counts
from neurograph.hw_profiles.interval import Interval
from neurograph.hw_profiles.rules import mean
from neurograph.hw_profiles.schema import Profile

__all__ = ["SPARSE_HOST", "Accounting", "Cost", "Split", "accountings", "memory_bytes", "traffic_bits"]

SPARSE_HOST = "propagation"  # how the name of a host part ends that multiplies by a sparse matrix
_ADDRESS_BITS = 32
_STATES = ("states read", "states written")
_SRAM = ("sram_32kib_64b", "sram_8kib_64b", "sram_1mib_64b")  # value, low, high


@dataclass(frozen=True)
class Split:
    """Joules of an inference by where they go."""

    compute: Interval
    memory: Interval = field(default_factory=lambda: Interval.exactly(0.0))
    addressing: Interval = field(default_factory=lambda: Interval.exactly(0.0))

    @property
    def total(self) -> Interval:
        return self.compute + self.memory + self.addressing

    def __add__(self, other: Split) -> Split:
        return Split(self.compute + other.compute, self.memory + other.memory, self.addressing + other.addressing)

    def scaled(self, factor: float) -> Split:
        return Split(self.compute.scaled(factor), self.memory.scaled(factor), self.addressing.scaled(factor))


@dataclass(frozen=True)
class Cost:
    """Of a spiking network: ``fixed + per_event · events``, binary and graded ones, so that its break-even is known. Whatever follows the
    spikes (events, spikes and their addresses) is in ``per_event``, in the proportions of the run; host and states are fixed."""

    fixed: Split
    per_event: Split

    def at(self, events: float) -> Split:
        """Joules at so many events an inference."""
        return self.fixed + self.per_event.scaled(events)

    def break_even(self, other: Interval) -> float:
        """Synaptic events an inference at which the energy is ``other``; below 0 where what is fixed costs more already."""
        return (other.value - self.fixed.total.value) / self.per_event.total.value


@dataclass(frozen=True)
class Accounting:
    """One way to price arithmetic.

    Args:
        name: for people.
        number_format: of the multiply-adds of the network with real values.
        mac, graded_mac, addition: joules of one multiply-add of real values, of one graded event, and of one synaptic event's addition.
        weight_bits, activation_bits, state_bits: widths, for memory.
        bit: joules of a bit read or written, address: of one addition of an address; None: memory is not priced.
        skips_zeros: of the activations, as far as they are known.
    """

    name: str
    number_format: str
    mac: Interval
    graded_mac: Interval
    addition: Interval
    weight_bits: int
    activation_bits: int
    state_bits: int
    bit: Interval | None = None
    address: Interval | None = None
    skips_zeros: bool = False

    def spiking(self, counts: Counts, host_effective: Mapping[str, int]) -> Cost:
        """What the spiking network costs.

        Args:
            host_effective: of the host's multiply-adds, by name, those that meet no feature of 0.
        """
        macs = {name: host_effective.get(name, macs) if self.skips_zeros else macs for name, macs in counts.host_macs.items()}
        fixed = self._macs(sum(macs.values()), sum(n for name, n in macs.items() if name.endswith(SPARSE_HOST)))
        events, graded = mean(counts.synaptic_events), mean(counts.graded_events)
        compute = self.addition.scaled(events) + self.graded_mac.scaled(graded)
        if self.bit is None or self.address is None:
            moving = Split(compute)
        else:
            bits = traffic_bits(counts, self.weight_bits, self.state_bits)
            states = sum(bits[name] for name in _STATES)
            fixed += Split(Interval.exactly(0.0), self.bit.scaled(states))
            moving = Split(compute, self.bit.scaled(sum(bits.values()) - states), self.address.scaled(events + graded))
        return Cost(fixed, moving.scaled(1 / (events + graded)) if events + graded else self._lone_event())

    def real(self, baseline: Baseline) -> Split:
        """What a network with real values costs."""
        macs = baseline.effective_terms if self.skips_zeros else baseline.terms
        return self._macs(sum(macs.values()), sum(amount for name, amount in macs.items() if name in baseline.sparse))

    def terms(self, baseline: Baseline) -> dict[str, float]:
        """Joules by kind of work."""
        macs = baseline.effective_terms if self.skips_zeros else baseline.terms
        return {name: self._macs(n, n if name in baseline.sparse else 0).total.value for name, n in macs.items()}

    def _macs(self, macs: float, over_sparse: float) -> Split:
        compute = self.mac.scaled(macs)
        if self.bit is None or self.address is None:
            return Split(compute)
        bits = macs * (self.weight_bits + self.activation_bits) + over_sparse * _ADDRESS_BITS
        return Split(compute, self.bit.scaled(bits), self.address.scaled(macs))

    def _lone_event(self) -> Split:
        """One event of a silent network, over weights that are not sparse."""
        if self.bit is None or self.address is None:
            return Split(self.addition)
        return Split(self.addition, self.bit.scaled(self.weight_bits + 2 * self.state_bits), self.address)


def traffic_bits(counts: Counts, weight_bits: int, state_bits: int) -> dict[str, float]:
    """Bits that the spiking network reads and writes an inference, host left out, by what they are; means over samples.

    Args:
        weight_bits: of a weight. state_bits: of a sum of currents, of u and of v.
    """
    events = mean(counts.synaptic_events) + mean(counts.graded_events)
    return {
        "weights read": events * weight_bits,
        "indices read": sum(mean(p.synaptic_events) for p in counts.projections if p.indexed) * _ADDRESS_BITS,
        "numbers read": mean(counts.graded_events) * _ADDRESS_BITS,
        "sums read": events * state_bits,
        "sums written": events * state_bits,
        "states read": 2 * mean(counts.neuron_updates) * state_bits,
        "states written": 2 * mean(counts.neuron_updates) * state_bits,
        "spikes written": mean(counts.spikes) * _ADDRESS_BITS,
    }


def memory_bytes(counts: Counts, weight_bits: int = 8, state_bits: int = 24) -> dict[str, float]:
    """:func:`traffic_bits` in bytes, with the widths of a deployed network, whose u and v have 24 bits."""
    return {name: bits / 8 for name, bits in traffic_bits(counts, weight_bits, state_bits).items()}


def accountings(profile: Profile, ticks: int, *, skips_zeros: bool = False) -> tuple[Accounting, ...]:
    """What can be priced with the constants of a profile of level "operations".

    Args:
        ticks: T, which decides the width of quantised activations.
        skips_zeros: also the accounting that skips features of 0, where their number is known.
    """

    def price(key: str) -> Interval:
        return Interval(*profile.energy[key].si)

    mac, add = price("mac_fp32"), price("add_fp32")
    plain = Accounting("fp32", "fp32", mac, mac, add, 32, 32, 32)
    found = [plain]
    if skips_zeros:
        found.append(replace(plain, name=f"{plain.name}, zeros skipped", skips_zeros=True))
    bits = math.ceil(math.log2(ticks + 1))
    small = None
    if {"mac_int8", "add_int8"} <= set(profile.energy):
        mac8, add8 = price("mac_int8"), price("add_int8")
        narrow = _narrow(mac8, add8, bits)
        small = Accounting(f"{bits}-bit activations", f"int{bits} × int8", narrow, mac8, add8, 8, bits, 24)
        found.append(small)
        if skips_zeros:
            found.append(replace(small, name=f"{small.name}, zeros skipped", skips_zeros=True))
    bit, address = _bit(profile), price("add_int32") if "add_int32" in profile.energy else None
    if bit is not None and address is not None:
        for without in (plain, *(() if small is None else (small,))):
            found.append(replace(without, name=f"{without.name}, with memory", bit=bit, address=address))
    return tuple(found)


def _narrow(mac: Interval, add: Interval, bits: int) -> Interval:
    """A multiply-add of b by 8 bits: b/8 of the multiplier, the whole adder. Low: b additions; high: that of 8 by 8 bits, or of as many
    of them as hold b bits."""
    value = (mac.value - add.value) * bits / 8 + add.value
    return Interval(value, min(value, add.low * bits), mac.high * -(-bits // 8))


def _bit(profile: Profile) -> Interval | None:
    if not set(_SRAM) <= set(profile.energy):
        return None
    value, low, high = (profile.energy[key] for key in _SRAM)
    return Interval(value.si[0] / 64, min(value.si[0], low.si[1]) / 64, max(value.si[0], high.si[2]) / 64)
