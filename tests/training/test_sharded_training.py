"""Training over processes: the loss, step by step, and the model are those of one process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from neurograph.errors import TrainingError
from neurograph.training.processes import this_shard

CHILD = """
import json, sys
from dataclasses import replace
from pathlib import Path
import torch
from neurograph.data import load
from neurograph.training import Files, preset, train
from neurograph.training.processes import this_shard

out, model, many = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "many"
torch.set_default_dtype(torch.float64)  # in float32 a spike flips now and then, for sums in another order round otherwise
graph = load("sbm:101")
off = {"input_dropout": 0.0, "spike_dropout": 0.0, "readout_dropout": 0.0}
more = {"heads": 2, "attention_blocks": 2} if model == "spikegraphormer" else {"linear_dropout": 0.0}
config, recipe = preset(graph, model, **off, **more)
recipe = replace(recipe, ramp=2)
def run(epochs, shard=None):
    log = out / ("many.csv" if many else "one.csv") if shard is None or shard.rank == 0 else None
    return train(config, graph, 0, recipe, epochs, files=Files(log=log), shard=shard)
def save(first, last, name):
    gradients = {key: p.grad for key, p in first.model.named_parameters() if p.grad is not None}
    torch.save({"gradients": gradients, "weights": last.model.state_dict()}, out / f"{name}.pt")
if many:
    with this_shard(graph.nodes) as shard:
        save(run(1, shard), run(12, shard), f"many{shard.rank}")
else:
    save(run(1), run(12), "one")
"""


@pytest.mark.parametrize("model", ["spikegraphormer", "sghormer"])
def test_two_processes_train_as_one_does(tmp_path: Path, model: str) -> None:
    import torch

    (tmp_path / "child.py").write_text(CHILD)
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--rdzv-backend", "c10d"]
    start += ["--rdzv-endpoint", "localhost:0"]
    for command, what in (([sys.executable], "one"), (start, "many")):
        done = subprocess.run(
            [*command, str(tmp_path / "child.py"), str(tmp_path), model, what], capture_output=True, text=True, timeout=200
        )
        assert done.returncode == 0, done.stderr[-2000:]
    rows = {name: [line.split(",") for line in (tmp_path / f"{name}.csv").read_text().splitlines()[1:]] for name in ("one", "many")}
    assert len(rows["one"]) == len(rows["many"]) == 12
    for one, many in zip(rows["one"], rows["many"], strict=True):
        assert float(many[2]) == pytest.approx(float(one[2]), rel=1e-5), f"loss of epoch {one[1]}"
        assert float(many[3]) == pytest.approx(float(one[3]), rel=1e-5), f"validation loss of epoch {one[1]}"
    first, second, alone = (torch.load(tmp_path / f"{name}.pt") for name in ("many0", "many1", "one"))
    assert all(torch.equal(first["weights"][key], second["weights"][key]) for key in first["weights"]), "both hold the same model"
    for key, gradient in alone["gradients"].items():
        torch.testing.assert_close(first["gradients"][key], gradient, rtol=1e-6, atol=1e-12, msg=f"gradient of {key}")


def test_without_torchrun_it_says_how_to_start() -> None:
    with pytest.raises(TrainingError, match="there is one process; start it with: torchrun"), this_shard(10):
        pass


def test_the_command_over_two_processes(tmp_path: Path) -> None:
    start = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--rdzv-backend",
        "c10d",
        "--rdzv-endpoint",
        "localhost:0",
    ]
    command = [
        *start,
        "-m",
        "neurograph",
        "train",
        "spikegraphormer",
        "--epochs",
        "12",
        "--sharded",
        "-o",
        str(tmp_path / "m.pt"),
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["epochs"] == 12 and (tmp_path / "m.pt").is_file()
