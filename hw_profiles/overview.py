"""Profiles beside each other: what each has, and of what status its constants are, so that measured and assumed are seen at once."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from neurograph.hw_profiles.schema import Constant, Profile
from neurograph.hw_profiles.vocabulary import PLACEMENT_LIMITS

__all__ = ["markdown", "shown", "summary", "table"]

_SECTIONS = ("energy", "time", "power", "limits")
_STATUSES = ("measured", "simulated", "fitted", "derived", "specified", "assumed")
_EVENTS = {"synaptic_event": "", "synaptic_event_sparse": " (sparse)", "add_fp32": " (an addition)"}
_CHECKED = ("primary", "secondary", "unchecked")


def summary(profile: Profile) -> dict[str, Any]:
    """What ``profiles list`` says of a profile: counts of constants by section, status and check, and if networks can be placed on it."""
    constants = [constant for section in _SECTIONS for constant in getattr(profile, section).values()]
    return {
        "name": profile.name,
        "title": profile.title,
        "level": profile.level,
        "node_nm": profile.node_nm,
        "constants": len(constants),
        "sections": {section: len(getattr(profile, section)) for section in _SECTIONS},
        "statuses": _counted((c.status for c in constants), _STATUSES),
        "energy_statuses": _counted((c.status for key, c in profile.energy.items() if key != "host_mac"), _STATUSES),
        "checked": _counted((c.checked for c in constants), _CHECKED),
        "placement": all(key in profile.limits for key in PLACEMENT_LIMITS),
        "sha256": profile.sha256,
    }


def table(profiles: Sequence[Profile]) -> str:
    """One line a profile for a terminal of 120 columns: how many constants there are and of what status, the energies' apart."""
    rows = [("name", "level", "nm", "placed", "energies are", "constants, and what all of them are")]
    for found in map(summary, profiles):
        placed = "yes" if found["placement"] else "no"
        statuses = f"{found['constants']:>3}: {_said(found['statuses'])}"
        rows.append((found["name"], found["level"], _node(found), placed, _said(found["energy_statuses"]) or "none", statuses))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell.rjust(w) if i == 2 else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))) for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def shown(profile: Profile, width: int = 120) -> str:
    """A profile for a person: every constant with its range, status, check and source, notes under it."""
    found = summary(profile)
    lines = [f"{profile.name}: {profile.title}", ""]
    lines += textwrap.wrap(f"level {profile.level}, {_process(profile)}; {found['constants']} constants: {_said(found['statuses'])}", width)
    lines += textwrap.wrap(f"checked: {_said(found['checked'])}", width)
    if profile.level == "chip events":
        lines.append(
            f"networks {'can' if found['placement'] else 'cannot'} be placed on it" + ("" if found["placement"] else ": limits are missing")
        )
    lines += [
        *textwrap.wrap(f"scope: {profile.scope}", width, subsequent_indent="       "),
        f"file: {profile.path}",
        f"sha256: {profile.sha256}",
    ]
    sources: dict[tuple[str, str], int] = {}
    for section in _SECTIONS:
        constants: Mapping[str, Constant] = getattr(profile, section)
        if constants:
            lines += ["", section, *_constants(constants, sources, width)]
    lines += ["", "sources"]
    for (source, url), number in sources.items():
        lines += textwrap.wrap(f"[{number}] {source}", width, initial_indent="  ", subsequent_indent="      ")
        lines += [f"      {url}"] if url else []
    return "\n".join(lines) + "\n"


def _constants(constants: Mapping[str, Constant], sources: dict[tuple[str, str], int], width: int) -> Iterator[str]:
    rows = [
        (name, f"{c.value:.9g} {c.unit}", _range(c), c.status, c.checked, f"[{sources.setdefault((c.source, c.url), len(sources) + 1)}]")
        for name, c in constants.items()
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row, constant in zip(rows, constants.values(), strict=True):
        yield "  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        inside = f"Inside it: {', '.join(constant.includes)}. " if constant.includes else ""
        yield from textwrap.wrap(inside + constant.note, width, initial_indent="      ", subsequent_indent="      ")


def markdown(profiles: Sequence[Profile]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and rows of the table of all profiles in the documentation."""
    header = ("profile", "chip", "nm", "a synaptic event", "low to high", "status", "checked", "inside it", "placed", "all constants are")
    rows: list[tuple[str, ...]] = []
    for profile in profiles:
        found = summary(profile)
        key = next((k for k in _EVENTS if k in profile.energy), None)
        constant = profile.energy[key] if key else None
        rows.append(
            (
                f"`{profile.name}`",
                profile.title,
                _node(found),
                f"{constant.value:g} {constant.unit}{_EVENTS[key]}" if constant and key else "–",
                _range(constant) or "–" if constant else "–",
                constant.status if constant else "–",
                constant.checked if constant else "–",
                ", ".join(constant.includes) or "–" if constant else "–",
                "yes" if found["placement"] else "no",
                _said(found["statuses"]),
            )
        )
    return header, rows


def _counted(words: Iterable[str], order: Sequence[str]) -> dict[str, int]:
    found = Counter(words)
    return {word: found[word] for word in order if word in found}


def _said(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {word}" for word, count in counts.items())


def _range(constant: Constant) -> str:
    low, high = constant.bounds
    return f"{low:.6g} to {high:.6g}" if low != high else ""


def _node(found: Mapping[str, Any]) -> str:
    return "–" if found["node_nm"] is None else f"{found['node_nm']:g}"


def _process(profile: Profile) -> str:
    return "no process named" if profile.node_nm is None else f"{profile.node_nm:g} nm"
