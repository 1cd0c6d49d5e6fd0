"""Running a bundle's host models in onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import BundleError
from neurograph.onnx_files import read_onnx

__all__ = ["input_width", "run_onnx"]

Array = NDArray[Any]


def run_onnx(path: Path, feeds: Mapping[str, Array]) -> Array:
    """Run a model of one output in onnxruntime; inputs are cast to float32.

    Raises:
        BundleError: onnxruntime refuses the file or the shapes.
    """
    try:
        nodes = {"nodes": next((len(value) for value in feeds.values()), 1)}
        (result,) = _session(path, nodes).run(None, {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in feeds.items()})
    except BundleError:
        raise
    except Exception as error:  # onnxruntime's exceptions share no base class but Exception
        raise _refused(path, error) from None
    return np.asarray(result)


def input_width(path: Path) -> int:
    """Size of the last axis of a model's one input.

    Raises:
        BundleError: onnxruntime refuses the file.
    """
    try:
        return int(_session(path).get_inputs()[0].shape[-1])
    except BundleError:
        raise
    except Exception as error:
        raise _refused(path, error) from None


def _session(path: Path, known: dict[str, int] | None = None) -> Any:
    import onnxruntime as ort

    read_onnx(path, known=known)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])


def _refused(path: Path, error: Exception) -> BundleError:
    return BundleError(f"host model {path}: {' '.join(str(error).split())[:300]}; export the bundle again")
