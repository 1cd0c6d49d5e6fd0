"""What the reference path takes on this machine: counters read by zeus, on a tree like the kernel's too, and nominal power without."""

import json
import os
import threading
import time

import pytest
import torch
from spiky import karate_checkpoint

from neurograph.cli.main import run_command
from neurograph.export.bundle import open_bundle
from neurograph.export.compile import compile_checkpoint
from neurograph.export.targets import TARGETS
from neurograph.hw_profiles.report import to_markdown
from neurograph.reporting import counters, report_of
from neurograph.reporting.measured import measured_of


class Sample:
    """The part of a bundle that is run."""

    def __init__(self, compiled):
        self.network, self.inputs = compiled.network, compiled.inputs


@pytest.fixture(scope="module")
def sample():
    return Sample(compile_checkpoint(karate_checkpoint(), TARGETS["loihi2"]))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("measured")
    assert run_command(["train", "spikegraphormer", "--epochs", "4", "-o", str(folder / "model.pt")]) == 0
    assert run_command(["export", str(folder / "model.pt"), "--target", "loihi1", "-o", str(folder / "b"), "--no-verify"]) == 0
    return folder / "b"


@pytest.fixture
def rapl(monkeypatch, tmp_path):
    """zeus's RAPL in a folder of our own: a function that makes zones, names → files of it."""
    pytest.importorskip("zeus", reason="needs zeus: pip install 'neurograph[measure]'")
    import zeus.device.cpu as cpu
    from zeus.device.cpu import rapl as module

    root = tmp_path / "intel-rapl"
    monkeypatch.setattr(module, "RAPL_DIR", str(root))
    monkeypatch.setattr(module, "CONTAINER_RAPL_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(cpu, "_cpus", None)
    monkeypatch.setattr(counters, "SETTLE_S", 0.1)
    monkeypatch.setattr(counters, "IDLE_S", 0.1)
    module.rapl_is_available.cache_clear()

    def zones(**files):
        for zone, content in files.items():
            folder = root / zone.replace("__", "/").replace("_", ":").replace("rapl", "intel-rapl")
            folder.mkdir(parents=True)
            for name, text in content.items():
                (folder / name).write_text(f"{text}\n")
        return root

    yield zones
    module.rapl_is_available.cache_clear()
    for one in getattr(cpu._cpus, "cpus", ()):
        for file in (one.rapl_file, one.dram):
            if file is not None and file._wraparound_tracker is not None:
                file._wraparound_tracker._stop()


def zone(name, microjoules=0):
    return {"name": name, "energy_uj": microjoules, "max_energy_range_uj": 262_143_328_850}


def test_joules_are_those_that_the_counters_gained(rapl):
    """Work that turns the package's counter on by 2 J and the memory's by 0.5 J."""
    root = rapl(rapl_0=zone("package-0", 10_000_000), rapl_0__rapl_0_0=zone("dram", 7_000_000))
    done = []

    def work():
        for path, joules in ((root / "intel-rapl:0", 2), (root / "intel-rapl:0/intel-rapl:0:0", 0.5)):
            file = path / "energy_uj"
            file.write_text(f"{int(file.read_text()) + int(joules * 1e6)}\n")
        done.append(1)

    monitor, reason = counters.counter_of_cpu()
    assert reason == ""
    window = counters.watch(work, monitor, 0)
    assert window.repeats == 3 and len(done) == 4  # one before, to warm up
    assert window.package_j == pytest.approx({0: 6.0}) and window.dram_j == pytest.approx({0: 1.5})
    assert window.joules == pytest.approx(7.5) and window.idle_w == 0


def test_a_counter_makes_the_reference_measured(rapl, sample):
    """A counter that another thread turns on, as the processor does: at 10 W."""
    file = rapl(rapl_0=zone("package-0", 1_000_000)) / "intel-rapl:0/energy_uj"
    stop, start = threading.Event(), time.perf_counter()

    def turn():
        while not stop.wait(0.002):
            fresh = file.with_name("fresh")
            fresh.write_text(f"{1_000_000 + int(10e6 * (time.perf_counter() - start))}\n")
            fresh.replace(file)  # a reader sees the old number or the new one

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        report = measured_of(sample, seconds=0.5)
    finally:
        stop.set()
        thread.join()
    found = report["reference"]
    energy = found["energy_j"]
    assert (found["label"], found["counter"]) == ("measured", "RAPL") and found["library"].startswith("zeus ")
    assert 0 < energy["total"] == energy["package"]
    assert energy["total"] * found["repeats"] * found["samples"] < 10 * (time.perf_counter() - start)
    assert energy["total"] == pytest.approx(energy["idle"] + energy["above_idle"])
    assert "reason" not in found and "power" not in found


def test_without_a_counter_energy_is_assumed_and_says_why(rapl, sample):
    found = measured_of(sample, seconds=0)["reference"]
    assert found["label"] == "assumed" and found["counter"] is None
    assert "RAPL is not there: the kernel shows no" in found["reason"]
    energy, power = found["energy_j"], found["power"]
    assert 0 < energy["low"] < energy["total"] < energy["high"]
    assert power["status"] == "assumed" and power["source"].startswith("Cloud Carbon Footprint") and power["url"].startswith("https://")
    busy_s = found["threads_busy"] * found["wall_s"] / found["repeats"] / found["samples"]
    assert energy["total"] == pytest.approx(busy_s * power["watts_per_thread"])


def test_a_counter_that_cannot_be_read_is_named(rapl, sample):
    broken = {key: value for key, value in zone("package-0").items() if key != "energy_uj"}
    rapl(rapl_0=broken)
    found = measured_of(sample, seconds=0)["reference"]
    assert found["label"] == "assumed" and "RAPL does not answer on this machine (Error reading package energy)" in found["reason"]


def test_a_folder_without_packages_is_named(rapl, sample):
    rapl().mkdir()
    assert "names no processor package" in measured_of(sample, seconds=0)["reference"]["reason"]


@pytest.mark.skipif(os.geteuid() == 0, reason="needs a user other than root, whom no permission stops")
def test_a_counter_for_root_alone_is_named(rapl, sample):
    root = rapl(rapl_0=zone("package-0"))
    (root / "intel-rapl:0/energy_uj").chmod(0)
    assert "requires root" in measured_of(sample, seconds=0)["reference"]["reason"]


def test_without_the_library_the_reason_is_how_to_get_it(monkeypatch, sample):
    monkeypatch.setattr(counters, "library", lambda: None)
    found = measured_of(sample, seconds=0)["reference"]
    assert found["label"] == "assumed" and "pip install 'neurograph[measure]'" in found["reason"]


def test_nominal_power_is_the_kernels_where_it_tells(tmp_path):
    for name, title, watts in (("intel-rapl:0", "package-0", 65), ("intel-rapl:1", "package-1", 65), ("intel-rapl:0:0", "core", 40)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "name").write_text(f"{title}\n")
        (tmp_path / name / "constraint_0_max_power_uw").write_text(f"{watts * 1_000_000}\n")
    found = counters.nominal_power(tmp_path)
    assert found.watts == pytest.approx(130 / os.cpu_count()) and "nominal power 130 W of 2 packages" in found.source
    (tmp_path / "intel-rapl:0/constraint_0_max_power_uw").write_text("?\n")
    assert counters.nominal_power(tmp_path).watts == pytest.approx(65 / os.cpu_count())


def test_nominal_power_of_an_unknown_processor_has_a_source_and_a_range(tmp_path):
    found = counters.nominal_power(tmp_path)
    assert (found.watts, found.low, found.high) == (3.5, 0.71, 4.26)


def test_work_is_repeated_for_the_time_asked_for():
    window = counters.watch(lambda: time.sleep(0.01), None, 0.1)
    assert window.repeats >= 3 and window.seconds >= 0.1 and window.joules == 0 and window.idle_w is None
    assert window.shortest_s <= window.seconds / window.repeats <= window.longest_s


def test_a_gpu_that_is_not_there_is_said(sample):
    if torch.cuda.is_available():
        pytest.skip("needs a machine without a GPU")
    assert measured_of(sample, seconds=0)["gpu"] == {"reason": "no GPU: PyTorch finds no usable NVIDIA GPU and driver"}


def test_a_gpu_is_measured(sample):
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    found = measured_of(sample, seconds=0.5)["gpu"]
    assert found["seconds_per_inference"] > 0 and (found["counter"] == "NVML" or found["reason"])


def test_two_reports_differ_in_what_was_measured_alone(bundle, capsys):
    reports = []
    for _ in range(2):
        assert run_command(["report", str(bundle), "--measure", "--format", "json"]) == 0
        reports.append(json.loads(capsys.readouterr().out))
    measured = [report.pop("measured") for report in reports]
    assert reports[0] == reports[1]
    for found in measured:
        reference = found["reference"]
        assert reference["label"] in ("measured", "assumed") and (reference["label"] == "measured") == (reference["counter"] == "RAPL")
        assert reference["repeats"] >= 3 and reference["wall_s"] >= 2 and reference["energy_j"]["total"] > 0
        assert (
            reference["engine"].startswith("float") and reference["idle_subtracted"] is False and "hardware threads" in reference["machine"]
        )


def test_markdown_marks_what_is_assumed(bundle, rapl):
    opened = open_bundle(bundle)
    report = report_of(opened)
    assert "measured" not in report and "on this machine" not in to_markdown(report)
    section = to_markdown({**report, "measured": measured_of(opened, seconds=0)}).split("on this machine")[1].split("\n## ")[0]
    assert "| assumed" in section and "no counter: RAPL is not there" in section and "so **assumed**: CPU seconds × 3.5 W" in section
