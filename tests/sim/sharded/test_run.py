"""Runs over processes, under torchrun. Starting one takes seconds, so that one start does many jobs; ``ranks.py`` has them."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from spiky import karate_checkpoint

from neurograph.errors import InputError
from neurograph.export.compile import compile_checkpoint
from neurograph.export.targets import TARGETS
from neurograph.sim.sharded.halo import pack_bits, unpack_bits
from neurograph.sim.sharded.run import run
from neurograph.storage import save_network

RANKS = Path(__file__).resolve().with_name("ranks.py")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(RANKS.parents[2])}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The integers of an untrained SpikeGraphormer on karate, and its input."""
    folder = tmp_path_factory.mktemp("ranks")
    made = compile_checkpoint(karate_checkpoint(), TARGETS["loihi2"])
    with h5py.File(folder / "network.h5", "w") as file:
        save_network(made.quantized, file)
    np.savez(folder / "inputs.npz", **made.inputs)
    return folder


def torchrun(shards, folder, *jobs):
    """Let so many ranks do jobs one after another, and return what rank 0 wrote of each."""
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(shards),
        str(RANKS),
        str(folder),
        *jobs,
    ]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-4000:]
    return {job: json.loads((folder / f"{job}.json").read_text()) for job in jobs}


@pytest.fixture(scope="module")
def two(folder):
    return torchrun(2, folder, "random_integers", "random_floats", "in_stages", "kept_states", "graded", "stored", "late", "refusals")


@pytest.mark.parametrize("job", ["random_integers", "random_floats", "kept_states", "graded"])
def test_two_ranks_are_one_process_bit_for_bit(two, job):
    assert two[job]["wrong"] == {}
    assert two[job]["crossed"] > 0 and two[job]["split"] > 2 * two[job]["networks"], "networks that are not split test nothing"
    assert two[job]["in_chunks"] > 0


@pytest.mark.parametrize("engine", ["integers", "floats"])
def test_the_compiled_engine_between_exchanges_is_one_process_bit_for_bit(two, engine):
    found = two["in_stages"][engine]
    assert found["wrong"] == {}
    assert found["compiled"] == found["networks"] and found["crossed"] > 0 and found["in_chunks"] > 0


def test_spikegraphormer_out_of_a_file(two):
    found = two["stored"]
    assert found["wrong"] == []
    assert all(nodes > 0 for nodes in found["sharded"]["halo_nodes"]) and all(spikes > 0 for spikes in found["sharded"]["spikes"].values())
    assert found["recorded"]["none"] == [] and 0 < len(found["recorded"]["outputs"]) < len(found["recorded"]["spikes"])
    assert found["states"] == [[], [], []]


def test_three_ranks(folder):
    found = torchrun(3, folder, "random_integers", "in_stages", "stored")
    assert found["random_integers"]["wrong"] == {} and found["stored"]["wrong"] == []
    assert found["in_stages"]["integers"]["wrong"] == {} and found["in_stages"]["floats"]["wrong"] == {}
    assert found["stored"]["sharded"]["shards"] == 3


@pytest.mark.parametrize(
    ("case", "kind", "says"),
    [
        ("shape", "InputError", r"input 's': shape \(2, 5, 6, 2\), must be \(5, 7, 2\)"),
        ("binary", "InputError", "input 's': holds values other than 0 and 1"),
        ("record", "InputError", "record 'everything': does not exist"),
        ("memory", "MemoryLimitError", "network: one tick of one sample.* takes .* limit 10"),
        ("one rank", "ShardError", "rank 1: input 'x': missing"),
        ("no error of ours", "ShardError", "rank 1: AttributeError: "),
        ("midway", "ShardError", "rank 1: population 'r': a value of magnitude 16,482,000, limit 8,388,607"),
    ],
)
def test_rank_0_knows_what_went_wrong_anywhere(two, case, kind, says):
    name, message, seconds = two["refusals"][case]
    assert name == kind and re.match(says, message), message
    assert seconds < 5


def test_an_error_before_the_run_is_no_end(two):
    assert two["refusals"]["and on"] is None


def test_a_rank_that_is_late_is_not_waited_for(two):
    name, message, seconds = two["late"]
    assert (name, message) == ("ShardError", "rank 1: no answer within 2 s; see its messages")
    assert 2 <= seconds < 4


def test_a_rank_that_is_gone_does_not_hang_the_others(folder):
    """Without torchrun, which would end the other rank itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    more = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    command = [sys.executable, str(RANKS), str(folder), "gone"]
    ranks = [
        subprocess.Popen(command, env={**ENVIRONMENT, **more, "RANK": str(rank)}, stderr=subprocess.PIPE, text=True) for rank in range(2)
    ]
    try:
        errors = [rank.communicate(timeout=120)[1] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == [0, 3], errors
    name, message, seconds = json.loads((folder / "gone.json").read_text())
    assert name == "ShardError" and message.startswith("rank 0: another rank stopped, or was silent for 5 s")
    assert seconds < 30


def test_without_torchrun(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(InputError, match=r"sharded run: .*RANK.* not set, .*; start it with: torchrun --nproc-per-node 2 -m neurograph"):
        run(None, {})


@pytest.mark.parametrize("count", [1, 7, 8, 9, 64, 129])
def test_bits_are_unpacked_as_they_were(count):
    bits = torch.from_numpy(np.random.default_rng(count).integers(0, 2, (5, count)).astype(np.uint8))
    packed = pack_bits(bits)
    assert packed.shape == (5, -(-count // 8))
    assert torch.equal(unpack_bits(packed, count), bits)


def test_no_bits():
    assert unpack_bits(pack_bits(torch.zeros((0, 12), dtype=torch.uint8)), 12).shape == (0, 12)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_bits_are_the_same_on_a_gpu():
    bits = torch.from_numpy(np.random.default_rng(0).integers(0, 2, (5, 129)).astype(np.uint8))
    assert torch.equal(pack_bits(bits.cuda()).cpu(), pack_bits(bits))
    assert torch.equal(unpack_bits(pack_bits(bits).cuda(), 129).cpu(), bits)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_two_ranks_share_a_gpu_over_gloo(folder):
    found = torchrun(2, folder, "one_gpu")
    assert found["one_gpu"]["wrong"] == {}


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two NVIDIA GPUs, one a rank")
def test_two_gpus_over_nccl(folder):
    found = torchrun(2, folder, "two_gpus")
    assert found["two_gpus"]["wrong"] == {} and found["two_gpus"]["backend"] == "nccl"
