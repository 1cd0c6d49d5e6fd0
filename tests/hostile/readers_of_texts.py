"""Good profiles, settings, rows and flat files, and what reads them."""

from __future__ import annotations

import numpy as np


def make_profile(folder):
    from neurograph.hw_profiles.schema import profile_text

    (folder / "p.toml").write_text(profile_text("loihi1"))


def use_profile(folder):
    from neurograph.hw_profiles.schema import load, placement_limits

    placement_limits(load(folder / "p.toml"))


def make_settings(folder):
    text = 'about = "a"\nsource = "b"\ndataset = "karate"\n[model]\nname = "spikegraphormer"\nheads = 2\nattention_width = 8\n'
    (folder / "s.toml").write_text(
        f"{text}gnn_width = 16\ninput_dropout = 0.3\n[recipe]\nepochs = 3\nlearning_rate = 0.01\n[data]\nadjacency = 0.1\n"
    )


def use_settings(folder):
    from neurograph.data import load
    from neurograph.models import MODELS, build
    from neurograph.training.settings import read_settings

    settings = read_settings(folder / "s.toml")
    settings.how()
    if settings.name in MODELS:
        graph = settings.prepare(load("karate"))
        build(settings.config(graph), graph.edge_index, None)


def make_rows(folder):
    from neurograph.kept_lines import KeptLines
    from neurograph.reporting.sweep.row import Row

    kept = KeptLines(folder / "rows.jsonl", Row, "row", "neurograph report --sweep")
    for bits in (2, 4, 8):
        kept.add(
            {"bits": bits, "sha": "x"},
            Row(
                None,
                0,
                4,
                bits,
                "loihi1",
                "as trained",
                "chip events",
                0.8,
                1e-6,
                1e-7,
                1e-5,
                1e-6,
                1e-7,
                1e-5,
                1e-3,
                1e-4,
                1e-2,
                1e-9,
                100.0,
                50.0,
                34,
                3,
                1,
                "measured",
                None,
                None,
            ),
        )


def use_rows(folder):
    from neurograph.kept_lines import KeptLines
    from neurograph.reporting.sweep.row import Row
    from neurograph.reporting.sweep.table import to_csv

    kept = KeptLines(folder / "rows.jsonl", Row, "row", "neurograph report --sweep")
    rows = [kept.find(identity) for identity in kept.identities]
    to_csv(rows)
    assert all(row.cost_j is None or row.cost_j >= 0 for row in rows)


def make_flat(folder):
    from neurograph.flat import pack

    (folder / "f.flat").write_bytes(pack("kind", {"a": 1}, {"x": np.arange(5), "y": np.zeros((2, 3), np.float32)}))


def use_flat(folder):
    from neurograph.flat import unpack

    unpack("kind", (folder / "f.flat").read_bytes())
