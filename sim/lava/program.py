"""Network + inputs → ``program.npz``, which ``worker.py`` runs in Lava with nothing of neurograph installed.

The file holds one JSON description and plain arrays, no pickle; the same network and inputs give the same bytes. Weights stay in Kron form.
Float networks are rewritten for Lava's LIF, which has no gain γ on its input: u and the biases are stored times γ.

    Lava:   u ← (1−du)u + a;  v ← (1−dv)v + u + bias        du = α (1 for a LIF), dv = β, a = γ·Σ weights · spikes
    LIF     bias = γ·bias
    CubaLIF the bias enters u, so it is added to a
    both    v is counted from a base, so θ and v_reset lose it: v_leak, where neurons start and rest, and then no leak current is needed;
            for a neuron that rests at or above θ a base below θ, a bias of β(v_leak − base), and a start at v_leak − base
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.errors import NetworkError, QuantizationError, UnsupportedError
from neurograph.graded import check_messages
from neurograph.network import LIF, CubaLIF, FixedLIF, Graded, Network, Population, Product, Projection, Threshold, base_of, gain_of
from neurograph.sim import timing
from neurograph.sim.graded import MESSAGE
from neurograph.sim.inputs import Prepared
from neurograph.sim.timing import depth_of, period, steps
from neurograph.weights import Dense, Identity, OnesColumn, OnesRow, Sparse, Weights

__all__ = ["SCRIPTS", "period", "steps", "write"]

Array = NDArray[Any]

_HERE = Path(__file__).parent
SCRIPTS: Mapping[str, Path] = {"run.py": _HERE / "worker.py", **{name: _HERE / name for name in ("processes.py", "watch.py")}}
"""What stands beside ``program.npz`` in a folder that runs by itself: ``python run.py``."""


def write(network: Network, prepared: Prepared, path: Path, expected: Mapping[str, Array] | None = None) -> None:
    """Write the program.

    Args:
        network: aligned (every population has a depth and every projection a delay), float or integer.
        prepared: what :func:`neurograph.sim.inputs.prepare` made of the inputs.
        path: a file name ending in ``.npz``.
        expected: population → spikes (samples, T, *shape) that the worker compares with and exits 1 on a difference.

    Raises:
        NetworkError: a depth or a delay is missing or they disagree.
        UnsupportedError: state that is kept between inferences.
        QuantizationError: an integer that Lava would change, or graded values that no message holds.
    """
    check_messages(network)
    timing.check_aligned(network)
    writer = _Writer(network, prepared, expected or {})
    # Static sources are biases by now; a population's number in the list is the number of its log files.
    populations = [writer.population(p) for p in network.populations.values() if not p.is_static]
    about = {
        "format": "neurograph.program",
        "version": 2,
        "engine": "fixed" if network.is_integer else "float",
        "ticks": network.ticks,
        "samples": prepared.samples,
        "period": period(network),
        "steps": steps(network, prepared.samples),
        "steps_per_tick": network.steps_per_tick,
        "gated": timing.has_lags(network) and network.gated,
        "cleared": timing.has_lags(network) and not network.gated,
        "populations": populations,
        "projections": [writer.projection(p) for p in network.spiking_projections],
    }
    text = np.array(json.dumps(about, ensure_ascii=False, sort_keys=True))
    np.savez_compressed(path, program=text, **writer.arrays)


class _Writer:
    """Turns parts of a network into JSON, and keeps the arrays that the JSON refers to."""

    def __init__(self, network: Network, prepared: Prepared, expected: Mapping[str, Array]) -> None:
        self.network, self.prepared, self.expected = network, prepared, expected
        self.arrays: dict[str, Array] = {}
        kept = [f"population {p.name!r}: state kept" for p in network.neurons if getattr(p.neuron, "state", "cleared") == "kept"]
        if kept:
            raise UnsupportedError("Lava", kept, "use state='cleared', or the float or fixed engine")

    def store(self, value: Any) -> Any:
        """A number stays in the JSON if all its entries are equal; an array goes into the file."""
        if value is None:
            return None
        array = np.asarray(value)
        if array.size and (array == array.flat[0]).all():
            return array.flat[0].item()
        return self.store_array(array)

    def store_array(self, array: Array) -> dict[str, str]:
        name = f"a{len(self.arrays)}"
        self.arrays[name] = np.ascontiguousarray(array)
        return {"array": name}

    def store_spikes(self, population: Population, spikes: Array) -> dict[str, str]:
        """Spikes as bits, graded messages as they are."""
        if population.is_graded:
            return self.store_array(np.asarray(spikes, dtype=MESSAGE))
        return self.store_array(np.packbits(np.asarray(spikes, dtype=np.uint8)))

    def population(self, population: Population) -> dict[str, Any]:
        about: dict[str, Any] = {"name": population.name, "size": population.size, "depth": depth_of(population)}
        if population.is_source:
            spikes = self.store_spikes(population, self.prepared.spikes[population.name])
            return {**about, "kind": "source", "spikes": spikes, "graded": population.is_graded}
        expected = self.expected.get(population.name)
        about |= {"expected": None if expected is None else self.store_spikes(population, expected)}
        if isinstance(population.neuron, Graded):
            return {**about, "kind": "graded"}
        if isinstance(population.neuron, Product):
            return {**about, "kind": "product", "exponent": population.neuron.exponent}
        bias = self.prepared.bias[population.name].reshape(self.prepared.samples, -1)
        make = self._fixed if isinstance(population.neuron, FixedLIF) else self._float
        return {**about, "kind": "neurons", **make(population, bias)}

    def store_bias(self, bias: Array) -> Any:
        """(samples, n), of which one row is enough if all are equal."""
        return self.store(bias[:1] if (bias == bias[:1]).all() else bias)

    def start(self, values: Array) -> Any:
        """v at tick 0; None is the 0 that Lava's own reset gives."""
        return self.store(values) if values.any() else None

    def _fixed(self, population: Population, mantissa: Array) -> dict[str, Any]:
        neuron = population.neuron
        if not isinstance(neuron, FixedLIF):
            raise NetworkError(f"population {population.name!r}: {type(neuron).__name__} in an integer network; quantise all of it")
        what = f"population {population.name!r}"
        flat = {key: _flat(population, getattr(neuron, key)) for key in ("du", "dv", "vth")}
        _check_integers(what, "du", flat["du"], 0, fx.DECAY_UNITY - 1)
        _check_integers(what, "dv", flat["dv"], 0, fx.DECAY_UNITY)  # 4096, "at once", runs in Lava; chips take 4095
        _check_integers(what, "vth", flat["vth"], 0, fx.VTH_MAX)
        if self.network.steps_per_tick > 1 and not self.network.gated:
            flat["dv"] = np.minimum(flat["dv"], fx.DECAY_UNITY - 1)  # over several steps as good as "at once", and what a chip takes
        _check_integers(what, "bias mantissa", mantissa, fx.BIAS_MANT_MIN, fx.BIAS_MANT_MAX)
        _check_integers(what, "bias exponent", np.asarray(neuron.bias_exp), 0, fx.BIAS_EXP_MAX)
        subtract = neuron.reset == "subtract"
        threshold = flat["vth"].astype(np.int64) << fx.V_SHIFT
        reset_by = threshold if neuron.reset_by is None else _flat(population, neuron.reset_by)
        return {
            **{key: self.store(value.astype(np.int64)) for key, value in flat.items()},
            "bias": self.store_bias(mantissa.astype(np.int64)),
            "bias_exp": int(neuron.bias_exp),
            "current": None,
            "reset": "subtract" if subtract else "value" if np.any(neuron.v_reset) else "zero",
            "reset_by": self.store(reset_by if subtract else _flat(population, neuron.v_reset)),
            "start": self.start(_flat(population, neuron.v_start).astype(np.int64)),
        }

    def _float(self, population: Population, bias: Array) -> dict[str, Any]:
        neuron = population.neuron
        if not isinstance(neuron, (LIF, CubaLIF, Threshold)):
            raise NetworkError(f"population {population.name!r}: {type(neuron).__name__} in a float network; mend the network")
        gain, vth = _gain(population), _flat(population, neuron.threshold)
        about = {
            "dv": self.store(_flat(population, getattr(neuron, "beta", 1.0))),
            "vth": self.store(vth),
            "bias_exp": 0,
            "current": None,
            "reset_by": None,
            "start": None,
        }
        if isinstance(neuron, Threshold):
            # The reset has no effect where v forgets at once; leaving it out keeps v readable as the input current.
            return {**about, "du": 1.0, "reset": "none", "bias": self.store_bias(bias)}
        base = _flat(population, base_of(neuron))
        start = _flat(population, neuron.v_leak) - base
        drift = _flat(population, neuron.beta) * start
        about.update(vth=self.store(vth - base), start=self.start(start))
        if isinstance(neuron, LIF):
            about.update(du=1.0, bias=self.store_bias(gain * bias + drift))
        else:
            current = self.store_bias(gain * bias) if bias.any() else None
            about.update(du=self.store(_flat(population, neuron.alpha)), bias=self.store_bias(drift[None]), current=current)
        reset_to = _flat(population, neuron.v_reset) - base
        if neuron.reset == "subtract":
            by = vth if neuron.reset_by is None else _flat(population, neuron.reset_by)
            return {**about, "reset": "subtract", "reset_by": self.store(by)}
        if reset_to.any():
            return {**about, "reset": "value", "reset_by": self.store(reset_to)}
        return {**about, "reset": "zero"}

    def projection(self, projection: Projection) -> dict[str, Any]:
        target = self.network.populations[projection.target]
        if self.network.is_integer:
            _check_synapses(projection)
        return {
            "source": projection.source,
            "target": projection.target,
            "delay": projection.delay,
            "port": projection.port,
            "exponent": projection.exponent,
            "sign_mode": projection.sign_mode,
            "row_scale": None if self.network.is_integer else self.store(_gain(target)),
            "weights": self.weights(projection.weights),
        }

    def weights(self, weights: Weights) -> dict[str, Any]:
        if isinstance(weights, Dense):
            return {"form": "dense", "matrix": self.store_array(_small(weights.matrix))}
        if isinstance(weights, Sparse):
            return {"form": "csr", **self.csr(weights.matrix)}
        left, right = weights.left, weights.right
        if isinstance(left, (Identity, OnesRow, OnesColumn)):
            kind = {Identity: "identity", OnesRow: "row", OnesColumn: "column"}[type(left)]
            left_part: dict[str, Any] = {"kind": kind, "size": left.size}
        else:
            left_part = {"kind": "csr", **self.csr(left)}
        if isinstance(right, Identity):
            right_part: dict[str, Any] = {"kind": "identity", "size": right.size}
        else:
            right_part = {"kind": "values", "values": self.store_array(_small(right))}
        return {"form": "kron", "left": left_part, "right": right_part}

    def csr(self, matrix: sp.csr_matrix) -> dict[str, Any]:
        return {
            "shape": list(matrix.shape),
            "data": self.store_array(_small(matrix.data)),
            "indices": self.store_array(matrix.indices),
            "indptr": self.store_array(matrix.indptr),
        }


def _flat(population: Population, value: Any) -> Array:
    return np.broadcast_to(np.asarray(value), population.shape).ravel()


def _gain(population: Population) -> Array:
    return _flat(population, np.asarray(gain_of(population.neuron), dtype=np.float64))


def _small(values: Array) -> Array:
    """Integers in the 16 bits that hold every weight; floats as float64."""
    return values.astype(np.int16 if np.issubdtype(values.dtype, np.integer) else np.float64)


def _check_integers(what: str, key: str, values: Array, low: int, high: int) -> None:
    values = np.asarray(values)
    bad = values[(values != np.rint(values)) | (values < low) | (values > high)]
    if bad.size:
        raise QuantizationError(f"{what}: {key} {bad.flat[0]:g}, must be an integer from {low} to {high}; quantise the network again")


def _check_synapses(projection: Projection) -> None:
    """What is handed to Lava is what Lava would use: it clips and truncates without a word."""
    what = f"projection {projection.name}"
    if projection.sign_mode is None:
        raise QuantizationError(f"{what}: no sign_mode, must be mixed, excitatory or inhibitory; quantise the network again")
    low, high, step = fx.weight_limits(projection.sign_mode)
    values = _synapse_values(projection.weights)
    _check_integers(what, f"{projection.sign_mode} weight", values, low, high)
    odd = values[values % step != 0]
    if odd.size:
        raise QuantizationError(
            f"{what}: {projection.sign_mode} weight {odd[0]:g}, must be a multiple of {step}; quantise the network again"
        )
    _check_integers(what, "exponent", np.asarray(projection.exponent), fx.EXPONENT_MIN, fx.EXPONENT_MAX)


def _synapse_values(weights: Weights) -> Array:
    """Every value that a synapse takes, once expanded."""
    if isinstance(weights, (Dense, Sparse)):
        return np.unique(weights.values)
    factor: Any = weights.left
    left = np.ones(1) if isinstance(factor, (Identity, OnesRow, OnesColumn)) else np.unique(factor.data)
    right = np.ones(1) if isinstance(weights.right, Identity) else np.unique(weights.right)
    return np.unique(np.multiply.outer(left, right))
