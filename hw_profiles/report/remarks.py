"""Remarks that every rendering of a report makes in the same words, so that Markdown, HTML and LaTeX cannot differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from neurograph.hw_profiles.report.text import number, several, si
from neurograph.hw_profiles.schema import NO_LIMITS

__all__ = [
    "ABOUT_ACCOUNTINGS",
    "ABOUT_HEADLINE",
    "BELOW_BREAK_EVEN",
    "MARK",
    "NO_HOST",
    "about_assumed",
    "amount",
    "below_energies",
    "constants_of_rivals",
    "effective",
    "how_counted",
    "listed",
    "marked",
    "refused",
    "rivals_of",
    "without_host",
]

Found = Mapping[str, Any]
MARK = "†"  # of a profile whose chip refused the network
NO_HOST = "‡"  # of a profile that does not price what the host does
ABOUT_HEADLINE = (
    "Energy of a network with real values over that of this one: above 1 the spiking network needs less. Each line is on one level.",
    "From low to high: on level *operations* all constants low together or high together, which both sides share; on level *chip events*",
    "the chip's constants and the host's price each anywhere in their ranges, the host the same on both sides.",
)
ABOUT_ACCOUNTINGS = (
    "*b-bit*: activations of ⌈log2(T + 1)⌉ bits, which carry what T spikes can, times 8-bit weights. *With memory*: reads and writes",
    "of weights, states, sums and spikes, and the arithmetic of addresses; no value is used twice from one read.",
)
BELOW_BREAK_EVEN = "Below the break-even activity (events a synapse) the spiking network needs less energy at this level."


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def rivals_of(report: Found) -> tuple[dict[str, float], list[str]]:
    """Networks with real values: those trained and counted in a run (name → test accuracy), and those counted by formula."""
    trained = {b["name"].removesuffix(", trained"): b["accuracy"] for b in report["baselines"] if "accuracy" in b}
    formula = dict.fromkeys(b["name"] for b in report["baselines"] if "accuracy" not in b)
    return trained, list(formula)


def how_counted(report: Found) -> str:
    """How the multiply-adds of the networks with real values were counted; empty without any."""
    trained, formula = rivals_of(report)
    said = []
    if trained:
        said.append(f"of the trained {listed(list(trained))} in a run")
    if formula:
        said.append(f"of the {listed(formula)} by formula")
    return f"Multiply-adds {' and '.join(said)}." if said else ""


def constants_of_rivals(report: Found) -> str:
    """Which constants the networks with real values are priced by."""
    return f"Level *operations*, constants of {report['baselines'][0]['profile']}; the spiking side has its host multiply-adds in it."


def below_energies(report: Found) -> Iterator[str]:
    """The lines below a table of energies by profile: refused chips, what the host is priced at, several chips."""
    profiles = report["profiles"]
    yield from _about_refused(profiles)
    yield from _about_host(profiles)
    yield from _about_host_price(report)
    yield from _about_chips(profiles)


def refused(p: Found) -> bool:
    """Whether the profile's chip has no place for the network."""
    return bool(p.get("placement_refused"))


def marked(p: Found) -> str:
    """The profile's name, with :data:`MARK` where it refused the network and :data:`NO_HOST` where its energy has no host in it."""
    marks = (MARK if refused(p) else "") + (NO_HOST if without_host(p) else "")
    return f"{p['name']}\u00a0{marks}" if marks else str(p["name"])


def without_host(p: Found) -> bool:
    """Whether the host does something and the profile's energy is without it."""
    return p["energy_j"]["total"] is not None and p["host_share"] is None


def _about_host(profiles: Sequence[Found]) -> Iterator[str]:
    """A line for the profiles that do not price what the host does."""
    names = [p["name"] for p in profiles if without_host(p)]
    if names:
        yield (
            f"{NO_HOST} {listed(names)}: the host's multiply-adds are counted and not priced there, so energy is the chip's alone: "
            "compare it with *on chip* of the others, not with their energy."
        )


def _about_host_price(report: Found) -> Iterator[str]:
    """A line for the profiles whose price of the host's work is an assumption; *statuses* are of the chip's constants."""
    assumed = {c["profile"] for c in report.get("constants", ()) if c["name"] == "energy.host_mac" and c["status"] == "assumed"}
    shares = {p["name"]: p["host_share"] for p in report["profiles"] if p["name"] in assumed and p["host_share"]}
    if shares:
        said = [f"{name} ({100 * share:.3g} %)" for name, share in shares.items()]
        yield f"The price of the host's multiply-adds is an assumption, which makes this share of the energy of {listed(said)}."


def about_assumed(name: str, title: str) -> str:
    """The warning of a profile whose synaptic events have an assumed price."""
    return f"**{name}: {title}.** Its joules rest on assumptions and must not be quoted as the chip's."


def _about_refused(profiles: Sequence[Found]) -> Iterator[str]:
    """A line for each profile that refused."""
    for p in profiles:
        if refused(p):
            said = str(p["placement_refused"]).rstrip(".")
            if said.startswith(NO_LIMITS):
                yield f"{MARK} {p['name']} was not placed: its profile has {said}, so no hops are in its figures."
                continue
            yield f"{MARK} {p['name']} refused: {said}; its figures are those of a chip that could hold the network."


def _about_chips(profiles: Sequence[Found]) -> Iterator[str]:
    """A line for profiles that need more than one chip."""
    many = [(p["name"], "" if p["chips"] else "at least ", p["chips"] or p["chips_at_least"] or 1) for p in profiles]
    needed = [f"{name} ({least}{several(chips, 'chip')})" for name, least, chips in many if chips > 1]
    if needed:
        yield f"Links and the barrier between chips are in neither energy, latency nor throughput: {listed(needed)}."


def amount(term: Found) -> str:
    """How much of what a term counts; chip-seconds are a time."""
    value = term["per_inference"]
    if term["count"] == "chip_seconds":
        return f"{si(value, 's')} of chips"
    return number(int(value) if float(value).is_integer() else value)


def effective(report: Found) -> str:
    """What becomes of the host's multiply-adds with a nonzero input."""
    priced = any(row["accounting"].endswith("zeros skipped") for row in report.get("level_1", ()))
    return "priced in the lines with zeros skipped" if priced else "stated, not priced"
