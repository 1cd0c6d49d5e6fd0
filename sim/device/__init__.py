"""The float and the fixed engine on a torch device. torch is imported here and in none of the other engines."""

from neurograph.sim.device.engine import Simulator, run
from neurograph.sim.device.neurons import DeviceNeurons, Scanned, neurons_on
from neurograph.sim.device.products import DeviceWeights

__all__ = ["DeviceNeurons", "DeviceWeights", "Scanned", "Simulator", "neurons_on", "run"]
