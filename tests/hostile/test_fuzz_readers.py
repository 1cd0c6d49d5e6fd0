"""The short form of benchmarks/fuzz.py: every reader on some damaged files, in one process."""

import json

import fuzzing
import pytest
from readers import READERS, made

SEEDS = 15


def test_every_reader_gives_a_value_or_one_line(tmp_path):
    """The law of tests/hostile/fuzzing.py: no other exception, no warning, no crash, no hang, bounded memory."""
    found = dict(made(tmp_path / "good"))
    assert list(found) == list(READERS)
    log = tmp_path / "log"
    process = fuzzing.start(list(found), list(found.values()), 0, SEEDS, str(log), 150)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert process.returncode == 0, (lines[-1:], process.stderr.decode(errors="replace")[-1500:])
    wrong = [(begun["reader"], line["done"], line["wrong"]) for begun, line in zip(lines[::2], lines[1::2], strict=True) if line["wrong"]]
    assert not wrong, wrong[:3]
    assert len(lines) > 25 * len(READERS)


@pytest.mark.parametrize("bad", [b"", b"\0" * 64, b"PK\3\4", b"\x93NUMPY", b"\x89HDF\r\n\x1a\n", b"[" * 100_000])
def test_other_files_are_refused(tmp_path, bad):
    from neurograph.errors import NeurographError

    for name in ("profile", "settings", "sweep rows", "samples", "recording", "weights", "flat file", "heterophilous"):
        (_, folder), *_ = made(tmp_path, [name])
        for file in READERS[name].files:
            (folder / file).write_bytes(bad)
        if name == "sweep rows" and b"\n" not in bad:
            continue  # a line that was cut off, which is made again
        with pytest.raises(NeurographError) as caught:
            READERS[name].use(folder)
        assert "\n" not in str(caught.value)
