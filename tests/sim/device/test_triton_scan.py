"""The Triton kernels where there is no GPU: run by Triton's interpreter, and compiled for GPUs that are not there."""

import os
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from neurograph.sim.device import triton_scan

triton = pytest.importorskip("triton")
HERE = Path(__file__).resolve().parent
STEPS = ("lanes", "size", "ticks", "current_step", "sent_step", "kept_step", "bias_sample", "bias_neuron")


def test_the_kernels_pass_the_tests_of_scans_in_the_interpreter():
    files = [HERE / "test_device_neurons.py", HERE / "test_device_engine.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-rs", "-k", "cpu-triton", *map(str, files)],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        cwd=HERE.parents[2],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    passed = re.search(r"(\d+) passed", done.stdout) or re.match(r"(\.+)", done.stdout)
    assert passed and (len(passed[1]) if "." in passed[1] else int(passed[1])) >= 5, done.stdout
    assert "skipped" not in done.stdout


def compiled(kernel, types, flags, capability):
    """The kernel's code for a GPU of this compute capability; needs no GPU."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    constants = {**flags, "BLOCK": 128}
    signature = {name: "constexpr" if name in constants else types.get(name, "i32") for name in kernel.arg_names}
    places = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    source = ASTSource(fn=kernel, signature=signature, constexprs=places)
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": 4, "enable_fp_fusion": False}).asm


@pytest.mark.parametrize(
    ("state", "current", "capability"), [("i32", "fp32", 80), ("i32", "fp32", 90), ("i64", "fp64", 90), ("i64", "i64", 90)]
)
def test_the_fixed_kernel_compiles(state, current, capability, monkeypatch, tmp_path):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    names = ("u", "v", "u_kept", "v_kept", "threshold", "reset", "bias")
    types = {**dict.fromkeys(names, f"*{state}"), "current": f"*{current}", "sent": "*u8", "seen": "*i64"}
    for subtract, keep in product([False, True], repeat=2):
        kept = dict.fromkeys(("us", "vs"), f"*{state}" if keep else "*u8")
        code = compiled(triton_scan._fixed_kernel, {**types, **kept}, {"SUBTRACT": subtract, "KEEP": keep}, capability)
        assert code["cubin"]


def test_numbers_that_are_one_or_large_compile_too(monkeypatch, tmp_path):
    """Triton makes a constant of a 1, and 64 bits of what needs them."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    names = ("u", "v", "u_kept", "v_kept", "threshold", "reset", "bias", "us", "vs")
    types = {**dict.fromkeys(names, "*i32"), "current": "*fp32", "sent": "*u8", "seen": "*i64"}
    flags = {"SUBTRACT": False, "KEEP": False}
    for more in (dict.fromkeys(STEPS, 1), {"ticks": 1}):
        assert compiled(triton_scan._fixed_kernel, types, {**flags, **more}, 90)["cubin"]
    assert compiled(triton_scan._fixed_kernel, {**types, **dict.fromkeys(STEPS, "i64")}, flags, 90)["cubin"]


def test_the_float_kernel_compiles_and_fuses_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    names = ("current", "u", "v", "u_kept", "beta", "gain", "v_leak", "threshold", "reset", "bias", "us", "vs")
    for synaptic, gain, real in product([False, True], repeat=3):
        types = {**dict.fromkeys(names, "*fp64"), "sent": "*fp64" if real else "*u8"}
        flags = {"SUBTRACT": gain, "KEEP": True, "SYNAPTIC": synaptic, "GAIN": gain, "REAL": real}
        code = compiled(triton_scan._float_kernel, types, flags, 90)["ptx"]
        assert "fma" not in code
        assert code.count("mul.rn.f64") == 1 + synaptic + gain
