"""The figures of benchmarks/simulators.py in Markdown, beside what is asked of our engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pages import table
from simulator_children import SIMULATORS
from simulator_torch import FRAMEWORKS

__all__ = ["Asked", "asked_of", "requirements", "tables"]

AT_LEAST, AT_MOST = "≥", "≤"
LOOP, FLOOR, COUNTS = 10.0, 2.0, 1.2
COMMAND = 20.0


@dataclass(frozen=True)
class Asked:
    """A ratio that is asked for, and what was reached (None: not measured)."""

    what: str
    row: str
    batch: int
    sign: str
    wanted: float
    reached: float | None

    @property
    def met(self) -> bool | None:
        if self.reached is None:
            return None
        return self.reached >= self.wanted if self.sign == AT_LEAST else self.reached <= self.wanted

    def cell(self) -> str:
        """The ratio; bold with what was asked where it is missed."""
        if self.reached is None:
            return "—"
        text = number(self.reached)
        return text if self.met else f"**{text}** ({self.sign} {self.wanted:g})"

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "met": self.met}


def lava_wanted(name: str, batch: int) -> float | None:
    """How many times Lava's rate a row asks for."""
    dense, deep = name.startswith(("dense", "cuba")), name.startswith("deep-64")
    if batch > 1:
        return 1000.0 if deep else 200.0 if dense else None
    if name.startswith("recurrent"):
        return 20.0
    return 60.0 if ("1024" in name and dense) or name.startswith("sparse-4096") else 100.0


def asked_of(row: Mapping[str, Any], batch: int) -> dict[str, Asked]:
    """What one row is asked for at one batch, by column."""
    figures = row["batches"][str(batch)]
    seconds, name = figures["seconds"], row["name"]
    ours = seconds["ours"]

    def asked(what: str, sign: str, wanted: float, reached: float | None) -> Asked:
        return Asked(what, name, batch, sign, wanted, reached)

    wanted = lava_wanted(name, batch)
    lava = seconds["lava"] / ours if "lava" in seconds else None
    found = {"floor": asked("ours / floor", AT_MOST, FLOOR, ours / figures["floor"]["seconds"])}
    found["counts"] = asked("counts / none", AT_MOST, COUNTS, ours / seconds["ours without counts"])
    if wanted is not None:
        found["lava"] = asked("Lava / ours", AT_LEAST, wanted, lava)
    if batch == 1:
        found["loop"] = asked("step loop / ours", AT_LEAST, LOOP, seconds["step loop"] / ours)
    return found


def start_up_asked(found: Mapping[str, Any]) -> list[Asked]:
    commands, inference = found["commands"], found["inference"]
    ours = commands["neurograph simulate BUNDLE"]["seconds"]
    lava = [asked["seconds"] for name, asked in commands.items() if "lava" in name]
    return [
        Asked("Lava from the command line / ours", "cora", 1, AT_LEAST, COMMAND, min(lava) / ours if lava else None),
        Asked("seconds of an inference with counts", "cora", 1, AT_MOST, 0.5, inference["seconds"][0]),
        Asked("GiB of an inference with counts", "cora", 1, AT_MOST, 1.0, inference["peak_gib"]),
    ]


def requirements(found: Mapping[str, Any]) -> list[Asked]:
    """Everything that is asked for and was measured."""
    rows = [asked for row in found["rows"] for batch in row["batches"] for asked in asked_of(row, int(batch)).values()]
    return rows + (start_up_asked(found["start_up"]) if found.get("start_up") else [])


def tables(found: Mapping[str, Any]) -> str:
    """All tables."""
    rows = found["rows"]
    batches = sorted({int(batch) for row in rows for batch in row["batches"]})
    parts = [part for batch in batches for part in _integers(rows, batch)]
    if any(row["others"] for row in rows):
        parts += _others(rows)
    if any(row["floats"] for row in rows):
        parts += _floats(rows)
    if found.get("start_up"):
        parts += _start_up(found["start_up"])
    if rows:
        parts += _rates(rows)
    asked = [a for a in requirements(found) if a.met is not None]
    missed = [a for a in asked if not a.met]
    parts.append(f"{len(asked) - len(missed)} of {len(asked)} figures that are asked for are reached.")
    parts += [f"- missed: {a.row}, batch {a.batch}: {a.what} {number(a.reached or 0)}, asked {a.sign} {a.wanted:g}" for a in missed]
    said = _said(rows, found.get("start_up"))
    return "\n".join(parts + (["", *said] if said else []) + ["", f"{found['machine']}; {found['seconds']:.0f} s"])


def _integers(rows: Sequence[Mapping[str, Any]], batch: int) -> list[str]:
    head = [
        "network",
        "ours",
        "made ready anew",
        "without counts",
        "counts ×",
        "Lava",
        "with start-up",
        "Lava / ours",
        "asked",
        "step loop",
        "loop / ours",
    ]
    head += ["floor", "ours / floor", "floor by", "equal slots"]
    lines = []
    for row in rows:
        figures = row["batches"].get(str(batch))
        if figures is None:
            continue
        seconds, asked, wanted = figures["seconds"], asked_of(row, batch), lava_wanted(row["name"], batch)
        ours = seconds["ours"]
        lava = asked["lava"].cell() if "lava" in asked else number(seconds["lava"] / ours) if "lava" in seconds else "—"
        lines.append(
            [
                row["title"],
                milliseconds(ours),
                milliseconds(seconds["ours, made ready anew"]),
                milliseconds(seconds["ours without counts"]),
                asked["counts"].cell(),
                milliseconds(seconds.get("lava")),
                milliseconds(seconds.get("lava with start-up")),
                lava,
                f"{wanted:g}" if wanted else "",
                milliseconds(seconds["step loop"]),
                asked["loop"].cell() if "loop" in asked else number(seconds["step loop"] / ours),
                milliseconds(figures["floor"]["seconds"]),
                asked["floor"].cell(),
                _ways(figures["floor"]["ways"]),
                _equal(figures),
            ]
        )
    title = "One sample" if batch == 1 else f"{batch} samples at once, per inference"
    return [f"{title}; milliseconds, Lava's start-up excluded from its own column and from the ratio:\n", table(head, lines)]


def _equal(figures: Mapping[str, Any]) -> str:
    """Slots that were compared and are equal, with the step loop and with Lava."""
    text = f"{figures['compared_slots']:,}"
    return f"{text}; Lava {figures['lava_compared_slots']:,}" if "Lava" in figures["equal_to"] else f"{text}; not Lava"


def _others(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    head = ["network", *(f"{s.name}, ms | / ours | spikes that differ".replace(" | ", "%") for s in SIMULATORS.values())]
    head = [part for cell in head for part in cell.split("%")]
    lines = []
    for row in rows:
        line = [row["title"]]
        ours = row["batches"].get("1", {}).get("seconds", {}).get("ours")
        for key in SIMULATORS:
            figures = row["others"].get(key, {"said": "not run"})
            if "said" in figures:
                line += [figures["said"].split(":")[0], "", ""]
            else:
                ratio = number(figures["seconds"] / ours) if ours else ""
                line += [milliseconds(figures["seconds"]), ratio, f"{figures['differ']:,} of {figures['slots']:,}"]
        lines.append(line)
    return ["Other emulators of Loihi, one sample, the steps alone:\n", table(head, lines)]


def _floats(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    parts = []
    for batch in sorted({int(batch) for row in rows if row["floats"] for batch in row["floats"]["batches"]}):
        head = ["network", "ours"] + [cell for name in FRAMEWORKS.values() for cell in (name, f"{name} / ours", "spikes that differ")]
        lines = []
        for row in rows:
            if not row["floats"]:
                continue
            figures = row["floats"]["batches"][str(batch)]
            ours, line = figures["seconds"]["ours"], [row["title"], milliseconds(figures["seconds"]["ours"])]
            for key in FRAMEWORKS:
                if key in figures["seconds"]:
                    took = figures["seconds"][key]
                    line += [milliseconds(took), number(took / ours), f"{figures['differ'][key]:,} of {figures['slots']:,}"]
                else:
                    line += [row["floats"]["said"].get(key, "not run").split(":")[0], "", ""]
            lines.append(line)
        title = "one sample" if batch == 1 else f"{batch} samples at once, per inference"
        parts += [f"Float networks, {title}; milliseconds, ours in float64, torch in float32:\n", table(head, lines)]
    return parts


def _start_up(found: Mapping[str, Any]) -> list[str]:
    lines = [
        [f"`{name}`", f"{f['first_seconds']:.2f} s", f"{f['seconds']:.2f} s", f"{f['cpu_seconds']:.2f} s", f"{f['peak_gib']:.2f} GiB"]
        for name, f in found["commands"].items()
    ]
    seconds, gib = found["inference"]["seconds"], found["inference"]["peak_gib"]
    lines.append(["an inference with counts in Python", f"{seconds[0]:.3f} s", f"{min(seconds[1:]):.3f} s", "", f"{gib:.2f} GiB"])
    asked = "; ".join(f"{a.what}: {a.cell()}, asked {a.sign} {a.wanted:g}" for a in start_up_asked(found))
    head = ["one Cora inference, start-up counted", "the first run", "the fastest later", "CPU time of it", "peak memory of a process"]
    return ["From the command line:\n", table(head, lines), f"{asked}.\n"]


def _rates(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for row in rows:
        rates = list(row["rates"].values())
        shown = ", ".join(f"{rate:.1%}" for rate in rates) if len(rates) <= 12 else f"{min(rates):.1%} to {max(rates):.1%}"
        lines.append([row["title"], f"`{row['name']}`", str(row["ticks"]), f"{row['neurons']:,}", f"{row['synapses']:,}", shown])
    head = ["network", "`--rows`", "ticks", "neurons", "synapses", "share of slots that spike, layer by layer"]
    return ["The networks:\n", table(head, lines)]


def _said(rows: Sequence[Mapping[str, Any]], start_up: Mapping[str, Any] | None) -> list[str]:
    """Who did not run, and why; the same reason once."""
    where: dict[str, list[str]] = {}
    for row in rows:
        for batch, figures in row["batches"].items():
            for reason in figures["said"].values():
                where.setdefault(f"Lava, batch {batch}: {reason}", []).append(row["name"])
        for key, figures in row["others"].items():
            if "said" in figures:
                where.setdefault(f"{SIMULATORS[key].name}: {figures['said']}", []).append(row["name"])
        for key, reason in row["floats"].get("said", {}).items() if row["floats"] else ():
            where.setdefault(f"{FRAMEWORKS[key]}: {reason}", []).append(row["name"])
    lines = [f"- not run, {reason} ({', '.join(names)})" for reason, names in where.items()]
    return lines + ([f"- not run from the command line, Lava: {start_up['missing']}"] if start_up and start_up["missing"] else [])


def _ways(ways: Mapping[str, str]) -> str:
    """Each way and how many projections took it, the commonest first."""
    names = list(ways.values())
    found = sorted(set(names), key=lambda name: (-names.count(name), name))
    return found[0] if len(found) == 1 else "; ".join(f"{names.count(name)} {name}" for name in found)


def milliseconds(seconds: float | None) -> str:
    return "—" if seconds is None else number(1e3 * seconds)


def number(value: float) -> str:
    """Three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
