"""A receiver that forwards to a second one, both as a person starts them."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from analytics.config import AnalysisConfig
from cli.span_signals import SpanSignals
from otlp_receiver.config import ReceiverConfig
from otlp_receiver.forward_enrichment import Enrichment
from otlp_receiver.spool_folder import owner_pid
from otlp_receiver.spool_reader import SpoolReader
from span_store.store import SpanStore
from tests.otlp_receiver.forwarding import Endpoint
from tests.otlp_receiver.requests import log_request, span_ids, trace_request
from tests.otlp_receiver.serving import LOGS, Served

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import polars as pl
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTraceServiceRequest,
    )

pytestmark = pytest.mark.acceptance

QUICK = '[receiver]\nload_interval_seconds = "50ms"\n'


def forwarding_to(address: str, **settings: str) -> str:
    lines = {"endpoint": address, "retry_initial_seconds": "50ms", "retry_max_seconds": "200ms"}
    pairs = "\n".join(f'{name} = "{value}"' for name, value in (lines | settings).items())
    return f"{QUICK}segment_bytes = 20000\n[forward]\n{pairs}\n"


def until(condition: Callable[[], bool], what: str, patience_seconds: float = 200) -> None:
    deadline = time.monotonic() + patience_seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.1)


def spans_of(data_dir: Path) -> pl.DataFrame:
    return SpanStore(data_dir).scan("spans").collect()


def stored_ids(data_dir: Path) -> set[tuple[str, str]]:
    return set(spans_of(data_dir).select("trace_id", "span_id").rows())


def raw_count(data_dir: Path) -> int:
    return SpanStore(data_dir).scan_raw("spans").collect().height


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_every_accepted_request_arrives_at_the_second_receiver(
    tmp_path: Path, protocol: str
) -> None:
    requests = [trace_request(5, seed=seed) for seed in range(10)]
    sent = {ids for request in requests for ids in span_ids(request)}

    with Served(tmp_path / "far", config=QUICK) as far:
        address = f"http://{far.grpc if protocol == 'grpc' else far.http}"
        config = forwarding_to(address, protocol=protocol)
        with Served(tmp_path / "near", config=config) as near:
            for request in requests:
                near.export(request.SerializeToString())
            near.export(log_request().SerializeToString(), LOGS)
            until(lambda: stored_ids(tmp_path / "far") == sent, "spans at the far receiver")
            far_scores = SpanStore(tmp_path / "far")
            until(lambda: far_scores.scan("evaluations").collect().height == 2, "scores")
            until(lambda: near.metric("forwarded_requests_total") == 11, "the metric")
            assert near.metric("forward_lag_seconds") == 0
            assert near.stop() == 0
    assert stored_ids(tmp_path / "near") == sent


def test_an_outage_and_crashes_of_both_sides_lose_nothing(tmp_path: Path) -> None:
    requests = [trace_request(20, seed=seed, content="x" * 200) for seed in range(12)]
    sent = {ids for request in requests for ids in span_ids(request)}

    far = Served(tmp_path / "far", config=QUICK).wait()
    # The port must be the same after the restart.
    port = far.grpc.rpartition(":")[2]
    near = Served(tmp_path / "near", config=forwarding_to(f"http://{far.grpc}")).wait()
    try:
        for request in requests[:4]:
            near.export(request.SerializeToString())
        until(lambda: near.metric("forwarded_requests_total") > 0, "the first requests")
        far.kill(with_loader=True)
        for request in requests[4:8]:
            near.export(request.SerializeToString())
        until(lambda: near.metric("forward_failing") == 1, "the outage in the metrics")
        until(lambda: near.metric("forward_lag_seconds") > 0.1, "a lag")
        near.kill(with_loader=True)
        near = Served(tmp_path / "near", config=forwarding_to(f"http://{far.grpc}")).wait()
        for request in requests[8:]:
            near.export(request.SerializeToString())
        until(lambda: stored_ids(tmp_path / "near") == sent, "spans at the near receiver")
        far = Served(tmp_path / "far", "--grpc-port", port, config=QUICK).wait()
        until(lambda: stored_ids(tmp_path / "far") == sent, "spans at the far receiver")
        until(lambda: near.metric("forward_lag_seconds") == 0, "no lag")
        until(lambda: near.metric("forward_failing") == 0, "no failure")
        assert near.stop() == 0
        state = json.loads((tmp_path / "near" / "spool" / "forward.state").read_text())
        assert state["refused_requests"] == 0
        assert state["problem"] == ""
    finally:
        for served in (near, far):
            if served.process.poll() is None:
                served.kill(with_loader=True)


def test_a_stop_forwards_what_waits_and_leaves_the_rest_of_an_outage_to_the_next_start(
    tmp_path: Path,
) -> None:
    requests = [trace_request(5, seed=seed) for seed in range(12)]
    away = forwarding_to("http://127.0.0.1:9")
    with Served(tmp_path / "near", config=away) as near:
        for request in requests[:6]:
            near.export(request.SerializeToString())
        until(lambda: near.metric("forward_failing") == 1, "the outage in the metrics")
        assert near.stop() == 0

    endpoint = Endpoint()
    config = forwarding_to(f"http://127.0.0.1:{endpoint.port}")
    with Served(tmp_path / "near", config=config) as near:
        for request in requests[6:]:
            near.export(request.SerializeToString())
        assert near.stop() == 0
    endpoint.stop()

    arrived = b"".join(body for _, body in endpoint.bodies)
    assert arrived == b"".join(request.SerializeToString() for request in requests)


def telling_spans() -> list[tuple[ExportTraceServiceRequest, list[str]]]:
    """Requests of three spans: one that failed, one with an empty answer, one with a good one."""
    text = '[{"role":"assistant","parts":[{"type":"text","content":"%s"}]}]'
    found = []
    for seed in range(4):
        request = trace_request(3, seed=seed)
        failed, empty, fine = request.resource_spans[0].scope_spans[0].spans
        failed.status.code = 2
        for span, answer in ((empty, "  "), (fine, "The capital of France is Paris.")):
            for key, content in (
                ("gen_ai.input.messages", "hi"),
                ("gen_ai.output.messages", answer),
            ):
                span.attributes.add(key=key).value.string_value = text % content
        found.append((request, [span.span_id.hex() for span in (failed, empty, fine)]))
    return found


def test_enriched_spans_carry_their_findings(tmp_path: Path) -> None:
    request, (failed, empty, fine) = telling_spans()[0]

    with Served(tmp_path / "far", config=QUICK) as far:
        config = forwarding_to(f"http://{far.grpc}", mode="enriched")
        with Served(tmp_path / "near", config=config) as near:
            near.export(request.SerializeToString())
            until(lambda: raw_count(tmp_path / "far") == 3, "spans at the far receiver")
            assert near.stop() == 0
    found = {
        row["span_id"]: json.loads(row["attributes"])
        for row in spans_of(tmp_path / "far").select("span_id", "attributes").to_dicts()
    }
    assert found[failed]["spandocket.findings"] == ["error"]
    assert found[empty]["spandocket.findings"] == ["empty_response"]
    assert found[empty]["spandocket.severity"] > 0.5
    assert not any(key.startswith("spandocket.") for key in found[fine])
    near_row = SpanStore(tmp_path / "near").scan("spans", where="is_error").collect()
    assert "spandocket" not in near_row["attributes"][0]


def test_after_a_kill_the_loaders_findings_make_the_bytes_that_forwarding_alone_would(
    tmp_path: Path,
) -> None:
    requests = [request for request, _ in telling_spans()]
    away = forwarding_to("http://127.0.0.1:9", mode="enriched")
    near = Served(tmp_path / "near", config=away).wait()
    for request in requests:
        near.export(request.SerializeToString())
    until(lambda: raw_count(tmp_path / "near") == 12, "the spans in the table")
    near.kill(with_loader=True)
    spool = tmp_path / "near" / "spool"
    until(lambda: owner_pid(spool) is None, "the forwarding process to end")
    assert any(b"empty_response" in path.read_bytes() for path in spool.glob("*.findings"))
    records = SpoolReader(spool).read(2**20)
    signals = SpanSignals(AnalysisConfig(), ReceiverConfig(), lambda: datetime.now(UTC))
    expected = Enrichment(signals)(records, lambda _: False)

    endpoint = Endpoint()
    config = forwarding_to(f"http://127.0.0.1:{endpoint.port}", mode="enriched")
    with Served(tmp_path / "near", config=config) as near:
        until(lambda: near.metric("forwarded_requests_total") == 4, "all requests")
        assert near.stop() == 0
    endpoint.stop()

    assert b"".join(body for _, body in endpoint.bodies) == b"".join(expected)
    assert b"".join(expected).count(b"spandocket.findings") == 8
    assert raw_count(tmp_path / "near") == 12


def test_turned_off_again_the_spool_is_emptied(tmp_path: Path) -> None:
    away = forwarding_to("http://127.0.0.1:9")
    with Served(tmp_path / "near", config=away) as near:
        for seed in range(5):
            near.export(trace_request(60, seed=seed, content="x" * 200).SerializeToString())
        until(lambda: raw_count(tmp_path / "near") == 300, "the spans in the table")
        assert near.stop() == 0
    spool = tmp_path / "near" / "spool"
    assert sum(path.stat().st_size for path in spool.glob("*.segment")) > 50_000

    with Served(tmp_path / "near", config=QUICK) as near:
        near.export(trace_request(1, seed=99).SerializeToString())
        until(
            lambda: sum(path.stat().st_size for path in spool.glob("*.segment")) < 50_000,
            "the spool to be emptied",
        )
        assert near.stop() == 0
