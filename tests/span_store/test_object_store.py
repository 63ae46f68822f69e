"""The same tables on an object store, served by a real HTTP server on this machine."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from span_store.compaction import compact
from span_store.errors import ConcurrentWriterError
from span_store.maintenance import Maintenance
from span_store.retention import Protected, retain
from span_store.statistics import table_statistics
from span_store.store import SpanStore
from tests.span_store.rows import span, spans

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    said = tmp_path_factory.mktemp("server") / "log"
    command = [sys.executable, "-m", "moto.server", "-p", "0"]
    with said.open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            address = _address(said)
            request = urllib.request.Request(f"{address}/tables", method="PUT")
            urllib.request.urlopen(request, timeout=20).close()
            yield address
        finally:
            server.kill()


def _address(said: Path) -> str:
    for _ in range(600):
        if found := re.search(r"Running on (http://127\.0\.0\.1:\d+)", said.read_text()):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"the object store did not start: {said.read_text()}")


@pytest.fixture
def remote(endpoint: str, request: pytest.FixtureRequest) -> SpanStore:
    options = {
        "endpoint_url": endpoint,
        "access_key_id": "any",
        "secret_access_key": "any",
        "region": "us-east-1",
        "allow_http": "true",
    }
    return SpanStore(f"s3://tables/{request.node.name}", options)


def test_appends_scans_and_lookups_work_there(remote: SpanStore) -> None:
    for trace in range(3):
        remote.append("spans", spans(span(trace=trace), span(trace=trace, number=2)), ("a", trace))
    remote.append("spans", spans(span(trace=1)))

    wanted = [span(trace=1)["trace_id"]]
    assert remote.scan("spans").collect().height == 6
    assert remote.scan("spans", trace_ids=wanted).collect().height == 2
    assert SpanStore(remote.place, remote.storage_options).last_transaction("spans", "a") == 2


def test_maintenance_works_there(remote: SpanStore) -> None:
    day = 86_400 * 10**9
    for number in range(4):
        remote.append("spans", spans(span(trace=number, received_at=number * 60 * day)))
        remote.append("spans", spans(span(trace=number, received_at=number * 60 * day)))

    now = datetime.fromtimestamp(200 * 86_400, UTC)
    report = compact(Maintenance(remote, "spans", now), target_bytes=2**26, files_min=2)
    assert (report.files_before, report.files_after, report.rows_after) == (8, 4, 4)
    retain(remote, now=now, age_seconds=100 * 86_400, bytes_max=None, protected=Protected())
    assert remote.scan("spans").collect().height == 2
    Maintenance(remote, "spans", now).vacuum(grace_hours=1)
    assert remote.scan("spans").collect().height == 2
    (statistics,) = table_statistics(remote, target_bytes=2**26)
    assert (statistics.rows, statistics.files, statistics.dead_bytes) == (2, 2, None)


def test_two_writers_at_one_version_both_commit(remote: SpanStore) -> None:
    remote.append("spans", spans(span()))
    logs = [SpanStore(remote.place, remote.storage_options).table_log("spans") for _ in range(2)]
    for log in logs:
        log.create()

    for number, log in enumerate(logs):
        log.commit([], {f"writer-{number}": 7})

    assert remote.last_transaction("spans", "writer-0") == 7
    assert remote.last_transaction("spans", "writer-1") == 7
    with pytest.raises(ConcurrentWriterError):
        logs[0].commit([], {"writer-1": 8})
