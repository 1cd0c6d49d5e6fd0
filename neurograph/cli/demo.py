"""demo: the whole way on bundled data."""

from __future__ import annotations

import time
from pathlib import Path

from neurograph.cli.declare import option
from neurograph.cli.export import export_model
from neurograph.cli.model_files import Request
from neurograph.cli.output import command_name, log, print_json, write_text
from neurograph.cli.train import train_model
from neurograph.errors import InputError

__all__ = ["demo"]


def demo(
    output: Path = option(Path("neurograph-demo"), "-o", "--output", help="Folder for the checkpoint, the bundle and the report."),
    as_json: bool = option(False, "--json", help="Print one JSON object."),
) -> int:
    """Karate club: train, export to Loihi 2, run in Lava, compare every spike, report the energy."""
    start = time.perf_counter()
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output {output}: cannot be made ({error.strerror}); choose another -o") from None
    log("1/3  train a SpikeGraphormer on Zachary's karate club")
    trained = train_model("spikegraphormer", "karate", None, None, 0, output / "model.pt")
    log(f"     test accuracy {trained['test_accuracy']:.1%} in {trained['wall_s']:.1f} s")
    log("2/3  export it (NIR, integer network, Lava program), and compare engines, spike by spike")
    exported = export_model(Request(output / "model.pt"), "loihi2", output / "bundle")
    log("3/3  count and price one inference")
    from neurograph.export.bundle import open_bundle
    from neurograph.hw_profiles.report import to_markdown
    from neurograph.hw_profiles.report.text import low_high, si
    from neurograph.reporting import report_of

    report = report_of(open_bundle(output / "bundle"))
    write_text(to_markdown(report), output / "report.md")
    result = {
        "ok": exported["ok"],
        "accuracy": report["accuracy"],
        "lava": any("lava-fixed" in (pair["a"], pair["b"]) for pair in exported["pairs"]),
        "pairs": exported["pairs"],
        "bundle": exported["bundle"],
        "report": str(output / "report.md"),
        "wall_s": time.perf_counter() - start,
    }
    if as_json:
        print_json(result)
        return 0 if result["ok"] else 1
    compared = sum(pair["compared"] for pair in exported["pairs"])
    verdict = "0 mismatches" if exported["ok"] else "MISMATCHES, see above"
    print(f"{len(exported['pairs'])} pairs of engines, {compared:,} spike slots, {verdict}" + ("" if result["lava"] else " (without Lava)"))
    for profile in report["profiles"]:
        energy = profile["energy_j"]
        spread = "" if energy["low"] == energy["high"] else f"  ({low_high(energy, 'J')})"
        print(f"{profile['name']:<14} {profile['level']:<12} {si(energy['total'], 'J'):>8} an inference{spread}")
    print(f"test accuracy {report['accuracy']:.1%} in integers; all of it in {output}/ ({result['wall_s']:.0f} s)")
    name = command_name()
    print(f"next: {name} report {output}/bundle | {name} check {output}/bundle")
    return 0 if result["ok"] else 1
