"""docs/nir_readers.md says what runs: every cell of the table again, reader by reader."""

from __future__ import annotations

import re

import nir_readers
import pytest
from nir_framework_readers import READERS
from nir_table import cells, shortened

pytestmark = pytest.mark.filterwarnings("ignore")  # the frameworks' own
PORTABLE_IN = ("norse", "snntorch", "spikingjelly")


@pytest.fixture(scope="session")
def columns():
    """Reader → its column, as it runs here; run once."""
    made = {}

    def column(key):
        reader = READERS[key]
        if reader.missing:
            pytest.skip(reader.missing)
        if key not in made:
            made[key] = nir_readers.column(reader)
        return made[key]

    return column


@pytest.mark.parametrize("key", READERS)
def test_the_page_says_what_runs(columns, key):
    found = columns(key)
    written = dict(cells(nir_readers.PAGE.read_text(), READERS[key].name))
    assert written.keys() == found.keys()
    assert {row: _comparable(cell, written[row], 0.25 if row in nir_readers.KARATE else 0.05) for row, cell in found.items()} == written


@pytest.mark.parametrize("key", PORTABLE_IN)
def test_the_portable_chain_of_a_bundle_runs_unchanged(columns, key):
    found = columns(key)
    assert [found[row] for row in nir_readers.KARATE] == ["exact (0 of 15,264)"] * 2


def test_the_chain_that_is_compared_is_alive():
    """Every population of the trained model is in the comparison, and enough of it spikes."""
    for name in nir_readers.KARATE:
        chain = nir_readers.karate(name)
        assert sum(spikes.size for spikes in chain.wanted.values()) == 15_264
        assert sum(spikes.any() for spikes in chain.wanted.values()) >= len(chain.wanted) - 1, "at most the mask may be still"
        assert 0.05 < sum(spikes.sum() for spikes in chain.wanted.values()) / 15_264 < 0.8


def test_the_page_names_the_versions_and_calls():
    page = nir_readers.PAGE.read_text()
    for key, reader in READERS.items():
        assert f"`{reader.call}`" in page
        if not reader.missing:
            assert f"{reader.name} {reader.version(reader.package)} |" in page, key


def _comparable(cell, written, tolerance):
    """What is written, where a count of differing slots is near it: such counts hang on how a machine sums, and on what it trained."""
    here, there = (re.match(r"([\d,]+) of [\d,]+ differ", text) for text in (cell, written))
    if here and there and abs(_number(here) - _number(there)) <= tolerance * _number(there):
        return written
    return shortened(cell)


def _number(match):
    return int(match[1].replace(",", ""))
