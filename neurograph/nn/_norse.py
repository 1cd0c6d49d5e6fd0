"""Norse's box LIF step, imported without the deprecation warnings that Norse 1.1 raises on import (it scripts functions at load)."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from norse.torch.functional.lif_box import LIFBoxFeedForwardState, LIFBoxParameters, lif_box_feed_forward_step
    from norse.torch.functional.reset import reset_subtract, reset_value

__all__ = ["LIFBoxFeedForwardState", "LIFBoxParameters", "lif_box_feed_forward_step", "reset_subtract", "reset_value"]
