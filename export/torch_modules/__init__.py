"""Torch → NIR for people's own models: plain torch, Norse, snnTorch, PyTorch Geometric and neurograph.nn.

load.py        a factory and a file of weights → a module
float64.py     a copy of it in float64
calling.py     how it wants to be called
recorder.py    what its run shows, tensor by tensor (values.py, functions.py, kinds.py, pyg.py)
build.py       the NIR graph (trees.py, linear.py; neurons.py, norse.py, snntorch.py, own.py)
compile.py     all of it, and on to what a bundle holds
"""

from neurograph.export.torch_modules.compile import Traced, compile_module, trace_module
from neurograph.export.torch_modules.load import load_model

__all__ = ["Traced", "compile_module", "load_model", "trace_module"]
