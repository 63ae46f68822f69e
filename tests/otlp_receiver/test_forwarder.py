"""Forwarding: every request arrives, in order, whatever the endpoint does meanwhile."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from otlp_receiver.config import ForwardConfig
from otlp_receiver.errors import InvalidForwardError
from otlp_receiver.forward_enrichment import Enrichment, SpanFindings, enriched
from otlp_receiver.forward_state import load_state, register, unregister
from otlp_receiver.forward_target import Outcome, open_target
from otlp_receiver.forwarder import Backoff, groups
from otlp_receiver.record import SpoolRecord
from otlp_receiver.segment import segments
from otlp_receiver.spool_folder import delete_finished
from otlp_receiver.spool_reader import SpoolReader
from tests.otlp_receiver.forwarding import Endpoint, fill, forwarder, http_endpoint, run
from tests.otlp_receiver.requests import log_request, span_ids, trace_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Answer = Callable[[str, bytes, Any], bytes]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    found = Endpoint()
    yield found
    found.stop()


def test_requests_arrive_in_order_and_byte_for_byte(tmp_path: Path, endpoint: Endpoint) -> None:
    requests = [trace_request(seed=seed) for seed in range(5)]
    requests.insert(3, log_request())
    bodies = fill(tmp_path / "spool", *requests)

    run(forwarder(tmp_path / "spool", endpoint.port))

    joined = [b"".join(bodies[:3]), bodies[3], b"".join(bodies[4:])]
    assert endpoint.bodies == [("trace", joined[0]), ("logs", joined[1]), ("trace", joined[2])]
    whole = ExportTraceServiceRequest.FromString(joined[0])
    assert span_ids(whole) == [ids for n in range(3) for ids in span_ids(requests[n])]


def test_requests_above_the_batch_size_go_alone(tmp_path: Path, endpoint: Endpoint) -> None:
    bodies = fill(tmp_path / "spool", *(trace_request(seed=seed) for seed in range(4)))

    run(forwarder(tmp_path / "spool", endpoint.port, batch_bytes=1))

    assert [body for _, body in endpoint.bodies] == bodies


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_an_endpoint_that_is_away_loses_nothing(tmp_path: Path, protocol: str) -> None:
    bodies = fill(tmp_path / "spool", trace_request(seed=1), trace_request(seed=2))
    waits: list[float] = []
    away = forwarder(tmp_path / "spool", 9, waits=waits, attempts=6, protocol=protocol)

    run(away)

    assert waits[0] == 0.01
    assert waits == sorted(waits)
    assert waits[-1] == 0.05
    assert away.state.problem
    assert away.state.is_failing
    assert away.state.number == 0
    back = Endpoint()
    run(forwarder(tmp_path / "spool", back.port))
    back.stop()
    assert back.bodies == [("trace", b"".join(bodies))]


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
    ],
)
def test_what_the_endpoint_or_an_operator_can_mend_is_sent_again(
    tmp_path: Path, endpoint: Endpoint, code: grpc.StatusCode
) -> None:
    fill(tmp_path / "spool", trace_request())
    endpoint.refusals = [(code, None)] * 3

    one = forwarder(tmp_path / "spool", endpoint.port)
    run(one)

    assert len(endpoint.bodies) == 1
    assert (one.state.requests, one.state.refused_requests) == (1, 0)
    assert not one.state.is_failing


def test_the_delay_that_the_endpoint_asks_for_is_kept(tmp_path: Path, endpoint: Endpoint) -> None:
    fill(tmp_path / "spool", trace_request())
    endpoint.refusals = [(grpc.StatusCode.RESOURCE_EXHAUSTED, 0.04)]
    waits: list[float] = []

    run(forwarder(tmp_path / "spool", endpoint.port, waits=waits))

    assert waits == [0.04]
    assert len(endpoint.bodies) == 1


def test_only_the_request_at_fault_is_given_up(tmp_path: Path, endpoint: Endpoint) -> None:
    bodies = fill(tmp_path / "spool", *(trace_request(seed=seed) for seed in range(4)))
    endpoint.is_poison = lambda body: bodies[2] in body

    one = forwarder(tmp_path / "spool", endpoint.port)
    run(one)

    assert [body for _, body in endpoint.bodies] == [bodies[0], bodies[1], bodies[3]]
    assert (one.state.requests, one.state.refused_requests) == (3, 1)


def test_a_restart_goes_on_where_it_was(tmp_path: Path, endpoint: Endpoint) -> None:
    spool = tmp_path / "spool"
    fill(spool, trace_request(seed=1))
    run(forwarder(spool, endpoint.port))
    later = fill(spool, trace_request(seed=2), first=100)

    run(forwarder(spool, endpoint.port))

    assert [body for _, body in endpoint.bodies][1:] == later
    assert load_state(spool).number == 101
    assert load_state(spool).requests == 2


def test_segments_wait_for_forwarding(tmp_path: Path, endpoint: Endpoint) -> None:
    spool = tmp_path / "spool"
    fill(spool, *(trace_request(seed=seed) for seed in range(6)), segment_bytes=1)
    register(spool)
    newest = segments(spool)[-1][0]

    assert delete_finished(spool, newest, lambda: None) == []
    run(forwarder(spool, endpoint.port))
    assert delete_finished(spool, newest, lambda: None)
    assert [first for first, _ in segments(spool)] == [newest]


def test_a_full_disk_keeps_nothing_from_being_forwarded_and_let_go(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    spool = tmp_path / "spool"
    bodies = fill(spool, *(trace_request(seed=seed) for seed in range(6)), segment_bytes=1)
    register(spool)
    newest = segments(spool)[-1][0]
    for name in ("forward.state", "forward.position"):
        (spool / f"{name}.{os.getpid()}.part").symlink_to("/dev/full")

    one = forwarder(spool, endpoint.port)
    run(one)

    assert b"".join(body for _, body in endpoint.bodies) == b"".join(bodies)
    assert delete_finished(spool, newest, lambda: None)
    assert [first for first, _ in segments(spool)] == [newest]


def test_turned_off_the_spool_does_not_wait(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    fill(spool, *(trace_request(seed=seed) for seed in range(3)), segment_bytes=1)
    register(spool)

    unregister(spool)

    newest = segments(spool)[-1][0]
    assert delete_finished(spool, newest, lambda: None)
    assert load_state(spool).number == 0


def test_headers_and_compression_reach_the_endpoint(tmp_path: Path, endpoint: Endpoint) -> None:
    bodies = fill(tmp_path / "spool", trace_request())

    headers = {"Authorization": "Bearer secret"}
    run(forwarder(tmp_path / "spool", endpoint.port, headers=headers, compression="gzip"))

    assert endpoint.headers[0]["authorization"] == "Bearer secret"
    assert [body for _, body in endpoint.bodies] == bodies


def test_a_partial_success_is_counted(tmp_path: Path) -> None:
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = 2
    response.partial_success.error_message = "two are bad"
    fill(tmp_path / "spool", trace_request(4))

    with http_endpoint(200, response.SerializeToString()) as (port, _):
        one = forwarder(tmp_path / "spool", port, protocol="http")
        run(one)

    assert (one.state.requests, one.state.rejected_items) == (1, 2)
    assert (one.state.problem, one.state.is_failing) == ("two are bad", False)


def test_an_answer_that_is_no_otlp_counts_as_taken(tmp_path: Path) -> None:
    fill(tmp_path / "spool", trace_request())

    with http_endpoint(200, b"<html>fine</html>") as (port, _):
        one = forwarder(tmp_path / "spool", port, protocol="http")
        run(one)
    with http_endpoint(503, b"<html>no</html>") as (port, _):
        config = ForwardConfig(endpoint=f"http://127.0.0.1:{port}", protocol="http")
        target = open_target(config)
        answer = target.send("traces", b"")
        target.close()

    assert one.state.requests == 1
    assert answer.reason.startswith("HTTP 503")


def test_over_http_paths_types_and_headers_are_those_of_otlp(tmp_path: Path) -> None:
    bodies = fill(tmp_path / "spool", trace_request(), log_request())

    with http_endpoint(200) as (port, seen):
        run(forwarder(tmp_path / "spool", port, protocol="http", headers={"x-api-key": "k"}))

    assert [(path, body) for path, _, body in seen] == [
        ("/v1/traces", bodies[0]),
        ("/v1/logs", bodies[1]),
    ]
    assert seen[0][1]["Content-Type"] == "application/x-protobuf"
    assert seen[0][1]["x-api-key"] == "k"


@pytest.mark.parametrize(
    ("status", "outcome", "delay"),
    [
        (202, Outcome.DELIVERED, None),
        (299, Outcome.DELIVERED, None),
        (307, Outcome.LATER, None),
        (400, Outcome.REFUSED, None),
        (413, Outcome.REFUSED, None),
        (401, Outcome.LATER, None),
        (429, Outcome.LATER, 3.0),
        (503, Outcome.LATER, 3.0),
        (500, Outcome.LATER, None),
    ],
)
def test_http_answers_are_retried_or_not(
    status: int, outcome: Outcome, delay: float | None
) -> None:
    headers = {} if delay is None else {"Retry_After": f"{delay:.0f}"}
    problem = Status(message="why").SerializeToString()
    with http_endpoint(status, problem, **headers) as (port, _):
        config = ForwardConfig(endpoint=f"http://127.0.0.1:{port}", protocol="http")
        target = open_target(config)
        answer = target.send("traces", b"")
        target.close()

    assert (answer.outcome, answer.delay_seconds) == (outcome, delay)
    assert outcome is Outcome.DELIVERED or answer.reason.endswith(": why")


def test_findings_become_attributes_of_their_spans_alone(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    request = trace_request(3)
    first, second, third = span_ids(request)
    fill(tmp_path / "spool", request, log_request())
    both = SpanFindings(names=("empty_response", "error"), severity=0.8)
    number = SpoolReader(tmp_path / "spool").read(1)[0].number

    enrich = Enrichment(lambda _: {number: {":".join(second): both}})
    run(forwarder(tmp_path / "spool", endpoint.port, enrich=enrich))

    arrived = ExportTraceServiceRequest.FromString(endpoint.bodies[0][1])
    spans = arrived.resource_spans[0].scope_spans[0].spans
    marks = [_marks(span) for span in spans]
    assert marks == [{}, {"findings": ["empty_response", "error"], "severity": 0.8}, {}]
    del spans[1].attributes[-2:]
    assert arrived == request
    assert span_ids(arrived) == [first, second, third]


def _marks(span: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute in span.attributes:
        if attribute.key == "spandocket.findings":
            values = attribute.value.array_value.values
            found["findings"] = [value.string_value for value in values]
        if attribute.key == "spandocket.severity":
            found["severity"] = attribute.value.double_value
    return found


def test_marks_of_an_earlier_forwarding_are_replaced() -> None:
    request = trace_request(1)
    findings = {":".join(span_ids(request)[0]): SpanFindings(names=("error",), severity=0.5)}

    once = enriched(request.SerializeToString(), findings)

    assert enriched(once, findings) == once
    assert enriched(b"\xff\xff no request", findings) == b"\xff\xff no request"


def test_waits_double_within_the_longest_and_keep_what_was_asked() -> None:
    backoff = Backoff(first_seconds=1, longest_seconds=30)

    assert [backoff.seconds(n, None) for n in (1, 2, 5, 6, 500)] == [1, 2, 16, 30, 30]
    assert backoff.seconds(1, 7) == 7
    assert backoff.seconds(1, 700) == 700
    assert backoff.seconds(1, 7e9) == 3600


def test_groups_join_neighbours_of_one_signal() -> None:
    def record(number: int, signal: Any, size: int) -> SpoolRecord:
        return SpoolRecord(
            number=number, project="p", signal=signal, received_at=0, body=bytes(size)
        )

    records = [
        record(1, "traces", 4),
        record(2, "traces", 6),
        record(3, "traces", 1),
        record(4, "logs", 1),
        record(5, "traces", 99),
    ]
    found = [[entry.number for entry in group] for group in groups(records, 10)]
    assert found == [[1, 2], [3], [4], [5]]


@pytest.mark.parametrize(
    "headers",
    [{"x a": "b"}, {"": "b"}, {"x-a": "b\nc"}, {"x-a": "Bearer ü"}, {"ü": "b"}],
)
def test_headers_that_cannot_be_sent_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no header may look like"):
        ForwardConfig(endpoint="http://x:1", headers=headers)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ('endpoint = "http://127.0.0.1:9/v1/traces"', "as grpc needs it"),
        ('endpoint = "https://127.0.0.1:9"\ntls_ca_file = "/missing.pem"', "/missing.pem"),
        ('endpoint = "ftp://127.0.0.1:9"\nprotocol = "http"', "ftp://127.0.0.1:9"),
        ('endpoint = "http://x:9"\nprotocol = "http"\nheaders = { "a b" = "c" }', "a b"),
    ],
)
def test_settings_that_can_never_work_are_told_before_anything_starts(
    spandocket: Any, tmp_path: Path, setting: str, told: str
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(f"[forward]\n{setting}\n")

    done = spandocket("--config", settings, "serve", "--grpc-port", "0")

    assert done.code in {1, 2}
    assert told in " ".join(done.err.split())
    assert "Traceback" not in done.err
    assert not (tmp_path / "data" / "spool").exists()


def test_settings_that_name_no_endpoint_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidForwardError, match="mend the section"):
        open_target(ForwardConfig(endpoint="ftp://x", protocol="http"))
    missing = str(tmp_path / "missing.pem")
    with pytest.raises(InvalidForwardError, match=r"missing\.pem"):
        open_target(ForwardConfig(endpoint="https://x", tls_ca_file=missing))
    with pytest.raises(ValueError, match="belong together"):
        ForwardConfig(endpoint="https://x", tls_cert_file="x")
