"""A worker in a process of its own: the same rows, and what happens when either side dies."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from polars.testing import assert_frame_equal

from otlp_receiver import second_worker as second_worker_module
from otlp_receiver.decoding import LOADED_TABLES
from otlp_receiver.errors import WorkerDiedError
from otlp_receiver.loader import Loader
from otlp_receiver.loader_process import local_worker
from otlp_receiver.quarantine import Quarantine
from otlp_receiver.second_worker import SecondWorker
from otlp_receiver.worker_process import COMMAND, WorkerProcess
from span_store.store import SpanStore
from tests.otlp_receiver.requests import log_request, span_ids, trace_request
from tests.otlp_receiver.serving import TRACES, Served, eventually, rows
from tests.otlp_receiver.test_loader import fill, run, stored, traces

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOAD_BYTES = 1500


def settings(place: Path) -> dict[str, Any]:
    return {
        "spool": str(place / "spool"),
        "quarantine": str(place / "quarantine"),
        "store": str(place),
        "load_bytes": LOAD_BYTES,
    }


def loader(place: Path) -> Loader:
    return Loader(worker=local_worker(settings(place), None), load_bytes=LOAD_BYTES)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[WorkerProcess]:
    process = WorkerProcess(settings(tmp_path))
    eventually(process.is_ready)
    yield process
    process.close()


def test_two_processes_load_what_one_loads(tmp_path: Path, process: WorkerProcess) -> None:
    requests = [*traces(40), ("logs", log_request().SerializeToString())]
    requests[7:7] = [("traces", b"\xff no request")]
    alone = tmp_path / "alone"
    for place in (tmp_path, alone):
        fill(place / "spool", requests)
    run(loader(alone))
    subject = loader(tmp_path)
    subject.add_worker(process)

    steps = run(subject)
    subject.close()

    assert steps > 10
    for table in LOADED_TABLES:
        one, other = (stored(place, table).drop("received_at") for place in (tmp_path, alone))
        assert_frame_equal(one.sort(one.columns), other.sort(other.columns))
    assert stored(tmp_path).height == 120
    (item,) = Quarantine(tmp_path / "quarantine").items()
    assert item.bytes == len(requests[7][1])


def test_tables_that_are_unavailable_to_the_process_are_told_of(
    tmp_path: Path, process: WorkerProcess
) -> None:
    fill(tmp_path / "spool", traces(20))
    subject = loader(tmp_path)
    subject.add_worker(process)
    (tmp_path / "spans").write_text("in the way")
    with pytest.raises(Exception, match="spans"):
        run(subject)
    (tmp_path / "spans").unlink()
    subject.resume()

    run(subject)
    subject.close()

    assert stored(tmp_path).height == 60


def test_a_killed_process_ends_the_loader_and_loses_nothing(
    tmp_path: Path, process: WorkerProcess
) -> None:
    fill(tmp_path / "spool", traces(20))
    subject = loader(tmp_path)
    subject.add_worker(process)
    subject.step()
    psutil.Process(process.pid).kill()

    with pytest.raises(WorkerDiedError, match=str(process.pid)):
        run(subject)
    run(loader(tmp_path))

    found = stored(tmp_path).select("trace_id", "span_id").rows()
    sent = [ids for _, body in traces(20) for ids in span_ids(trace_request().FromString(body))]
    assert sorted(found) == sorted(sent)


def test_the_process_ends_with_the_loader(process: WorkerProcess) -> None:
    process._reads.close()
    process._work.close()

    assert process._process.wait(timeout=60) == 0


def test_a_process_that_cannot_start_is_done_without(tmp_path: Path) -> None:
    fill(tmp_path / "spool", traces(40))
    subject = loader(tmp_path)
    second = SecondWorker(settings(tmp_path), [sys.executable, "-c", "raise SystemExit(1)"])
    while subject.step() is not None:
        second.share(subject)
    second.share(subject)
    subject.close()
    second.leave()

    assert stored(tmp_path).height == 120


def test_help_comes_when_much_waits_and_goes_when_nothing_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_worker_module.os, "cpu_count", lambda: 2)
    fill(tmp_path / "spool", traces(60))
    subject = loader(tmp_path)
    second = SecondWorker(settings(tmp_path), COMMAND)
    assert subject.step() is not None
    second.share(subject)
    assert not _children("worker_process")
    while not subject.help_wanted:
        assert subject.step() is not None
    second.share(subject)
    (child,) = _children("worker_process")

    def has_joined() -> bool:
        second.share(subject)
        return len(subject._batches._lanes) == 2

    eventually(has_joined)
    run(subject)
    for _ in range(29):
        second.rest(subject)
    assert child.is_running()
    second.rest(subject)

    assert not child.is_running()
    fill(tmp_path / "spool", traces(70)[60:], first=1000)
    run(subject)
    subject.close()
    assert stored(tmp_path).height == 210


def test_a_machine_with_one_processor_gets_no_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_worker_module.os, "cpu_count", lambda: 1)
    fill(tmp_path / "spool", traces(20))
    subject = loader(tmp_path)
    second = SecondWorker(settings(tmp_path), COMMAND)
    while subject.step() is not None:
        second.share(subject)
    subject.close()

    assert not _children("worker_process")


def test_a_worker_that_forwards_with_findings_finds_them_too(tmp_path: Path) -> None:
    request = trace_request(2, seed=5)
    request.resource_spans[0].scope_spans[0].spans[1].status.code = 2
    fill(tmp_path / "spool", [("traces", request.SerializeToString())])
    options = json.dumps({"data_dir": str(tmp_path), "config_file": None})
    process = WorkerProcess(
        settings(tmp_path), [sys.executable, "-m", "cli.worker_process", options]
    )
    subject = loader(tmp_path)
    order = subject._order()

    eventually(process.is_ready)
    extent = process.read(order)
    found = process.understand(extent.ticket).found
    process.close()
    subject.close()

    ((number, spans),) = found.items()
    assert number == extent.first_number
    (trace_id, span_id) = span_ids(request)[1]
    assert spans[f"{trace_id}:{span_id}"].names == ("error",)


def test_a_receiver_with_much_to_load_gets_help_and_outlives_its_death(tmp_path: Path) -> None:
    requests = [trace_request(20, seed=seed, content="x" * 300) for seed in range(60)]
    with Served(tmp_path / "data", config='[receiver]\nload_bytes = "10KiB"\n') as served:
        held = served.hold_loader()
        with served.channel() as channel:
            send = channel.unary_unary(TRACES)
            for request in requests:
                send(request.SerializeToString(), timeout=120, wait_for_ready=True)
        held.resume()
        eventually(lambda: served.worker() is not None)
        worker = served.worker()
        assert worker is not None
        worker.kill()
        sent = {ids for request in requests for ids in span_ids(request)}
        eventually(lambda: sent <= rows(tmp_path / "data"))

    everything = SpanStore(tmp_path / "data").scan_raw("spans").select("trace_id", "span_id")
    assert everything.collect().is_unique().all()


def _children(program: str) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if any(program in word for word in child.cmdline())
    ]
