"""The benchmark of what counting costs, on a tiny network; no time is asserted."""

from __future__ import annotations

import pytest

pytest.importorskip("snntorch", reason="needs snnTorch")
import counting_overhead
import neurobench_parity
from counting_overhead import Overhead, compiled, given, of_engines, of_modules, of_neurobench


def test_engines_and_modules_are_timed_with_and_without_counts():
    x = given(2, 5, 8)
    lines = [*of_engines(compiled(2, 8, 5), x, 2), of_modules(2, 8, x, 2)]
    assert {line.name.split(", ")[-1] for line in lines} >= {"NumPy", "compiled", "torch module"}
    assert all(len(line.plain_s) == len(line.counted_s) == 2 and line.ratio > 0 for line in lines)
    assert {line.limit for line in lines} == {None, counting_overhead.LIMIT}


def test_a_ratio_is_the_median_over_neighbours():
    line = Overhead("x", [1.0, 2.0, 4.0], [2.0, 6.0, 4.0])
    assert line.ratio == 2.0
    assert line.row == "| x | 2000 | 4000 | 2 |"


def test_neurobench_is_timed_beside():
    try:
        neurobench_parity.find_neurobench()
    except LookupError as error:
        pytest.skip(f"needs NeuroBench: {error}")
    line = of_neurobench(2, 8, 5, 2, 2)
    assert len(line.plain_s) == len(line.counted_s) == 2
