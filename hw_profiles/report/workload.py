"""What a network moves and holds, in a report: bytes read and written, and NeuroBench's figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neurograph.hw_profiles.report.text import number, table

__all__ = ["workload"]


def workload(report: Mapping[str, Any]) -> Iterator[str]:
    """Lines of the two sections."""
    yield "## Memory traffic (counts × word widths)"
    yield ""
    memory = report["memory"]
    rows = [[name, number(amount).removesuffix(".0")] for name, amount in memory["bytes"].items()]
    yield from table(["what", "bytes an inference"], rows, "lr")
    yield ""
    yield f"Modelled: exact counts times assumed widths. {memory['about']}."
    if "neurobench" in report:
        yield ""
        yield "## In NeuroBench's terms (counted)"
        yield ""
        rows = [[name, number(value) if value >= 1 or value == 0 else f"{value:.4g}"] for name, value in report["neurobench"].items()]
        yield from table(["figure", "value"], rows, "lr")
        yield ""
        yield "Counts are of one inference, over all its ticks; docs/counting.md says where NeuroBench's rules are others."
