"""The shipped Collector pipelines in a real Collector, with captured telemetry passing through."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otlp_receiver.dialects.captures import read_captures
from otlp_receiver.record import SpoolRecord
from otlp_receiver.rows import to_rows
from span_store.store import SpanStore
from tests.otlp_receiver.collector import PIPELINES, Collector, collector_program
from tests.otlp_receiver.requests import span_ids, trace_request
from tests.otlp_receiver.serving import Served
from tests.otlp_receiver.test_forwarding import QUICK, forwarding_to, stored_ids, until

if TYPE_CHECKING:
    import polars as pl
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

ARCHIVE = Path(__file__).parents[1] / "data" / "captures" / "captures.tar.xz"


@cache
def captured() -> tuple[SpoolRecord, ...]:
    """Two scenarios of every dialect."""
    chosen: dict[str, int] = {}
    records: list[SpoolRecord] = []
    for capture in read_captures(ARCHIVE):
        chosen[capture.dialect] = chosen.get(capture.dialect, 0) + 1
        if chosen[capture.dialect] <= 2:
            records.extend(capture.records())
    return tuple(records)


def ids(frame: pl.DataFrame) -> set[tuple[str, str]]:
    return set(frame.select("trace_id", "span_id").rows())


def of(request: ExportTraceServiceRequest) -> SpoolRecord:
    return SpoolRecord(
        number=1, project="p", signal="traces", received_at=1, body=request.SerializeToString()
    )


@pytest.mark.parametrize("pipeline", sorted(path.name for path in PIPELINES.glob("*-*.yaml")))
def test_a_real_collector_accepts_the_pipeline(tmp_path: Path, pipeline: str) -> None:
    done = subprocess.run(
        [collector_program(), "validate", "--config", str(PIPELINES / pipeline)],
        env=os.environ | {"COLLECTOR_QUEUE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_genai_spans_and_logs_fan_out_and_the_backend_keeps_everything(tmp_path: Path) -> None:
    genai = to_rows(captured())
    known = ids(genai.spans.filter(genai.spans["dialect"].is_not_null()))
    web = trace_request(4, seed=5, name="GET /")
    for span in web.resource_spans[0].scope_spans[0].spans:
        del span.attributes[:]

    with (
        Served(tmp_path / "backend", config=QUICK) as backend,
        Served(tmp_path / "ours", config=QUICK) as ours,
        Collector(
            "fan-out.yaml",
            tmp_path / "collector",
            BACKEND_ENDPOINT=backend.grpc,
            SPANDOCKET_ENDPOINT=ours.grpc,
        ) as collector,
    ):
        collector.send([*captured(), of(web)])
        everything = ids(genai.spans) | set(span_ids(web))
        until(lambda: stored_ids(tmp_path / "backend") == everything, "the backend's spans")
        until(lambda: stored_ids(tmp_path / "ours") >= known, "our spans")
        for table in ("contents", "evaluations"):
            want = getattr(genai, table).height
            tables = SpanStore(tmp_path / "ours")
            until(lambda: tables.scan_raw(table).collect().height >= want, table)  # noqa: B023
        assert not stored_ids(tmp_path / "ours") & set(span_ids(web))


def test_the_queue_on_disk_outlives_an_outage_and_a_crash_of_the_collector(tmp_path: Path) -> None:
    requests = [trace_request(10, seed=seed) for seed in range(12)]
    sent = {one for request in requests for one in span_ids(request)}
    ours = Served(tmp_path / "ours", config=QUICK).wait()
    port = ours.grpc.rpartition(":")[2]
    place = {"SPANDOCKET_ENDPOINT": ours.grpc}
    try:
        with Collector("load-balanced.yaml", tmp_path / "collector", **place) as collector:
            collector.send([of(request) for request in requests[:4]])
            ours.kill(with_loader=True)
            collector.send([of(request) for request in requests[4:8]])
            collector.kill()
        with Collector("load-balanced.yaml", tmp_path / "collector", **place) as collector:
            collector.send([of(request) for request in requests[8:]])
            ours = Served(tmp_path / "ours", "--grpc-port", port, config=QUICK).wait()
            until(lambda: stored_ids(tmp_path / "ours") == sent, "every span", 90)
        spans = SpanStore(tmp_path / "ours").scan("spans").collect()
        assert spans.height == len(sent)
    finally:
        if ours.process.poll() is None:
            ours.kill(with_loader=True)


def test_a_tail_sampler_behind_us_keeps_flagged_traces_whole(tmp_path: Path) -> None:
    requests = [trace_request(1, seed=seed) for seed in range(20)]
    flagged = set()
    for request in requests[::5]:
        span = request.resource_spans[0].scope_spans[0].spans[0]
        span.status.code = 2
        sibling = request.resource_spans[0].scope_spans[0].spans.add()
        sibling.CopyFrom(span)
        sibling.span_id, sibling.status.code = bytes([9] * 8), 1
        flagged |= set(span_ids(request))

    with (
        Served(tmp_path / "backend", config=QUICK) as backend,
        Collector(
            "keep-flagged.yaml",
            tmp_path / "collector",
            BACKEND_ENDPOINT=backend.grpc,
            DECISION_WAIT="1s",
            KEPT_PERCENT="0",
        ) as collector,
    ):
        config = forwarding_to(f"http://{collector.address}", mode="enriched")
        with Served(tmp_path / "ours", config=config) as ours:
            for request in requests:
                ours.export(request.SerializeToString())
            until(lambda: stored_ids(tmp_path / "backend") == flagged, "the flagged traces")
            until(lambda: len(stored_ids(tmp_path / "ours")) == 24, "all spans with us")
