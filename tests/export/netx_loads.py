"""Run in an interpreter with lava-dl: which files netx loads. ``python netx_loads.py OUT.json FILE.net ...``: file → layers, or the error."""

import json
import sys
from pathlib import Path

from lava.lib.dl.netx import hdf5

found = {}
for path in sys.argv[2:]:
    try:
        found[Path(path).stem] = len(hdf5.Network(path))
    except Exception as error:
        found[Path(path).stem] = f"{type(error).__name__}: {error}"
Path(sys.argv[1]).write_text(json.dumps(found))
