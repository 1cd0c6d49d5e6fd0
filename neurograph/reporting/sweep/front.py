"""Which points no other point beats."""

from __future__ import annotations

from collections.abc import Sequence

from neurograph.reporting.sweep.row import Row

__all__ = ["front_of", "non_dominated"]


def non_dominated(points: Sequence[tuple[float, float]]) -> list[bool]:
    """For each (accuracy, energy) whether it is on the Pareto front.

    A point is off it where another has at least its accuracy and at most its energy, and more of the one or less of the other. Points
    that are equal in both are on it together.
    """
    order = sorted(range(len(points)), key=lambda i: (points[i][1], -points[i][0]))
    found, best = [False] * len(points), (float("-inf"), 0.0)  # the best accuracy so far, and the least energy that has it
    for i in order:
        accuracy, energy = points[i]
        if accuracy > best[0]:
            best = (accuracy, energy)
        found[i] = (accuracy, energy) == best
    return found


def front_of(rows: Sequence[Row]) -> list[bool]:
    """For each row whether it is on the front of its profile's rows, by accuracy and :attr:`Row.cost_j`; False where one is not known.

    Profiles are priced each by itself: two of them may be two models of one chip, and the cheaper one would win every comparison.
    """
    found = [False] * len(rows)
    for profile in {row.profile for row in rows}:
        known = [i for i, row in enumerate(rows) if row.profile == profile and None not in (row.accuracy, row.cost_j)]
        points = [(float(rows[i].accuracy or 0.0), float(rows[i].cost_j or 0.0)) for i in known]
        for i, on in zip(known, non_dominated(points), strict=True):
            found[i] = on
    return found
