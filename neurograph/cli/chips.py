"""place, and what `export` says of a placement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurograph.cli.declare import argument, option
from neurograph.cli.inputs import opened
from neurograph.cli.output import JSON, log, print_json, say
from neurograph.errors import InputError

__all__ = ["place", "placement_lines"]

MARKER = "placement.json"
OWN = (MARKER, "core_map.svg", "sanafe")


def place(
    bundle: Path = argument(help="Bundle folder."),
    output: Path = option(..., "-o", "--output", help="Folder for placement.json and core_map.svg."),
    profile: str | None = option(None, "--profile", help="Chip: a name or the path of a TOML; the bundle's own if not given."),
    method: str = option("metis", "--method", help="metis; or greedy, greedy-nodes, random, to compare."),
    seed: int = option(0, "--seed", min=0, max=2**31 - 1),
    sanafe: bool = option(False, "--sanafe", help="Also write sanafe/: the placed network and its run as files that SANA-FE runs."),
    as_json: bool = JSON,
) -> None:
    """Place a bundle's integer network on the cores of a chip, and count the traffic of its sample."""
    from neurograph.export import placement

    if method not in placement.METHODS:
        raise InputError(f"--method {method!r}: does not exist; there are {', '.join(placement.METHODS)}")
    _refuse_others(output)
    found = opened(bundle)
    if profile is None and found.onnx_file is not None:
        raise InputError(f"bundle {bundle}: target onnx is no chip with cores; say with --profile on which one to place it")
    from neurograph.export.placement.files import summary
    from neurograph.export.placement.picture import core_map
    from neurograph.export.targets import sanafe as sanafe_files
    from neurograph.files import atomic_folder
    from neurograph.hw_profiles import load
    from neurograph.hw_profiles.schema import placement_limits
    from neurograph.sim import fixed

    chip = load(profile or found.manifest["profile"])
    limits = placement.Limits.of(chip.name, placement_limits(chip))
    recording = fixed.run(found.quantized, found.inputs)
    more: Any = {"method": method}
    placed = placement.place(found.quantized, limits, recording=recording, seed=seed, **more)
    with atomic_folder(output, marker=MARKER) as folder:
        placement.save(placed, folder / MARKER)
        core_map(placed, folder / "core_map.svg")
        if sanafe:
            constants = [{name: constant.si[0] for name, constant in section.items()} for section in (chip.energy, chip.time)]
            (folder / "sanafe").mkdir()
            sanafe_files.write(placed, recording, folder / "sanafe", energy=constants[0], time=constants[1])
    result = summary(placed)
    if as_json:
        print_json({"placement": str(output), **result})
        return
    for line in placement_lines(result):
        say(line)
    log(f"placement {output}")


def _refuse_others(output: Path) -> None:
    """Refuse to replace anything but an earlier placement.

    Raises:
        InputError: a file, or a folder that holds what `place` did not write.
    """
    if output.exists() and not output.is_dir():
        raise InputError(f"output {output}: is a file, must be a folder; choose another -o")
    others = sorted(path.name for path in output.iterdir() if path.name not in OWN) if output.is_dir() else []
    if others:
        raise InputError(
            f"output {output}: holds {', '.join(others[:3])}, which 'place' did not write, so it is not replaced; choose another -o"
        )


def placement_lines(found: dict[str, Any]) -> list[str]:
    """A placement's summary for a person: what it takes, how full each rule is, what it sends."""
    binding = next(rule for rule in found["rules"] if rule["rule"] == found["binding_rule"])
    lines = [
        f"{found['target']}: {_many(found['cores'], 'core')} on {_many(found['chips'], 'chip')}, "
        f"{'fullest in' if found['cores'] == 1 else 'bound by'} {binding['rule']} "
        f"({binding['mean']:,.0f} {binding['unit']} a core on average, limit {binding['limit']:,})"
    ]
    for rule in found["rules"]:
        where = "" if rule["where"] == "none" else f"  {rule['where']}"
        lines.append(f"  {rule['rule']:<18}{rule['used']:>12,} of {rule['limit']:>12,} {rule['unit']:<11}{rule['share']:>7.1%}{where}")
    traffic = found["traffic"]
    if traffic is not None:
        sums = {name: sum(values) / len(values) for name, values in traffic.items()}
        hops = sums["hops_east_west"] + sums["hops_north_south"]
        lines.append(
            f"  an inference sends {sums['messages']:,.0f} messages, {sums['inter_core']:,.0f} to other cores over {hops:,.0f} hops "
            f"and {sums['crossings']:,.0f} chip crossings; the host sends {sums['host_messages']:,.0f} more"
        )
    return lines + [f"  note: {note}" for note in found["notes"]]


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
