"""The Pareto front, against its definition."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from neurograph.reporting.sweep import Row, front_of, non_dominated

few = st.integers(0, 5).map(float)  # ties are common
POINTS = st.lists(st.tuples(st.one_of(few, st.floats(0, 1)), st.one_of(few, st.floats(1e-9, 1))), max_size=30)


def beats(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return a[0] >= b[0] and a[1] <= b[1] and a != b


@given(POINTS)
def test_the_front_is_what_no_point_beats(points) -> None:
    assert non_dominated(points) == [not any(beats(other, point) for other in points) for point in points]


@given(POINTS.filter(bool))
def test_the_best_accuracy_and_the_least_energy_are_on_the_front(points) -> None:
    on = [point for point, found in zip(points, non_dominated(points), strict=True) if found]
    assert max(a for a, _ in points) in {a for a, _ in on} and min(e for _, e in points) in {e for _, e in on}


@given(POINTS, st.randoms())
def test_the_order_of_points_is_of_no_account(points, random) -> None:
    shuffled = random.sample(points, len(points))
    first, second = (dict(zip(some, non_dominated(some), strict=True)) for some in (points, shuffled))
    assert first == second


def row(profile: str, accuracy: float | None, energy: float | None, level: str = "chip events") -> Row:
    return Row(8, 0, 4, 8, profile, "as trained", level, accuracy, energy_j=9.0, on_chip_j=energy)


def test_profiles_do_not_compete_and_rows_without_figures_are_off() -> None:
    rows = [row("a", 0.9, 2.0), row("b", 0.9, 1.0), row("a", 0.8, 3.0), row("a", None, 0.1), row("b", 0.9, None), row("a", 0.9, 2.0)]
    assert front_of(rows) == [True, True, False, False, False, True]
    assert front_of([]) == []


def test_operations_are_compared_by_all_of_their_energy() -> None:
    assert row("c", 0.5, None, "operations").cost_j == 9.0 and row("c", 0.5, 1.0).cost_j == 1.0
