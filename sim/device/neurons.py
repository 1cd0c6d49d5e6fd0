"""The neurons of one population on a device, scanned over all ticks that are at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurograph.errors import InputError
from neurograph.network import FixedLIF, Population, Product
from neurograph.sim.device import torch_scan, triton_scan
from neurograph.sim.device.parameters import FixedParameters, FloatParameters, state_type
from neurograph.sim.graded import check_messages_sent

__all__ = ["DeviceNeurons", "FixedDeviceNeurons", "FloatDeviceNeurons", "GradedDeviceNeurons", "Scanned", "neurons_on", "scan_module"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Scanned:
    """What came of a scan: ``spikes`` (samples, ticks, size), and u and v after each tick if they were asked for."""

    spikes: Tensor
    u: Tensor | None = None
    v: Tensor | None = None


class DeviceNeurons:
    """The state of one population for several samples at once. Call :meth:`start` before an inference, :meth:`scan` for its ticks.

    Attributes:
        sent: type of what goes out: uint8 spikes, int32 messages, float64 values.
        state: type of u and v; None of neurons without a state.
        scan_bytes: what a scan takes beside its results, for each sample; tick_bytes: for each tick of one.
    """

    sent: torch.dtype = torch.uint8
    state: torch.dtype | None = None
    scan_bytes = tick_bytes = 0

    def __init__(self, population: Population, device: torch.device) -> None:
        self.population, self.device, self.size = population, device, population.size

    def start(self, bias: Array, *, samples: int | None = None, keep: bool = False) -> None:
        """Take the bias of the next inferences, and clear the state unless it is to be kept.

        Args:
            bias: (samples, size), or 1 for either where samples or neurons are alike.
            samples: how many; as many as ``bias`` has if not given.
            keep: whether u and v go on.
        """
        raise NotImplementedError

    def scan(self, current: Tensor, out: Tensor | None = None, *, states: bool = True) -> Scanned:
        """Go through the ticks of ``current`` (samples, ticks, ports · size), which goes on where the last scan ended.

        Args:
            current: of any type; exact integers for a FixedLIF.
            out: where to write the spikes, of type ``sent``; a new tensor if not given.
            states: whether u and v are wanted.
        """
        samples, ticks, _ = current.shape
        if out is None:
            out = torch.empty((samples, ticks, self.size), dtype=self.sent, device=self.device)
        if self.state is None or not states:
            self._scan(current, out, None, None)
            return Scanned(out)
        u, v = (torch.empty((samples, ticks, self.size), dtype=self.state, device=self.device) for _ in range(2))
        self._scan(current, out, u, v)
        return Scanned(out, u, v)

    def _scan(self, current: Tensor, out: Tensor, us: Tensor | None, vs: Tensor | None) -> None:
        raise NotImplementedError


class FixedDeviceNeurons(DeviceNeurons):
    """FixedLIF: :mod:`neurograph.fixedpoint` bit for bit.

    Args:
        population: the neurons.
        device: where they live.
        largest_current: bound of what arrives in one tick, see :func:`.parameters.state_type`.
        ticks: scanned between two calls of ``start`` that clear the state.
        way: module that scans, see :func:`scan_module`.
    """

    def __init__(
        self, population: Population, device: torch.device, way: Any, *, largest_current: int | None = None, ticks: int | None = None
    ) -> None:
        super().__init__(population, device)
        self.way = way
        self.state = state_type(population, largest_current, ticks)
        self.parameters = FixedParameters.of(population, device, self.state)
        self.scan_bytes = _temporaries(way, self.state, self.size)
        self.seen = torch.zeros(4, dtype=torch.int64, device=device)
        self.u = self.v = torch.zeros((0, self.size), dtype=self.state, device=device)

    def start(self, bias: Array, *, samples: int | None = None, keep: bool = False) -> None:
        mantissa = torch.from_numpy(np.array(bias, dtype=np.int64)).to(device=self.device, dtype=self.u.dtype)
        self.parameters.bias = mantissa << self.parameters.bias_exp
        if not keep:
            rows = len(bias) if samples is None else samples
            self.u = torch.zeros((rows, self.size), dtype=self.u.dtype, device=self.device)
            self.v = self.parameters.v_start.repeat(rows, 1)

    def _scan(self, current: Tensor, out: Tensor, us: Tensor | None, vs: Tensor | None) -> None:
        self.way.fixed_scan(self.parameters, self.u, self.v, current, out, us, vs, self.seen)

    def overflow(self) -> tuple[int, int, int, int]:
        """Wraps, clips, and the largest |u| and |v| before them, since these neurons were made or :meth:`forget` was called."""
        wraps, clips, u, v = (int(x) for x in self.seen.tolist())
        return wraps, clips, u, v

    def forget(self) -> None:
        """Begin to count anew."""
        self.seen.zero_()


class FloatDeviceNeurons(DeviceNeurons):
    """LIF, CubaLIF, Integrator and Threshold in float64, in the order of :mod:`neurograph.sim.floating`."""

    state = torch.float64

    def __init__(self, population: Population, device: torch.device, way: Any) -> None:
        super().__init__(population, device)
        self.way, self.parameters = way, FloatParameters.of(population, device)
        if self.parameters.real:
            self.sent = torch.float64
        if self.parameters.memoryless:
            self.tick_bytes = 9 * self.size
        else:
            self.scan_bytes = _temporaries(way, self.state, self.size)
        self.u = self.v = torch.zeros((0, self.size), dtype=torch.float64, device=device)

    def start(self, bias: Array, *, samples: int | None = None, keep: bool = False) -> None:
        self.parameters.bias = torch.from_numpy(np.array(bias, dtype=np.float64)).to(self.device)
        if not keep:
            rows = len(bias) if samples is None else samples
            self.u = torch.zeros((rows, self.size), dtype=torch.float64, device=self.device)
            self.v = self.parameters.v_leak.repeat(rows, 1)

    def _scan(self, current: Tensor, out: Tensor, us: Tensor | None, vs: Tensor | None) -> None:
        if not self.parameters.memoryless:
            self.way.float_scan(self.parameters, self.u, self.v, current, out, us, vs)
            return
        total = current + self.parameters.bias[:, None]
        out.copy_(total > self.parameters.threshold)
        if us is not None and vs is not None:
            us.copy_(total)
            vs.copy_(total)


class GradedDeviceNeurons(DeviceNeurons):
    """Graded and Product: :mod:`neurograph.sim.graded`, for all ticks at once."""

    sent = torch.int32

    def __init__(self, population: Population, device: torch.device) -> None:
        super().__init__(population, device)
        self.tick_bytes = 8 * self.size * (population.ports + 2)

    def start(self, bias: Array, *, samples: int | None = None, keep: bool = False) -> None:
        pass

    def _scan(self, current: Tensor, out: Tensor, us: Tensor | None, vs: Tensor | None) -> None:
        values = current.to(torch.int64)
        neuron = self.population.neuron
        if isinstance(neuron, Product):
            values = (values[..., : self.size] * values[..., self.size :]) >> neuron.exponent
        if values.numel():
            check_messages_sent(self.population, int(values.abs().max()))
        out.copy_(values)


def neurons_on(
    device: torch.device | str,
    population: Population,
    *,
    integer: bool | None = None,
    scan: str = "auto",
    largest_current: int | None = None,
    ticks: int | None = None,
) -> DeviceNeurons:
    """The neurons of any population but a source.

    Args:
        device: where they live.
        population: its neurons.
        integer: whether the network is; if not given, what the neurons say.
        scan: see :func:`scan_module`.
        largest_current, ticks: see :class:`FixedDeviceNeurons`; int64 if not given.

    Raises:
        NetworkError: neurons of the other arithmetic.
    """
    device = torch.device(device)
    if population.is_graded:
        return GradedDeviceNeurons(population, device)
    way = scan_module(scan, device)
    if isinstance(population.neuron, FixedLIF) if integer is None else integer:
        return FixedDeviceNeurons(population, device, way, largest_current=largest_current, ticks=ticks)
    return FloatDeviceNeurons(population, device, way)


def _temporaries(way: Any, state: torch.dtype, size: int) -> int:
    """Torch makes a new tensor of every operation of a tick; a kernel keeps them in registers."""
    return 12 * state.itemsize * size if way is torch_scan else 0


def scan_module(scan: str, device: torch.device) -> Any:
    """The module that scans: "triton", "torch", or "auto": Triton's kernels on a GPU where Triton can compile, else torch.

    Raises:
        InputError: another name, or Triton where it is missing.
    """
    if scan not in ("auto", "torch", "triton"):
        raise InputError(f"scan {scan!r}: does not exist; there are auto, torch and triton")
    if scan == "triton" and not triton_scan.usable():
        raise InputError("scan 'triton': needs Triton and a C compiler (gcc, clang or $CC); install them, or take 'torch'")
    if scan == "auto":
        scan = "triton" if device.type == "cuda" and triton_scan.usable() else "torch"
    return triton_scan if scan == "triton" else torch_scan
