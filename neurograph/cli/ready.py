"""A bundle's own sample, run without NumPy where an earlier run made it ready."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurograph.cli.inputs import check_folder
from neurograph.cli.output import log, print_json, print_spikes

__all__ = ["keep_ready", "simulate_ready"]


def simulate_ready(bundle: Path, as_json: bool) -> bool:
    """Run and print what ``simulate BUNDLE`` prints; False where nothing is ready.

    Raises:
        BundleError: no folder, or no unharmed bundle.
    """
    check_folder(bundle)
    from neurograph.export.bundle.manifest import open_files
    from neurograph.export.bundle.ready_cache import run_ready

    outcome = run_ready(open_files(bundle, whole=False))
    if outcome is None:
        return False
    if outcome.wraps or outcome.clips:
        from neurograph.export.rounding_report import overflow_warnings

        for warning in overflow_warnings(outcome.wraps, outcome.clips, own=True):
            log(f"warning: {warning}")
    result: dict[str, Any] = {"engine": "fixed", "ticks": outcome.ticks, "samples": 1, "spikes": outcome.spikes, "wall_s": outcome.wall_s}
    if outcome.right is not None:
        result["accuracy"] = outcome.right / outcome.tested
    if as_json:
        print_json(result)
        return True
    print_spikes(result)
    if "accuracy" in result:
        print(f"test accuracy {result['accuracy']:.2%}")
    return True


def keep_ready(bundle: Any, run: Any, accuracy: float | None) -> None:
    """Make the sample ready for the next time, where the compiled engine ran it."""
    from neurograph.export.bundle.ready_make import keep_ready as keep

    keep(bundle, run, accuracy)
