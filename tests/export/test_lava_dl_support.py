"""What netx 0.6 loads of the format, and what we read of it: the table in the docs is this one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from test_lava_dl_files import NEURON, conv, dense, layer, write

from neurograph.errors import NeurographError
from neurograph.export.lava_dl.read import read_net
from neurograph.sim.lava import runtime

IMAGE = layer("input", shape=[1, 4, 4])
POOL = layer("pool", neuron=NEURON, shape=[1, 2, 2], weight=np.full((1, 1, 2, 2), 64.0), stride=[2, 2], padding=[0, 0], dilation=[1, 1])
LOOP = layer("dense_rec", neuron=NEURON, shape=[3], weight=2 * np.ones((3, 2)), weight_rec=2 * np.eye(3))
SIGMA = {"type": "SDNN", "vThMant": 5, "activation": "relu"}
RF = {"type": "RF", "sinDecay": 300, "cosDecay": 3500, "vThMant": 50, "refDelay": 1, "gradedSpike": False}
FILES = {
    "dense": [dense(delay=[0, 2, 1], bias=[1, 2, 3])],
    "input with neurons": [layer("input", shape=[2], neuron=NEURON, weight=[64.0], bias=[3.0]), dense()],
    "conv and flatten": [IMAGE, conv(shape=[2, 2, 2]), layer("flatten"), dense(3, 8)],
    "neuron parameters by channel": [dense(neuron={**NEURON, "vDecay": [100, 200, 300]})],
    "dense_rec": [LOOP],
    "pool": [IMAGE, POOL],
    "concat": [dense(), dense(3, 3), layer("concat", layers=[0]), dense(2, 6)],
    "average at the end": [dense(), layer("average", shape=[1])],
    "convT": [IMAGE, layer("convT", neuron=NEURON, shape=[1, 4, 4])],
    "unpool": [IMAGE, layer("unpool", neuron=NEURON, shape=[1, 8, 8])],
    "weights all 0": [dense(weight=np.zeros((3, 2)))],
    "sigma-delta neurons": [dense(neuron=SIGMA)],
    "resonate-and-fire neurons": [dense(neuron=RF, weight={"real": 2 * np.ones((3, 2)), "imag": 2 * np.ones((3, 2))})],
}
# netx, neurograph
SUPPORT = {
    "dense": (True, True),
    "input with neurons": (True, True),
    "conv and flatten": (True, True),
    "neuron parameters by channel": (True, True),
    "dense_rec": (True, True),
    "pool": (False, True),
    "concat": (False, True),
    "average at the end": (False, True),
    "convT": (False, False),
    "unpool": (False, False),
    "weights all 0": (False, True),
    "sigma-delta neurons": (True, False),
    "resonate-and-fire neurons": (True, False),
}


@pytest.mark.lava
def test_support_of_the_format(lava, tmp_path):
    paths = [write(tmp_path / f"{name}.net", *layers) for name, layers in FILES.items()]
    script = Path(__file__).with_name("netx_loads.py")
    subprocess.run([runtime.find(), script, tmp_path / "out.json", *paths], check=True, capture_output=True, timeout=200)
    loaded = json.loads((tmp_path / "out.json").read_text())
    found = {}
    for path in paths:
        try:
            read_net(path)
            ours = True
        except NeurographError:
            ours = False
        found[path.stem] = (isinstance(loaded[path.stem], int), ours)
    assert found == SUPPORT, loaded
