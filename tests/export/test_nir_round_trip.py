"""docs/nir_round_trip.md says what runs: every figure again, framework by framework."""

from __future__ import annotations

import nir_round_trip
import pytest
from nir_framework_readers import READERS
from nir_table import rows, shortened

pytestmark = pytest.mark.filterwarnings("ignore")  # the frameworks' own
FRAMEWORKS = list(dict.fromkeys(row.framework for row in nir_round_trip.ROWS))


@pytest.mark.parametrize("key", FRAMEWORKS)
def test_the_page_says_what_runs(key):
    if READERS[key].missing:
        pytest.skip(READERS[key].missing)
    found = nir_round_trip.results(key)
    written = {line[1]: tuple(line[2:6]) for line in rows(nir_round_trip.PAGE.read_text()) if line[0] == READERS[key].name}
    assert written.keys() == found.keys()
    for name, cells in found.items():
        assert cells[2] == "0", f"{name} under its dialect"
        assert tuple(map(_comparable, cells, written[name])) == written[name], name


def _comparable(cell, written):
    """What is written, where a count is within 5 % of it: such counts hang on how a machine sums."""
    try:
        here, there = (int(text.replace(",", "")) for text in (cell, written))
    except ValueError:
        return shortened(cell)
    return written if abs(here - there) <= 0.05 * there else cell
