"""The Lava processes that neurograph adds: logged neurons, delay lines and sources. NumPy and Lava only; ``worker.py`` uses them.

The arithmetic stays Lava's: our models call Lava's and write down what came out. They exist because Lava's monitors and sinks move values
one at a time, which takes minutes for a population of a hundred thousand neurons. The models are bound to processes by name in ``MODELS``
(Lava's ``@implements`` refuses a second process for an inherited model).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.dense.models import PyDenseModelBitAcc, PyDenseModelFloat
from lava.proc.dense.process import Dense
from lava.proc.graded.models import AbstractGradedVecModel, PyGradedVecModelFixed
from lava.proc.graded.process import GradedVec
from lava.proc.lif.models import PyLifResetModelBitAcc, PyLifResetModelFloat
from lava.proc.lif.process import LIFReset
from lava.proc.prodneuron.models import PyProdNeuronModelFixed
from lava.proc.prodneuron.process import ProdNeuron
from lava.proc.sparse.models import PySparseModelBitAcc, PySparseModelFloat
from lava.proc.sparse.process import Sparse

__all__ = ["MODELS", "DelayLine", "GradedDelayLine", "GradedSource", "Neurons", "Products", "Relays", "SpikeSource"]


class Neurons(LIFReset):  # type: ignore[misc]
    """Lava's LIFReset with ``options``: window, logs, biases by sample, and the resets that Lava has no process for."""

    def __init__(self, options: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.proc_params["options"] = options


class _Neurons:
    """What both models of :class:`Neurons` add to Lava's: everything that is not asked for is left to ``super()``."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.options = proc_params["options"]
        self.current: Any = None
        self.start_v: Any = None
        self.files: dict[str, Any] = {}

    def run_spk(self) -> None:
        options = self.options
        sample, within = divmod(self.time_step - options["depth"], options["period"])
        tick, between = divmod(within, options["steps_per_tick"])
        window = 0 <= sample < options["samples"] and tick < options["ticks"]
        inside = window and not between
        if (options["gated"] and not inside) or (options["cleared"] and self.time_step % options["period"] == 0):
            self._hold(window, bool(between))
            return
        if inside and tick == 0:
            self._load_bias(sample)
            self.start_v = options["start"]
        super().run_spk()
        if inside:
            for kind, values in (("spikes", self.spikes), ("voltages", self.v), ("currents", self.u)):
                if kind in options["files"]:
                    self._file(kind)[sample, tick] = values

    def _hold(self, window: bool, between: bool) -> None:
        """A step that is none of the model's: over a lag, what fired in it would be heard in a tick. State lasts from tick to tick."""
        arrived = self.a_in.recv()
        if between and self.options["gated"] and np.any(arrived):
            raise RuntimeError(f"population {self.options['name']}: input at step {self.time_step}, between two of its ticks")
        if not window or not self.options["gated"]:
            self.u[:], self.v[:] = 0, 0
        self.s_out.send(np.zeros(self.v.shape, dtype=bool))

    def _load_bias(self, sample: int) -> None:
        bias, current = self.options["bias"], self.options["current"]
        if len(bias) > 1:
            self.bias_mant[:] = bias[sample]
        if current is not None:
            self.current = current[sample % len(current)]

    def _file(self, kind: str) -> Any:
        if kind not in self.files:
            self.files[kind] = np.lib.format.open_memmap(self.options["files"][kind], mode="r+")
        return self.files[kind]

    def subthr_dynamics(self, activation_in: Any) -> None:
        if self.start_v is not None:  # Lava's reset, which has just been, gives 0
            self.v[:], self.start_v = self.start_v, None
        super().subthr_dynamics(activation_in if self.current is None else activation_in + self.current)

    def spiking_activation(self) -> Any:
        self.spikes = super().spiking_activation()
        return self.spikes

    def reset_voltage(self, spike_vector: Any) -> None:
        reset, by = self.options["reset"], self.options["reset_by"]
        if reset == "zero":
            super().reset_voltage(spike_vector)
        elif reset == "value":
            self.v[spike_vector] = np.broadcast_to(by, self.v.shape)[spike_vector]
        elif reset == "subtract":
            self.v[spike_vector] -= np.broadcast_to(by, self.v.shape)[spike_vector]


class NeuronsFloat(_Neurons, PyLifResetModelFloat):  # type: ignore[misc]
    """Lava's floating point LIFReset, logged."""

    implements_process = Neurons


class NeuronsFixed(_Neurons, PyLifResetModelBitAcc):  # type: ignore[misc]
    """Lava's bit-accurate LIFReset, logged."""

    implements_process = Neurons


class Relays(GradedVec):  # type: ignore[misc]
    """Lava's GradedVec with ``options``: window and log. Its threshold is 0 here: Lava's default of 1 keeps back what is 1 or −1."""

    def __init__(self, options: dict[str, Any], shape: tuple[int, ...]) -> None:
        super().__init__(shape=shape, vth=0)
        self.proc_params["options"] = options


class Products(ProdNeuron):  # type: ignore[misc]
    """Lava's ProdNeuron with ``options``, its threshold 0 as in :class:`Relays`."""

    def __init__(self, options: dict[str, Any], shape: tuple[int, ...], exp: int) -> None:
        super().__init__(shape=shape, vth=0, exp=exp)
        self.proc_params["options"] = options


class _Log:
    """Stands before an out port: writes down what is sent at the model's ticks, and lets nothing through where neurons would hold still."""

    def __init__(self, port: Any, options: dict[str, Any]) -> None:
        self.port, self.options, self.step = port, options, 0
        self.file = np.lib.format.open_memmap(options["files"]["spikes"], mode="r+")

    def send(self, values: Any) -> None:
        options = self.options
        sample, within = divmod(self.step - options["depth"], options["period"])
        tick, between = divmod(within, options["steps_per_tick"])
        inside = 0 <= sample < options["samples"] and tick < options["ticks"] and not between
        if inside:
            self.file[sample, tick] = values
        if (options["gated"] and not inside) or (options["cleared"] and self.step % options["period"] == 0):
            values = np.zeros_like(values)
        self.port.send(values)


class _Logged:
    """What the models of :class:`Relays` and :class:`Products` add to Lava's."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.options = proc_params["options"]
        self.log: Any = None
        self.s_out: Any

    def run_spk(self) -> None:
        if self.log is None:
            self.log = self.s_out = _Log(self.s_out, self.options)  # Lava keeps its own port in py_ports
        self.log.step = self.time_step
        super().run_spk()


class RelaysFixed(_Logged, PyGradedVecModelFixed):  # type: ignore[misc]
    """Lava's bit-accurate GradedVec, logged."""

    implements_process = Relays


@requires(CPU)
class RelaysFloat(_Logged, AbstractGradedVecModel):  # type: ignore[misc]
    """Lava's GradedVec over floats, which Lava has no model for."""

    implements_process = Relays
    implements_protocol = LoihiProtocol
    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    v: Any = LavaPyType(np.ndarray, float)
    vth: Any = LavaPyType(np.ndarray, float)
    exp: Any = LavaPyType(np.ndarray, np.int32)


class ProductsFixed(_Logged, PyProdNeuronModelFixed):  # type: ignore[misc]
    """Lava's bit-accurate ProdNeuron, logged."""

    implements_process = Products


class _ProductModel(PyLoihiProcessModel):  # type: ignore[misc]
    """``⌊a₁ · a₂ / 2^exp⌋`` over floats, which Lava has no model for."""

    a_in1: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    a_in2: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    v: Any = LavaPyType(np.ndarray, float)
    vth: Any = LavaPyType(np.ndarray, float)
    exp: Any = LavaPyType(np.ndarray, np.int32)

    def run_spk(self) -> None:
        self.s_out.send(np.floor(self.a_in1.recv() * self.a_in2.recv() / 2.0**self.exp))


@requires(CPU)
class ProductsFloat(_Logged, _ProductModel):  # type: ignore[misc]
    """The product over floats, logged."""

    implements_process = Products
    implements_protocol = LoihiProtocol


class DelayLine(AbstractProcess):  # type: ignore[misc]
    """Sends what it received ``delay`` steps before; shared by all projections of a source with the same delay.

    Every ``cleared`` steps, if that is not 0, it drops what it holds.
    """

    def __init__(self, size: int, delay: int, cleared: int) -> None:
        super().__init__(size=size, delay=delay, cleared=cleared)
        self.s_in = InPort(shape=(size,))
        self.s_out = OutPort(shape=(size,))


@implements(proc=DelayLine, protocol=LoihiProtocol)
@requires(CPU)
class DelayLineModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Sends before it receives, so that no loop of processes waits for itself."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int8)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int8)
    held: Any = np.int8

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.ring = np.zeros((proc_params["delay"], proc_params["size"]), dtype=self.held)
        self.cleared = proc_params["cleared"]

    def run_spk(self) -> None:
        slot = self.time_step % len(self.ring)
        if self.cleared and self.time_step % self.cleared == 0:
            self.ring[:] = 0
            self.s_out.send(self.ring[slot])
            self.s_in.recv()
            return
        self.s_out.send(self.ring[slot])
        self.ring[slot] = self.s_in.recv()


class GradedDelayLine(DelayLine):  # type: ignore[misc]
    """A delay line of integers."""


class GradedDelayLineModel(DelayLineModel):  # type: ignore[misc]
    """The same in 32 bits."""

    implements_process = GradedDelayLine
    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
    held = np.int32


class SpikeSource(AbstractProcess):  # type: ignore[misc]
    """Emits given spikes, (samples, T, n), tick 0 at machine step ``depth``."""

    def __init__(self, spikes: Any, depth: int, period: int, steps_per_tick: int = 1) -> None:
        super().__init__(spikes=spikes, depth=depth, period=period, steps_per_tick=steps_per_tick)
        self.s_out = OutPort(shape=(spikes.shape[2],))


@implements(proc=SpikeSource, protocol=LoihiProtocol)
@requires(CPU)
class SpikeSourceModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Reads the spikes that the child process inherited."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int8)

    def run_spk(self) -> None:
        spikes = self.proc_params["spikes"]
        sample, within = divmod(self.time_step - self.proc_params["depth"], self.proc_params["period"])
        tick, between = divmod(within, self.proc_params["steps_per_tick"])
        inside = 0 <= sample < spikes.shape[0] and tick < spikes.shape[1] and not between
        self.s_out.send(spikes[sample, tick] if inside else np.zeros(spikes.shape[2], dtype=spikes.dtype))


class GradedSource(SpikeSource):  # type: ignore[misc]
    """Emits given integers."""


class GradedSourceModel(SpikeSourceModel):  # type: ignore[misc]
    """The same in 32 bits."""

    implements_process = GradedSource
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)


_COMMON = {
    DelayLine: DelayLineModel,
    GradedDelayLine: GradedDelayLineModel,
    SpikeSource: SpikeSourceModel,
    GradedSource: GradedSourceModel,
}
MODELS = {
    "float": {
        Neurons: NeuronsFloat,
        Relays: RelaysFloat,
        Products: ProductsFloat,
        Sparse: PySparseModelFloat,
        Dense: PyDenseModelFloat,
        **_COMMON,
    },
    "fixed": {
        Neurons: NeuronsFixed,
        Relays: RelaysFixed,
        Products: ProductsFixed,
        Sparse: PySparseModelBitAcc,
        Dense: PyDenseModelBitAcc,
        **_COMMON,
    },
}
