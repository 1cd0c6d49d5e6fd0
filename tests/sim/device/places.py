"""The devices that tests of the device engine run on, and the ways to scan; what cannot run here skips by name."""

import os

import pytest
import torch

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
GPU = pytest.mark.skipif(not torch.cuda.is_available() or INTERPRETED, reason="needs an NVIDIA GPU that PyTorch can use")
INTERPRETER = pytest.mark.skipif(not INTERPRETED, reason="needs TRITON_INTERPRET=1; test_triton_scan.py runs it so")
PLACES = ["cpu", pytest.param("cuda", marks=GPU)]
SCANS = [
    pytest.param("cpu", "torch", marks=pytest.mark.skipif(INTERPRETED, reason="runs without the interpreter")),
    pytest.param("cpu", "triton", marks=INTERPRETER),
    pytest.param("cuda", "torch", marks=GPU),
    pytest.param("cuda", "triton", marks=GPU),
]
