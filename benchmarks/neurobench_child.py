"""What NeuroBench says: runs in its environment, and never imports neurograph.

python neurobench_child.py figures FOLDER     weights, input and figures of every network of neurobench_networks.py
python neurobench_child.py times FILE         seconds of a run of the deep network, plain and counted
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import torch
    from neurobench.benchmarks import Benchmark
    from neurobench.metrics.static import ConnectionSparsity, Footprint
    from neurobench.metrics.workload import ActivationSparsity, SynapticOperations
    from neurobench.models import SNNTorchModel, TorchModel
    from neurobench_networks import NETWORKS, deep
    from torch.utils.data import DataLoader, TensorDataset


def figures(folder: Path) -> None:
    found = {}
    for seed, (name, case) in enumerate(NETWORKS.items()):
        net, x = case.make(seed)
        torch.save({"weights": {k: v.clone() for k, v in net.state_dict().items()}, "input": x}, folder / f"{seed}.pt")
        model = (SNNTorchModel if case.spiking else TorchModel)(net)
        data = DataLoader(TensorDataset(x, torch.zeros(len(x))), batch_size=case.batch)
        metrics = [[Footprint, ConnectionSparsity], [ActivationSparsity, SynapticOperations]]
        with torch.no_grad():
            result = dict(Benchmark(model, data, [], [], metrics).run(quiet=True))
        counted = result.pop("SynapticOperations")
        found[name] = {"file": f"{seed}.pt", **counted, **result}
    (folder / "figures.json").write_text(json.dumps(found))


def times(path: Path) -> None:
    """Plain and counted runs, one after the other and again."""
    asked = json.loads(path.read_text())
    torch.set_num_threads(asked["threads"])
    x = (torch.rand(asked["samples"], asked["ticks"], asked["width"], generator=torch.Generator().manual_seed(1)) < 0.1).float()
    data = DataLoader(TensorDataset(x, torch.zeros(len(x))), batch_size=len(x))
    plain, other = (SNNTorchModel(deep(asked["layers"], asked["width"])) for _ in range(2))
    counted = Benchmark(other, data, [], [], [[], [SynapticOperations]])
    found: dict[str, Any] = {"plain": [], "counted": []}
    with torch.no_grad():
        for _ in range(asked["repeats"]):
            start = time.perf_counter()
            plain(x)
            found["plain"].append(time.perf_counter() - start)
            start = time.perf_counter()
            result = counted.run(quiet=True)
            found["counted"].append(time.perf_counter() - start)
    found["figures"] = dict(result["SynapticOperations"])
    path.write_text(json.dumps(found))


if __name__ == "__main__":
    {"figures": figures, "times": times}[sys.argv[1]](Path(sys.argv[2]))
