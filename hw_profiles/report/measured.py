"""The section of a report on what the reference path took on a real machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neurograph.hw_profiles.report.text import number, si, table

__all__ = ["measured"]


def measured(report: Mapping[str, Any]) -> Iterator[str]:
    """Lines of Markdown; none where nothing was measured."""
    found = report.get("measured")
    if found is None:
        return
    yield "## The reference path on this machine (time measured)"
    yield ""
    ran = {name: part for name, part in (("processor", found["reference"]), ("GPU", found["gpu"])) if "engine" in part}
    yield from table(
        ["on", "engine", "time", "energy", "low to high", "energy is"], [_row(name, part) for name, part in ran.items()], "llrrrl"
    )
    yield ""
    yield f"An inference is {found['reference']['what']}."
    for name, part in ran.items():
        yield ""
        yield from _how(name, part)
    if "engine" not in found["gpu"]:
        yield ""
        yield f"GPU: not measured; {found['gpu']['reason']}."


def _row(name: str, part: Mapping[str, Any]) -> list[str]:
    energy = part["energy_j"] or {"total": None}
    low, high = energy.get("low"), energy.get("high")
    range_ = "–" if low is None else f"{si(low, 'J')} to {si(high, 'J')}"
    return [name, part["engine"], si(part["seconds_per_inference"], "s"), si(energy["total"], "J"), range_, part["label"] or "not known"]


def _how(name: str, part: Mapping[str, Any]) -> Iterator[str]:
    spread = part["seconds_range"]
    yield f"- {name}: {part['machine']}"
    yield (
        f"- {number(part['repeats'])} repeats in {part['wall_s']:.2f} s, the fastest {si(spread['low'], 's')} and the slowest "
        f"{si(spread['high'], 's')} an inference; {part['threads_busy']:.2f} threads busy"
    )
    if part["counter"]:
        energy = part["energy_j"]
        parts = ", ".join(f"{key} {si(energy[key], 'J')}" for key in ("package", "dram", "gpu") if key in energy)
        yield f"- counted by {part['counter']}, read by {part['library']}: {parts}; all that ran on the chip, idling too"
        if energy["idle"] is not None:
            yield f"- idle before: {part['idle_w']:.1f} W, not subtracted; above it {si(energy['above_idle'], 'J')}"
        return
    yield f"- no counter: {part['reason']}"
    if "power" in part:
        power = part["power"]
        link = f", [link]({power['url']})" if power["url"] else ""
        yield f"- so **assumed**: CPU seconds × {power['watts_per_thread']:.3g} W a busy thread; {power['source']}{link}"
