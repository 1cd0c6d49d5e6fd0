"""The profiles of a report that names none; without a library, for the command line begins with it."""

from __future__ import annotations

__all__ = ["PROFILES"]

PROFILES = ("horowitz45", "loihi1", "loihi1-sanafe", "loihi2")
