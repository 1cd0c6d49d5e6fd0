"""What each type of node must hold, checked before NIR builds it: names, kinds, ranges and dimensions of its fields.

NIR 1.0.8 takes any array for any field; what it makes of a wrong one shows up far away, if at all. Two rules are ours: a number beyond
±1e30, or closer to 0 than 1e-30 where it divides, has no meaning as a volt or a second and would only overflow later; and a threshold is
not negative, because "negative" means that voltages are counted from somewhere else than from rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import GraphError

__all__ = ["FIELDS", "HIGHEST", "MOST_VALUES", "SMALLEST", "check_fields", "check_size"]

Array = NDArray[Any]
HIGHEST, SMALLEST = 1e30, 1e-30
MOST_VALUES = 1 << 26
"""Neurons or values of one node."""
_MEND = "mend the graph and write it again"


@dataclass(frozen=True)
class _Field:
    """``low``: the smallest value; with ``above``, values must lie above it. ``ndim``: dimensions; ``few``: at most so many elements."""

    kind: Literal["real", "whole", "text or whole"] = "real"
    low: float | None = None
    above: bool = False
    ndim: int | None = None
    few: int | None = None
    optional: bool = False
    sizes: bool = False


_REAL, _TAU = _Field(), _Field(low=0, above=True)
_THETA, _MAYBE = _Field(low=0), _Field(optional=True)
_COUNT = _Field("whole", low=1, few=1)
_SIZES = _Field("whole", low=1, few=32, sizes=True)
_STEP = _Field("whole", low=1, few=2)
_PADDING = _Field("whole", low=0, few=2)
_INDEX = _Field("whole", low=0, ndim=1)
_POOL = {"kernel_size": _STEP, "stride": _STEP, "padding": _PADDING}
_CSR = {"data": _Field(ndim=1), "indices": _INDEX, "indptr": _INDEX, "shape": _Field("whole", low=1, few=2)}


def _conv(ndim: int) -> dict[str, _Field]:
    whole = {"stride": _STEP, "dilation": _STEP, "groups": _COUNT, "padding": _Field("text or whole", low=0, few=2)}
    return {"weight": _Field(ndim=ndim), "bias": _REAL, **whole, "input_shape": _Field("whole", low=1, few=2, optional=True)}


FIELDS: dict[str, dict[str, _Field]] = {
    "Input": {"shape": _SIZES},
    "Output": {"shape": _SIZES},
    "Affine": {"weight": _REAL, "bias": _REAL},
    "Linear": {"weight": _REAL},
    "Scale": {"scale": _REAL},
    "Conv1d": _conv(3),
    "Conv2d": _conv(4),
    "SumPool2d": _POOL,
    "AvgPool2d": _POOL,
    "Flatten": {
        "start_dim": _Field("whole", few=1, optional=True),
        "end_dim": _Field("whole", few=1, optional=True),
        "input_type": _Field("whole", low=1, few=32, optional=True, sizes=True),
    },
    "Delay": {"delay": _Field(low=0)},
    "I": {"r": _REAL},
    "IF": {"r": _REAL, "v_threshold": _THETA, "v_reset": _MAYBE},
    "LI": {"tau": _TAU, "r": _REAL, "v_leak": _REAL},
    "LIF": {"tau": _TAU, "r": _REAL, "v_leak": _REAL, "v_threshold": _THETA, "v_reset": _MAYBE},
    "CubaLI": {"tau_syn": _TAU, "tau_mem": _TAU, "r": _REAL, "v_leak": _REAL, "w_in": _MAYBE},
    "CubaLIF": {
        "tau_syn": _TAU,
        "tau_mem": _TAU,
        "r": _REAL,
        "v_leak": _REAL,
        "v_threshold": _THETA,
        "v_reset": _MAYBE,
        "w_in": _MAYBE,
    },
    "Threshold": {"threshold": _THETA},
    "neurograph.PerNode": {"weight": _Field(ndim=2), "bias": _Field(ndim=1), "nodes": _COUNT},
    "neurograph.Aggregate": {**_CSR, "features": _COUNT},
    "neurograph.ReduceNodes": {"weight": _Field(ndim=1), "nodes": _COUNT},
    "neurograph.BroadcastNodes": {"nodes": _COUNT, "features": _COUNT},
    "neurograph.SparseLinear": _CSR,
}
"""Node type → its fields, as they stand in the file."""


def check_fields(kind: str, fields: dict[str, Any]) -> None:
    """Check the fields of one node.

    Args:
        kind: its type, a key of :data:`FIELDS`.
        fields: as read from the file, ``type`` and ``metadata`` included.

    Raises:
        GraphError: a field that is missing, unknown, of the wrong kind or out of range, with its value and its limit.
    """
    wanted = FIELDS[kind]
    unknown = sorted(fields.keys() - wanted.keys() - {"type", "metadata"})
    if unknown:
        raise GraphError(f"field {unknown[0][:60]!r} is not one of {', '.join(wanted)}; {_MEND}")
    for name, field in wanted.items():
        if name in fields:
            _check(name, field, fields[name])
        elif not field.optional:
            raise GraphError(f"field {name!r} is missing; {_MEND}")
    if not isinstance(fields.get("metadata", {}), dict):
        raise GraphError(f"metadata is a dataset, must be a group; {_MEND}")
    _check_together(kind, fields)


def check_size(shape: Any, what: str) -> tuple[int, ...]:
    """``shape`` as a tuple.

    Raises:
        GraphError: sizes below 1, or more than :data:`MOST_VALUES` values.
    """
    sizes = tuple(int(n) for n in np.atleast_1d(shape))
    if any(n < 1 for n in sizes) or int(np.prod(sizes, dtype=object)) > MOST_VALUES:
        raise GraphError(f"{what}: shape {sizes}, must have positive sizes and at most {MOST_VALUES:,} values; {_MEND}")
    return sizes


def _check(name: str, field: _Field, value: Any) -> None:
    if isinstance(value, dict):
        raise GraphError(f"field {name!r} is a group, must be a dataset; {_MEND}")
    if isinstance(value, str) and field.kind == "text or whole":
        if value not in ("same", "valid"):
            raise GraphError(f"field {name!r} is {value[:60]!r}, must be 'same', 'valid' or numbers; {_MEND}")
        return
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise GraphError(f"field {name!r} is text, must be {'numbers' if field.kind == 'real' else 'whole numbers'}; {_MEND}")
    if array.size == 0 and name not in ("data", "indices") and not field.sizes:
        raise GraphError(f"field {name!r} is empty, of shape {array.shape}; {_MEND}")
    if field.ndim is not None and array.ndim != field.ndim:
        raise GraphError(f"field {name!r} is of shape {array.shape}, must have {field.ndim} dimensions; {_MEND}")
    if array.ndim > 32 or (field.few is not None and (array.size > field.few or array.ndim > 1)):
        raise GraphError(f"field {name!r} is of shape {array.shape}, must have at most {field.few or 'some'} elements; {_MEND}")
    _check_values(name, field, array)
    if field.sizes:
        check_size(array, f"field {name!r}")


def _check_values(name: str, field: _Field, array: Array) -> None:
    if not array.size:
        return
    if array.dtype.kind == "f":
        bad = array[~(np.abs(array) <= min(HIGHEST, float(np.finfo(array.dtype).max)))]  # NumPy 2 warns where a limit overflows the type
        if bad.size:
            raise GraphError(f"field {name!r} holds {bad.flat[0]:g}, must be finite and within ±{HIGHEST:g}; {_MEND}")
        if field.kind != "real" and (array != np.rint(array)).any():
            raise GraphError(f"field {name!r} holds {array[array != np.rint(array)].flat[0]:g}, must be whole numbers; {_MEND}")
    if field.kind != "real" and (array.astype(np.float64) > 2**62).any():
        raise GraphError(f"field {name!r} holds {array.max():g}, must be below 2^62; {_MEND}")
    if field.low is None:
        return
    least = array.min()
    low = SMALLEST if field.above else field.low
    if float(least) < low:
        limit = f"above 0 (at least {SMALLEST:g})" if field.above else f"at least {field.low:g}"
        way_out = "count its voltages from v_leak: take it off v_leak, v_reset and v_threshold" if "threshold" in name else _MEND
        what = "time constant" if name.startswith("tau") else "value"
        raise GraphError(f"field {name!r}: {what} {least:g}, must be {limit}; {way_out}")


def _check_together(kind: str, fields: dict[str, Any]) -> None:
    """What the fields of a node must have in common."""
    if kind in ("LIF", "IF", "LI", "CubaLIF", "CubaLI"):
        shapes = {name: np.shape(fields[name]) for name in FIELDS[kind] if name in fields and (name != "w_in" or np.size(fields[name]) > 1)}
        if len(set(shapes.values())) > 1:
            raise GraphError(f"parameters of shapes {', '.join(f'{k} {v}' for k, v in shapes.items())}, must all have one; {_MEND}")
    if "weight" in fields and "bias" in fields:
        weight, bias = np.shape(fields["weight"]), np.shape(fields["bias"])
        if kind in ("Affine", "neurograph.PerNode") and len(weight) < 2:
            raise GraphError(f"weight of shape {weight}, must have at least 2 dimensions; {_MEND}")
        outputs = weight[0] if kind.startswith("Conv") else weight[-2]
        if int(np.prod(bias)) not in (1, outputs):
            raise GraphError(f"bias of shape {bias} for weight {weight}, must have {outputs} values; {_MEND}")
    if kind == "Linear" and np.ndim(fields["weight"]) < 2:
        raise GraphError(f"weight of shape {np.shape(fields['weight'])}, must have at least 2 dimensions; {_MEND}")
    if kind.startswith("Conv") and np.shape(fields["weight"])[0] % int(np.ravel(fields["groups"])[0]):
        raise GraphError(f"groups {int(np.ravel(fields['groups'])[0])} do not divide its {np.shape(fields['weight'])[0]} channels; {_MEND}")
