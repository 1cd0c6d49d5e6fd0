"""Run in an interpreter with lava-dl: what netx and Lava themselves make of weight matrices. ``python netx_oracle.py IN.npz OUT.npz``."""

import sys

import numpy as np
from lava.lib.dl.netx.utils import optimize_weight_bits
from lava.utils.weightutils import clip_weights, determine_sign_mode, truncate_weights

made = {}
with np.load(sys.argv[1]) as file, np.errstate(divide="ignore"):
    for name in file.files:
        weights, bits, exponent, _ = optimize_weight_bits(file[name])
        mode = determine_sign_mode(weights)  # netx does not hand its own on
        made[f"{name}_stored"] = truncate_weights(clip_weights(weights, mode, num_bits=8), mode, bits)
        made[f"{name}_about"] = np.array([exponent, mode.value])
np.savez(sys.argv[2], **made)
