"""Groups of populations that hear each other: the strongly connected components of a network, after Kosaraju.

networkx finds them too, and takes longer to load than many a network to run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from neurograph.network import Network

__all__ = ["groups"]


def groups(network: Network) -> list[list[str]]:
    """Strongly connected groups of populations, upstream first; within a group in tick order."""
    order = [name for name in network.order() if not network.populations[name].is_source]
    above: dict[str, list[str]] = {name: [] for name in order}
    below: dict[str, list[str]] = {name: [] for name in order}
    for projection in network.projections:
        if projection.source in below:
            below[projection.source].append(projection.target)
            above[projection.target].append(projection.source)
    rank = {name: i for i, name in enumerate(order)}
    seen: set[str] = set()
    found = [_finished([name], above, seen) for name in reversed(_finished(order, below, set()))]
    return [sorted(group, key=rank.__getitem__) for group in found if group]


def _finished(starts: Iterable[str], following: Mapping[str, list[str]], seen: set[str]) -> list[str]:
    """What can be reached from ``starts`` and was not ``seen``, each after all that follows it (depth first)."""
    finished = []
    for start in starts:
        path = [] if start in seen else [(start, iter(following[start]))]
        seen.add(start)
        while path:
            name, rest = path[-1]
            unseen = next((other for other in rest if other not in seen), None)
            if unseen is None:
                finished.append(name)
                path.pop()
            else:
                seen.add(unseen)
                path.append((unseen, iter(following[unseen])))
    return finished
