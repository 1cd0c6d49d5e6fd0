"""Engines: every task gives its result, a lost process loses nothing but what kills it, Dask gives the bytes that processes give."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_tasks import double, lost_always, lost_once

from neurograph import training
from neurograph.data import load
from neurograph.errors import InputError
from neurograph.reporting.sweep import make_plan, parse, run_sweep
from neurograph.reporting.sweep.engines import dask, processes


@pytest.fixture
def distributed():
    return pytest.importorskip("distributed", reason="needs dask.distributed")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "karate.pt"
    graph = load("karate")
    config, recipe = training.preset(graph)
    training.save(path, training.train(config, graph, 0, recipe, 5).model, graph)
    return path


def test_processes_give_every_result() -> None:
    assert dict(processes(double, range(5), 2)) == {i: 2 * i for i in range(5)}
    assert list(processes(double, [], 2)) == []


def test_a_task_whose_process_was_lost_is_done_again(tmp_path) -> None:
    markers = [str(tmp_path / name) for name in ("a", "b.kill", "c")]
    assert dict(processes(lost_once, markers, 2)) == dict(enumerate(markers))


def test_a_task_that_kills_every_process_is_given_up_and_the_rest_goes_on() -> None:
    assert dict(processes(lost_always, range(4), 2)) == {0: 0, 1: None, 2: 2, 3: 3}


def test_dask_does_a_task_again_whose_worker_was_killed(distributed, tmp_path) -> None:
    markers = [str(tmp_path / name) for name in ("a", "b.kill", "c", "d")]
    assert dict(dask(lost_once, markers, 2)) == dict(enumerate(markers))


def test_a_sweep_on_a_dask_cluster_gives_the_same_bytes(distributed, model, tmp_path) -> None:
    plan = make_plan(model, parse(["bits=2", "ticks=2", "profile=loihi1,loihi2"]), ())
    assert not run_sweep(plan, tmp_path / "processes", 2).failures
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:  # one that somebody else started
        assert not run_sweep(plan, tmp_path / "dask", 2, "dask", cluster.scheduler_address).failures
    assert (tmp_path / "dask" / "rows.jsonl").read_bytes() == (tmp_path / "processes" / "rows.jsonl").read_bytes()


def test_a_scheduler_that_does_not_answer_is_refused(distributed, monkeypatch) -> None:
    with pytest.raises(InputError, match="does not answer"):
        list(dask(double, [1], 1, "tcp://127.0.0.1:9", timeout_s=1))
    with pytest.raises(InputError, match="does not answer"):
        list(dask(double, [1], 1, "nonsense://x"))
