"""Names of the engines; the modules that run them are loaded where one is run."""

from __future__ import annotations

__all__ = ["DEVICE_ENGINES", "ENGINES", "FLOAT_ENGINES", "INTEGER_ENGINES", "STREAMING_ENGINES"]

FLOAT_ENGINES = ("torch", "float", "pipelined-float", "lava-float", "onnx")
INTEGER_ENGINES = ("fixed", "pipelined-fixed", "lava-fixed", "netx")
STREAMING_ENGINES = ("float", "fixed")  # they record what they are asked for, count, and keep within a limit of memory
DEVICE_ENGINES = ("float", "fixed")  # those that can run on a GPU
ENGINES = ("float", "fixed", "pipelined-float", "pipelined-fixed", "lava-float", "lava-fixed", "netx", "onnx")
