"""--split and --shares, as every command that loads a dataset takes them."""

from __future__ import annotations

from neurograph.cli.declare import option
from neurograph.errors import InputError

__all__ = ["SHARES", "SPLIT", "shares_of"]

SPLIT = option(0, "--split", min=0, max=2**32 - 1, help="Which of the dataset's splits, or the seed of a random one.")
SHARES = option(None, "--shares", help="Random split by that seed, percent to train/validation/test, e.g. 50/25/25.")


def shares_of(text: str | None) -> tuple[float, float, float] | None:
    """Percent as shares of 1.

    Raises:
        InputError: not three numbers.
    """
    if text is None:
        return None
    try:
        train, val, test = (float(part) / 100 for part in text.split("/"))
    except ValueError:
        raise InputError(f"--shares {text}: must be percent to train/validation/test; give e.g. 50/25/25") from None
    return train, val, test
