"""Loads: how many messages every link between tiles carries."""

from __future__ import annotations

from neurograph.export.placement.place import Placement

__all__ = ["link_loads"]


def link_loads(placement: Placement) -> dict[tuple[int, int, int, int], int]:
    """Messages over each link between tiles (x, y) → (x', y'), XY routing, both directions apart, summed over the recording's samples.

    Their sum is the traffic's hops and crossings together.
    """
    if placement.traffic is None:
        return {}
    entries, mesh = placement.traffic.between.tocoo(), placement.mesh
    x, y = mesh.x, mesh.y
    flows: dict[tuple[int, int, int, int], int] = {}
    for a, b, sent in zip(entries.row.tolist(), entries.col.tolist(), entries.data.tolist(), strict=True):
        key = int(x[a]), int(y[a]), int(x[b]), int(y[b])
        flows[key] = flows.get(key, 0) + sent
    loads: dict[tuple[int, int, int, int], int] = {}
    for (xa, ya, xb, yb), sent in flows.items():
        step = 1 if xb > xa else -1
        path = [(px, ya, px + step, ya) for px in range(xa, xb, step)]
        step = 1 if yb > ya else -1
        path += [(xb, py, xb, py + step) for py in range(ya, yb, step)]
        for link in path:
            loads[link] = loads.get(link, 0) + sent
    return loads
