"""What `profiles list` and `profiles show` say, and the page that is made of it."""

from __future__ import annotations

import profile_page
import pytest
from pages import standing

from neurograph.hw_profiles import load, names, overview


@pytest.mark.parametrize("name", names())
def test_a_summary_counts_every_constant_once(name: str) -> None:
    found = overview.summary(load(name))
    assert found["constants"] == sum(found["sections"].values()) == sum(found["statuses"].values()) == sum(found["checked"].values())


def test_the_list_shows_at_once_what_is_measured_and_what_assumed() -> None:
    text = overview.table([load(name) for name in names()])
    lines = {line.split()[0]: line for line in text.splitlines()}
    assert set(lines) == {"name", *names()}
    assert "1 measured" in lines["truenorth"] and "6 assumed" in lines["loihi2"] and "none" in lines["generic"]
    assert max(map(len, lines.values())) <= 120


@pytest.mark.parametrize("name", names())
def test_a_profile_is_shown_whole_on_120_columns(name: str) -> None:
    profile = load(name)
    text = overview.shown(profile)
    for section in ("energy", "time", "power", "limits"):
        for key, constant in getattr(profile, section).items():
            assert f"  {key} " in text
            assert constant.source.split()[0] in text and constant.url in text
    assert profile.sha256 in text
    links = [line for line in text.splitlines() if "https://" in line]
    assert all(len(line) <= 120 for line in text.splitlines() if line not in links)


def test_the_page_is_what_the_files_say() -> None:
    assert profile_page.page() == standing(profile_page.PAGE)
