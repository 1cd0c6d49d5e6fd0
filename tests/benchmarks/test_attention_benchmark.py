"""The benchmark of attention in its short form: all contestants run in processes of their own, and theirs grows with N²."""

from __future__ import annotations

import attention


def test_attention_is_measured() -> None:
    rows = attention.measure([512, 2048], 8, 2, most_gib=4.0)
    assert all(set(row["took"]) == set(attention.CONTESTANTS) for row in rows)
    assert all(took["seconds"] > 0 and took["gib"] > 0 for row in rows for took in row["took"].values())
    assert rows[1]["took"]["softmax"]["gib"] * 2**30 > 2 * 4 * 2048**2
    assert attention.table(rows).row_count == 4


def test_what_does_not_fit_is_said() -> None:
    (row,) = attention.measure([1024], 8, 2, most_gib=0.001)
    assert "softmax" not in row["took"] and "GiB" in row["said"]["softmax"]
