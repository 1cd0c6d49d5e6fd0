import pytest
import torch

from neurograph.errors import InputError, MemoryLimitError
from neurograph.network import Network, Population, Source
from neurograph.sim import device
from neurograph.sim.device.devices import described, device_named, memory_named


@pytest.mark.parametrize("name", ["tpu", "CUDA", "cuda:", "cuda:-1", "cuda:1:2", "cpu:0", "mps", ""])
def test_another_name_is_refused(name):
    with pytest.raises(InputError, match=f"device '{name}': does not exist; there are cpu, cuda and cuda:N"):
        device_named(name)


@pytest.mark.parametrize(("version", "why"), [(None, "this PyTorch was built without CUDA"), ("13.0", "finds no usable NVIDIA GPU")])
def test_a_gpu_that_is_not_there(version, why, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", version)
    network = Network({"in": Population("in", (4,), Source())}, (), 3)
    for name in ("cuda", "cuda:3"):
        with pytest.raises(InputError, match=rf"device '{name}': CUDA is not available here \(.*{why}.*\); take --device cpu"):
            device.run(network, {}, device=name)


def test_a_gpu_beyond_the_last(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda found: "Some GPU")
    assert device_named("cuda") == torch.device("cuda", 1)
    assert described(device_named("cuda:0")) == "cuda:0 (Some GPU)"
    with pytest.raises(InputError, match="device 'cuda:2': there are 2 GPUs, counted from 0; take a smaller number or --device cpu"):
        device_named("cuda:2")


def test_running_out_of_memory_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda found: "Some GPU")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda found: (1 << 30, 80 << 30))
    says = r"network: cuda:0 \(Some GPU\) ran out of memory, 1.0 of 80.0 GiB are free; give a smaller max_memory \(--max-memory\)"
    with pytest.raises(MemoryLimitError, match=says), memory_named(torch.device("cuda", 0)):
        raise torch.OutOfMemoryError("CUDA out of memory")
