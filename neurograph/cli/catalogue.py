"""profiles, datasets and lava: what there is to choose from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurograph.cli.declare import argument, option
from neurograph.cli.output import JSON, log, print_fields, print_json, say
from neurograph.cli.splits import SHARES, SPLIT, shares_of
from neurograph.errors import InputError

__all__ = ["datasets_list", "datasets_show", "lava_install", "lava_status", "profiles_list", "profiles_show", "profiles_validate"]


def profiles_list(as_json: bool = JSON) -> None:
    """Every profile: level, process, how many constants, and how many of them are measured, assumed and so on."""
    from neurograph.hw_profiles import load, names, overview

    found = [load(name) for name in names()]
    if as_json:
        print_json({"profiles": [overview.summary(profile) for profile in found]})
    else:
        say(overview.table(found).removesuffix("\n"))


def profiles_show(
    name: str = argument(help="Name, or path of a TOML."),
    as_toml: bool = option(False, "--toml", help="The file itself: to start one of your own from."),
    as_json: bool = JSON,
) -> None:
    """Every constant with unit, range, status and source."""
    from neurograph.hw_profiles import load, overview
    from neurograph.hw_profiles.schema import profile_text

    profile = load(name)
    if as_toml:
        say(profile_text(name).removesuffix("\n"))
    elif as_json:
        print_json({**profile.model_dump(mode="json"), "sha256": profile.sha256})
    else:
        say(overview.shown(profile).removesuffix("\n"))


def profiles_validate(file: Path = argument(help="TOML file."), as_json: bool = JSON) -> None:
    """Check a profile file against the schema."""
    from neurograph.hw_profiles import load

    if not file.is_file():
        raise InputError(f"profile {file}: no such file; give the path of a TOML file")
    profile = load(file)
    if as_json:
        print_json({"ok": True, "name": profile.name, "sha256": profile.sha256})
    else:
        print(f"ok: {profile.name}, sha256 {profile.sha256}")


def datasets_list(as_json: bool = JSON) -> None:
    """Names and one line each."""
    from neurograph import data
    from neurograph.data.snapshots import DYNAMIC

    found = {**{name: data.describe(name) for name in data.names()}, **DYNAMIC}
    if as_json:
        print_json({"datasets": [{"name": name, "about": about} for name, about in found.items()]})
        return
    for name, about in found.items():
        print(f"{name:<13}{about}")


def datasets_show(
    name: str = argument(),
    data_root: Path | None = option(None, "--data-root", help="Folder that holds the raw files already; never written to."),
    split: int = SPLIT,
    shares: str | None = SHARES,
    as_json: bool = JSON,
) -> None:
    """Load a dataset and print its sizes and split."""
    parts = shares_of(shares)
    from neurograph import data
    from neurograph.data.snapshots import DYNAMIC

    if name.lower() in DYNAMIC:
        found = _of_snapshots(name.lower(), data_root, split, parts)
        print_json(found) if as_json else print_fields(found)
        return
    graph = data.load(name, data_root, split, parts)
    sizes = {key: int(getattr(graph, f"{key}_mask").sum()) for key in ("train", "val", "test")}
    found = {
        "name": graph.name,
        **({} if graph.batch is None else {"graphs": graph.classified}),
        "nodes": graph.nodes,
        "edges": graph.edges,
        "features": graph.features,
        "classes": graph.classes,
        **sizes,
    }
    if as_json:
        print_json(found)
    else:
        print_fields(found)


def _of_snapshots(name: str, data_root: Path | None, split: int, shares: tuple[float, float, float] | None) -> dict[str, Any]:
    from neurograph.data.snapshots import load_dynamic, masks_of

    graph = load_dynamic(name, data_root)
    edges = [snapshot.shape[1] // 2 for snapshot in graph.snapshots]
    return {
        "name": graph.name,
        "nodes": graph.nodes,
        "classes": graph.classes,
        "snapshots": graph.steps,
        "fewest_edges": min(edges),
        "most_edges": max(edges),
        **{part: int(mask.sum()) for part, mask in zip(("train", "val", "test"), masks_of(graph, split, shares), strict=True)},
    }


def lava_status(as_json: bool = JSON) -> int:
    """Which interpreter would run Lava; exit 1 where none would."""
    from neurograph.sim.lava import runtime

    found = runtime.status()
    if as_json:
        print_json(found)
    else:
        print_fields({key: value for key, value in found.items() if value is not None})
    return 0 if found["version"] else 1


def lava_install(as_json: bool = JSON) -> None:
    """Make an environment with Lava in the user's cache (needs a Python 3.10)."""
    from neurograph.sim.lava import runtime

    log("installing Lava ...")
    interpreter = runtime.install()
    if as_json:
        print_json({"interpreter": str(interpreter)})
    else:
        print(f"Lava runs with {interpreter}")
