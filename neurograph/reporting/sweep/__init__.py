"""Sweeps: the same network at other ticks, bits or widths, and on other chips; accuracy against energy.

A point is a network (width, seed, ticks, bits) under a profile. Each network is made as ``neurograph export`` makes it and priced as
``neurograph report`` prices it, in a process of its own; a row is what the report says. ``rows.jsonl`` holds the rows that are done, so
that a sweep that was stopped goes on from there.
"""

from neurograph.reporting.sweep.engines import ENGINES
from neurograph.reporting.sweep.files import write_files
from neurograph.reporting.sweep.front import front_of, non_dominated
from neurograph.reporting.sweep.grid import KEYS, Grid, parse
from neurograph.reporting.sweep.plan import Plan, make_plan
from neurograph.reporting.sweep.row import Row
from neurograph.reporting.sweep.run import Sweep, run_sweep

__all__ = [
    "ENGINES",
    "KEYS",
    "Grid",
    "Plan",
    "Row",
    "Sweep",
    "front_of",
    "make_plan",
    "non_dominated",
    "parse",
    "run_sweep",
    "write_files",
]
