"""Every error that neurograph raises on purpose.

    NeurographError                 exit status 2 on the command line
    ├── InputError                  a file, option or dataset that cannot be used
    │   ├── CheckpointError         a model file
    │   ├── GraphError              a NIR graph
    │   ├── DataError               a dataset or its files
    │   ├── ProfileError            a hardware profile
    │   └── TrainingError           settings of a training run, or a run that is resumed with others
    ├── NetworkError                a Network that breaks its own rules
    ├── PlacementError              a network that no number of cores can hold, or a target whose limits are not known
    ├── UnsupportedError            what the chosen target or engine cannot do, all offenders at once
    ├── QuantizationError           values that do not fit the integers of the target
    ├── CompilerMissingError        no C compiler for the compiled engine
    ├── ConvergenceError            a fixed point that was not found
    ├── MemoryLimitError            a run that needs more memory than it may take
    ├── BundleError                 a bundle that cannot be written, or read back unharmed
    ├── ShardError                  another rank of a sharded run failed, or does not answer
    └── LavaError                   the Lava runtime
        ├── LavaMissingError        no interpreter with Lava
        └── LavaTimeoutError        the worker ran past its time limit

A message names the object, the value, the limit and the way out, in that order, on one line.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "BundleError",
    "CheckpointError",
    "CompilerMissingError",
    "ConvergenceError",
    "DataError",
    "GraphError",
    "InputError",
    "LavaError",
    "LavaMissingError",
    "LavaTimeoutError",
    "MemoryLimitError",
    "NetworkError",
    "NeurographError",
    "PlacementError",
    "ProfileError",
    "QuantizationError",
    "ShardError",
    "TrainingError",
    "UnsupportedError",
]


class NeurographError(Exception):
    """Base of the tree: catch this to catch everything that neurograph raises on purpose."""


class InputError(NeurographError):
    """A file, an option or a dataset that cannot be used as it is."""


class CheckpointError(InputError):
    """A model file that is missing, cut off, unsafe to load, or not one of ours."""


class GraphError(InputError):
    """A NIR graph that cannot be read or has no meaning."""


class DataError(InputError):
    """A dataset that is missing, incomplete, or does not fit the model."""


class ProfileError(InputError):
    """A hardware profile that does not follow the schema."""


class TrainingError(InputError):
    """Settings of a training run that cannot be used, or a run that is resumed with others than it was begun with."""


class NetworkError(NeurographError):
    """A Network whose parts do not fit each other."""


class PlacementError(NeurographError):
    """A network that does not fit the target's cores, however it is split, or limits that do not say enough to place it."""


class UnsupportedError(NeurographError):
    """What a target, an engine or a format cannot do.

    Args:
        where: the target, engine or format that refuses.
        offenders: every offending object with its reason, e.g. ``"population 'ffn': subtract reset"``.
        way_out: what the user can do about it.
    """

    def __init__(self, where: str, offenders: Sequence[str], way_out: str) -> None:
        self.where = where
        self.offenders = list(offenders)
        self.way_out = way_out
        super().__init__(f"{where} cannot take {'; '.join(self.offenders)}: {way_out}")


class QuantizationError(NeurographError):
    """Values that do not fit the integers of the target."""


class CompilerMissingError(NeurographError):
    """No C compiler that makes the compiled engine; the NumPy engines do without."""


class ConvergenceError(NeurographError):
    """A fixed point that was not found to its tolerance in the steps that were allowed."""


class MemoryLimitError(NeurographError):
    """A run that does not fit the memory that it may take, however it is cut."""


class BundleError(NeurographError):
    """A bundle that cannot be written, or that is not what its manifest says."""


class ShardError(NeurographError):
    """Another rank of a sharded run failed, or does not answer; the message is that rank's."""


class LavaError(NeurographError):
    """The Lava runtime failed."""


class LavaMissingError(LavaError):
    """No interpreter that can import Lava was found."""


class LavaTimeoutError(LavaError):
    """The Lava worker ran past its time limit and was killed."""
