"""Good model files, graphs and networks, and what reads them."""

from __future__ import annotations

import functools
from dataclasses import replace

import damage
import numpy as np


def make_checkpoint(folder):
    from neurograph.data import load
    from neurograph.training import preset, save, train

    graph = load("karate")
    config, recipe = preset(graph)
    save(folder / "k.pt", train(config, graph, 0, recipe, 1).model, graph)


def use_checkpoint(folder):
    from neurograph.cli.inspect import _checkpoint

    _checkpoint(folder / "k.pt")


def make_dynamic(folder):
    from neurograph.data.snapshots import blocks, masks_of
    from neurograph.training.dynamic_checkpoint import save_dynamic_model, train_dynamic

    graph = blocks(40)
    save_dynamic_model(folder / "d.pt", train_dynamic("dysign-onchip", graph, masks_of(graph), epochs=1, width=4))


def use_dynamic(folder):
    from neurograph.training.dynamic_checkpoint import load_dynamic_model

    load_dynamic_model(folder / "d.pt").steps()


@functools.cache
def _trained():
    from neurograph.data import load
    from neurograph.models import build
    from neurograph.training import preset

    graph = load("karate")
    model = build(preset(graph)[0], graph.edge_index, None)
    import torch

    return model, torch.optim.Adam(model.parameters())


IDENTITY = {"model": "m", "seed": 0}


def make_state(folder):
    import torch

    from neurograph.training.state import Standing, write_state

    model, optimizer = _trained()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    write_state(folder / "s.state", IDENTITY, model, optimizer, Standing(3, (0.5, -0.1), 2, 0.4, dict(model.state_dict()), 1.0))


def use_state(folder):
    from neurograph.training.state import read_state, restore

    model, optimizer = _trained()
    restore(read_state(folder / "s.state", IDENTITY), model, optimizer, folder / "s.state")


def net():
    import torch

    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))


def make_weights(folder):
    import torch

    torch.save(net().state_dict(), folder / "w.pt")


def use_weights(folder):
    from neurograph.export.torch_modules import load_model

    load_model("readers_of_models:net", folder / "w.pt")


def make_net(folder):
    import test_lava_dl_files as lava_dl

    flat = lava_dl.layer("flatten")
    lava_dl.write(
        folder / "a.net",
        lava_dl.layer("input", shape=[1, 6, 6]),
        lava_dl.conv(shape=[2, 4, 4]),
        flat,
        lava_dl.dense(3, 32),
        simulation={"Ts": 1, "tSample": 4},
    )


def use_net(folder):
    from neurograph.export.lava_dl.read import read_net
    from neurograph.sim import fixed

    network = replace(read_net(folder / "a.net").integer, ticks=3)
    fixed.run(network, {s.name: np.zeros(s.shape if s.is_static else (3, *s.shape)) for s in network.sources})


def use_nir(folder):
    from test_nir_fuzz import use

    use(folder / "x.nir")


def make_nir(folder):
    import hostile

    (folder / "x.nir").write_bytes(hostile.content("dense"))


def damaged_nir(rng, whole):
    return damage.tree.damaged(int(rng.integers(2**32)))
