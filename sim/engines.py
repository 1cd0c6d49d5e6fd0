"""Names of the engines; the modules that run them are loaded where one is run."""

from __future__ import annotations

__all__ = ["ENGINES", "FLOAT_ENGINES", "INTEGER_ENGINES"]

FLOAT_ENGINES = ("torch", "float", "pipelined-float", "lava-float", "onnx")
INTEGER_ENGINES = ("fixed", "pipelined-fixed", "lava-fixed", "netx")
ENGINES = ("float", "fixed", "pipelined-float", "pipelined-fixed", "lava-float", "lava-fixed", "netx", "onnx")
