"""Markdown tables of what frameworks refuse, with their words below, and the place that a page keeps for one."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["cells", "markdown", "replace_table", "rows", "shortened"]

BEGIN, END = "<!-- made by the command above: begin -->", "<!-- end -->"
REFUSES = "refuses: "


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> tuple[str, list[str]]:
    """The table, and one line for each distinct refusal, which its cells give by number."""
    numbers: dict[str, int] = {}

    def cell(text: str) -> str:
        if not text.startswith(REFUSES):
            return text
        return f"refuses ({numbers.setdefault(shortened(text).removeprefix(REFUSES), len(numbers) + 1)})"

    body = [[cell(text) for text in line] for line in lines]
    table = [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *body)]
    return "\n".join(table), [f"{number}. `{text}`" for text, number in numbers.items()]


def shortened(text: str) -> str:
    """A cell whose refusal is at most 110 characters, without what changes from run to run."""
    text = re.sub(r"0x[0-9a-f]+", "0x…", text).replace("`", "'")
    most = len(REFUSES) + 110
    return text if len(text) <= most or not text.startswith(REFUSES) else text[: most - 1] + "…"


def replace_table(text: str, table: str) -> str:
    """A page with what stands between its two marks replaced."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.split(END)[1]}"


def rows(text: str) -> list[list[str]]:
    """The lines of the table between the marks of a page, its head first, with refusals spelled out again."""
    made = text.split(BEGIN)[1].split(END)[0]
    notes = dict(re.findall(r"^(\d+)\. `(.*)`$", made, re.MULTILINE))
    found = re.compile(r"refuses \((\d+)\)")
    lines = [[part.strip() for part in line.strip("|").split("|")] for line in made.splitlines() if line.startswith("|")]
    return [[found.sub(lambda match: REFUSES + notes[match[1]], part) for part in line] for line in (lines[0], *lines[2:])]


def cells(text: str, column: str) -> list[tuple[str, str]]:
    """(row, cell) of one column, which is found by the first word of its head."""
    head, *lines = rows(text)
    index = next(i for i, name in enumerate(head) if name.split(" ")[0] == column)
    return [(line[0], line[index]) for line in lines]
