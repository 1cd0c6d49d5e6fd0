"""The page: the figures of the JSON report, sortable, and nothing that is loaded from anywhere; opened in headless Chromium."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from neurograph.export.placement import Placement
from neurograph.export.placement.files import to_json as placement_json
from neurograph.hw_profiles import baselines
from neurograph.hw_profiles.report import build, rendered
from neurograph.hw_profiles.routing import Routing
from neurograph.network import Network
from neurograph.reporting.figures import figures_of
from neurograph.sim.recording import Recording

HOSTILE = """</title><script>document.title = "hostile"</script><img src=https://example.org/x.png onerror=alert(1)> $x^ & "q" 'a'"""
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
]


@pytest.fixture
def report(integers: Network, recording: Recording, placements: Callable[..., Placement]) -> dict[str, Any]:
    placement = placements()
    routing = Routing.from_json(placement_json(placement))
    return build(
        integers,
        recording,
        profiles=["horowitz45", "loihi1", "loihi2"],
        bundle_name=HOSTILE,
        accuracy=0.8125,
        host_macs={"encoder": 60, "readout": 8},
        baselines=[baselines.graph_transformer(nodes=4, in_features=5, width=3, classes=2)],
        model_info={"dataset": "<b>bold</b>"},
        routing={"loihi1": routing},
        routing_refused={"loihi2": "placement on loihi2: <i>fan_in</i> is 13,752 synapses"},
        figures=figures_of(integers, recording, {"loihi1": placement}),
    )


class Elements(HTMLParser):
    """Tags with their attributes, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_nothing_is_loaded_and_nothing_is_injected(report: dict[str, Any]) -> None:
    report["constants"][0]["url"] = "javascript:alert(1)"
    elements = Elements(rendered(report, "html")).found
    tags = [tag for tag, _ in elements]
    assert tags.count("script") == 1
    assert not {"img", "link", "iframe", "object", "image", "b", "i"} & set(tags)
    assert not [attributes for _, attributes in elements if "src" in attributes or any(key.startswith("on") for key in attributes)]
    links = [str(attributes["href"]) for tag, attributes in elements if tag == "a"]
    assert links and all(re.match("https?://|#", link) for link in links)
    used = [value for tag, attributes in elements if tag != "a" for key, value in attributes.items() if key in ("href", "xlink:href")]
    assert all(str(value).startswith("#") for value in used)


def test_every_id_is_there_once_and_every_reference_has_one(report: dict[str, Any]) -> None:
    report["profiles"].append(report["profiles"][1])  # --profile loihi1 --profile loihi1
    elements = Elements(rendered(report, "html")).found
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {"energy-loihi1-total", "energy-loihi1-total-2", "counts-spikes", "accuracy"} <= set(ids)
    references = [str(value) for _, attributes in elements for key, value in attributes.items() if key in ("href", "xlink:href")]
    assert {value[1:] for value in references if value.startswith("#")} <= set(ids)


def test_the_same_report_gives_the_same_page(report: dict[str, Any]) -> None:
    assert rendered(report, "html") == rendered(json.loads(json.dumps(report)), "html")


@pytest.mark.parametrize("missing", ["accuracy", "counts", "populations", "profiles", "baselines", "constants", "labels"])
def test_a_report_without_a_key_is_a_page_without_that_section(report: dict[str, Any], missing: str) -> None:
    del report[missing], report["figures"]
    page = rendered(report, "html")
    assert page.endswith("</html>\n")
    assert ("energy-loihi1-total" in page) == (missing != "profiles")
    assert ('id="counts-spikes"' in page) == (missing != "counts")


def test_dicts_that_the_page_knows_nothing_of_become_tables(report: dict[str, Any]) -> None:
    report["measured"] = {"label": "measured", "reference": {"seconds": 0.25, "engine": "<float>", "range": [0.2, 0.3]}, "gpu": {}}
    report["neurobench"] = {"Effective_ACs": 123456, "parts": [{"name": "a", "n": 1}, {"name": "b", "n": 2}], "ok": True, "none": None}
    page = rendered(report, "html")
    held = {attributes["id"]: attributes.get("data-value") for _, attributes in Elements(page).found if attributes.get("id")}
    assert held["measured-reference-seconds"] == "0.25"
    assert held["neurobench-Effective_ACs"] == "123456"
    assert held["neurobench-parts-b-n"] == "2"
    assert "&lt;float&gt;" in page
    assert re.search(r'<h2>Measured <span class="label">measured</span>', page)


def test_many_populations_and_ticks_are_drawn_in_part(report: dict[str, Any]) -> None:
    rates = report["figures"]["rates"]
    one = next(iter(rates["populations"].values()))
    rates["populations"] = {f"population {i}": {**one, "size": i} for i in range(40)}
    rates["ticks"] = 30
    page = rendered(report, "html")
    assert "the 24 largest of 40 populations" in page
    assert "population 39" in page
    assert "population 5<" not in page


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: the page is not opened in a browser")
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    for name, program in programs.items():
        if program is None:
            pytest.skip(f"{name} is not installed: the page is not opened in a browser")
    options = webdriver.ChromeOptions()
    options.binary_location = str(programs["chromium"])
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(programs["chromedriver"]))
    try:
        yield driver
    finally:
        driver.quit()


def opened(browser: Any, report: dict[str, Any], path: Path) -> None:
    path.write_text(rendered(report, "html"), encoding="utf-8")
    browser.get(path.as_uri())


def value(browser: Any, identity: str) -> Any:
    text = browser.find_element("id", identity).get_attribute("data-value")
    return json.loads(text)


def test_a_browser_reads_the_json_reports_figures_off_the_page(browser: Any, report: dict[str, Any], tmp_path: Path) -> None:
    opened(browser, report, tmp_path / "report.html")
    assert browser.title == f"Energy report: {HOSTILE}"
    for p in report["profiles"]:
        for key in ("total", "low", "high"):
            assert value(browser, f"energy-{p['name']}-{key}") == p["energy_j"][key]
        for name, energy in p["energy_j"]["components"].items():
            assert value(browser, f"energy-{p['name']}-{name}-total") == energy
        if p["latency_s"] is not None:
            assert value(browser, f"latency-{p['name']}") == p["latency_s"]
    for key in ("synaptic_events", "neuron_updates", "spikes", "messages", "host_macs"):
        assert value(browser, f"counts-{key}") == report["counts"][key]
    for name, p in report["populations"].items():
        assert value(browser, f"population-{name}-spikes") == p["spikes"]
    assert value(browser, "accuracy") == report["accuracy"]
    assert value(browser, "cores-loihi1") == report["profiles"][1]["cores"]
    pictures = browser.find_elements("css selector", "svg.picture")
    assert len(pictures) == 6  # energy at both levels, raster, rates, core map, break-even
    assert all(picture.size["width"] > 300 and picture.size["height"] > 80 for picture in pictures)
    drawn = browser.find_element("css selector", "#summary svg").text
    assert "loihi1" in browser.find_elements("css selector", "#summary svg")[1].text
    assert "horowitz45" in drawn


def test_no_request_leaves_and_nothing_is_refused(browser: Any, report: dict[str, Any], tmp_path: Path) -> None:
    browser.get("about:blank")
    browser.get_log("performance")  # what the browser's own first page did
    opened(browser, report, tmp_path / "report.html")
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert urls == [(tmp_path / "report.html").as_uri()]
    assert browser.get_log("browser") == []  # a refused script, style or picture would be told here
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_a_click_on_a_header_sorts_and_so_does_a_key(browser: Any, report: dict[str, Any], tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    opened(browser, report, tmp_path / "report.html")
    table = browser.find_element("css selector", "#populations table")

    def column(index: int) -> list[str]:
        return [row.find_elements("css selector", "th,td")[index].text for row in table.find_elements("css selector", "tbody tr")]

    header = next(cell for cell in table.find_elements("css selector", "thead th") if cell.text == "spikes")
    index = [cell.text for cell in table.find_elements("css selector", "thead th")].index("spikes")
    spikes = {name: p["spikes"] for name, p in report["populations"].items()}
    header.find_element("tag name", "button").click()
    assert column(0) == sorted(spikes, key=lambda name: spikes[name])
    assert header.get_attribute("aria-sort") == "ascending"
    header.find_element("tag name", "button").send_keys(Keys.ENTER)
    assert column(0) == sorted(spikes, key=lambda name: -spikes[name])
    assert header.get_attribute("aria-sort") == "descending"
    assert column(index) == [f"{spikes[name]:,}" if isinstance(spikes[name], int) else f"{spikes[name]:,.1f}" for name in column(0)]


def test_it_fits_a_phone_follows_the_scheme_and_can_be_pictured(browser: Any, report: dict[str, Any], tmp_path: Path) -> None:
    def background() -> str:
        return str(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))

    opened(browser, report, tmp_path / "report.html")
    light = background()
    picture = browser.get_screenshot_as_png()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 20_000
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    assert background() != light
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True})
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
