"""OTLP over HTTP, to the letter of the specification."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import time
import zlib
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from otlp_receiver.inspection import inspect_logs, inspect_traces
from otlp_receiver.otlp_json import json_to_protobuf
from otlp_receiver.whereabouts import find
from tests.otlp_receiver.requests import log_request, trace_request

if TYPE_CHECKING:
    from tests.otlp_receiver.serving import Served

pytestmark = pytest.mark.acceptance

PROTOBUF = "application/x-protobuf"
JSON = "application/json"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def post(
    served: Served,
    body: bytes,
    path: str = "/v1/traces",
    content_type: str = PROTOBUF,
    method: str = "POST",
    **headers: str,
) -> Answer:
    host, port = served.http.split(":")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(http.client.HTTPConnection(host, int(port), timeout=120)) as connection:
        connection.request(method, path, body, {"Content-Type": content_type, **named})
        answer = connection.getresponse()
        return Answer(
            answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
        )


def traces_json(**span: Any) -> bytes:
    fields = {"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174"}
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [{**fields, "name": "x", **span}]}]}]}
    return json.dumps(document).encode()


def test_protobuf_is_answered_in_protobuf_with_nothing_unset(served: Served) -> None:
    answer = post(served, trace_request().SerializeToString())

    assert (answer.status, answer.headers["content-type"]) == (200, PROTOBUF)
    assert not ExportTraceServiceResponse.FromString(answer.body).HasField("partial_success")


def test_logs_and_metrics_have_their_own_paths(served: Served) -> None:
    logs = post(served, log_request().SerializeToString(), "/v1/logs")
    metrics = post(served, b"", "/v1/metrics")

    assert (logs.status, metrics.status) == (200, 200)
    ExportLogsServiceResponse.FromString(logs.body)


def test_an_empty_request_succeeds(served: Served) -> None:
    assert post(served, b"").status == 200
    assert post(served, b"{}", content_type=JSON).status == 200


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body, wbits=-15)),
        ("identity", bytes),
    ],
)
def test_compressed_requests_are_understood(served: Served, encoding: str, compress: Any) -> None:
    body = compress(trace_request(5).SerializeToString())

    assert post(served, body, content_encoding=encoding).status == 200


def test_json_is_answered_in_json(served: Served) -> None:
    answer = post(served, traces_json(), content_type="application/json; charset=utf-8")

    assert (answer.status, answer.headers["content-type"]) == (200, JSON)
    assert json.loads(answer.body) == {}


@pytest.mark.parametrize(
    "span",
    [
        {"startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": 1544712661000000000},
        {"kind": 3},
        {"kind": "SPAN_KIND_CLIENT"},
        {"attributes": [{"key": "a", "value": {"intValue": "9007199254740993"}}]},
        {"attributes": [{"key": "a", "value": {"doubleValue": "NaN"}}]},
        {"attributes": [{"key": "a", "value": {"bytesValue": "AAE="}}]},
        {"unknownField": {"deeply": ["nested"]}},
        {"traceId": "5b8efff798038103d269b633813fc60c"},
        {"links": [{"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "EEE19B7EC3C1B174"}]},
        {"parentSpanId": ""},
    ],
    ids=lambda span: next(iter(span)),
)
def test_json_as_real_senders_write_it_is_stored(served: Served, span: dict[str, Any]) -> None:
    answer = post(served, traces_json(**span), content_type=JSON)

    assert (answer.status, answer.body) == (200, b"{}")


@pytest.mark.parametrize("bad_id", ["", "00000000000000000000000000000000", "5b8eff", "not hex"])
def test_a_bad_id_in_json_is_counted_and_explained(served: Served, bad_id: str) -> None:
    answer = post(served, traces_json(traceId=bad_id), content_type=JSON)

    partial = json.loads(answer.body)["partialSuccess"]
    assert answer.status == 200
    assert partial["rejectedSpans"] == "1"
    assert "trace id" in partial["errorMessage"]


def status_of(answer: Answer) -> tuple[int, str]:
    if answer.headers["content-type"] == JSON:
        document = json.loads(answer.body)
        return document["code"], document["message"]
    message = Status.FromString(answer.body)
    return message.code, message.message


@pytest.mark.parametrize(
    "fault",
    [
        {"startTimeUnixNano": "-1"},
        {"endTimeUnixNano": 2**64},
        {"startTimeUnixNano": True},
        {"droppedEventsCount": "many"},
        {"name": 5},
        {"attributes": {"a": 1}},
        {"events": [{"timeUnixNano": [1]}]},
    ],
)
def test_one_unreadable_span_in_json_is_rejected_and_those_around_it_are_stored(
    served: Served, fault: dict[str, Any]
) -> None:
    spans = [
        {"traceId": f"{number:032x}", "spanId": f"{number:016x}", "name": "chat"}
        for number in (7001, 7002, 7003)
    ]
    spans[1] |= fault
    document = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}

    answer = post(served, json.dumps(document).encode(), content_type=JSON)

    partial = json.loads(answer.body)["partialSuccess"]
    assert (answer.status, partial["rejectedSpans"]) == (200, "1")
    assert partial["errorMessage"] == "rejected spans: 1 with a field that cannot be read"
    inspected = inspect_traces(json_to_protobuf("traces", json.dumps(document).encode()))
    assert inspected.accepted == 2
    (rejected,) = inspected.rejected
    assert (rejected.trace_id, rejected.span_id) == (f"{7002:032x}", f"{7002:016x}")


def test_a_value_of_another_type_is_kept_beside_a_span_that_is_rejected() -> None:
    values = {
        "word": {"intValue": "twelve"},
        "huge": {"intValue": str(2**70)},
        "part": {"intValue": 1.5},
        "text": {"doubleValue": "much"},
        "list": {"arrayValue": {"values": [{"boolValue": "yes"}, {"intValue": 3}]}},
    }
    attributes = [{"key": key, "value": value} for key, value in values.items()]
    good = {"traceId": f"{1:032x}", "spanId": f"{1:016x}", "attributes": attributes}
    bad = {"traceId": f"{1:032x}", "spanId": f"{2:016x}", "startTimeUnixNano": "-1"}

    bodies = [
        json_to_protobuf("traces", json.dumps(document).encode())
        for spans in ([good], [good, bad])
        for document in [{"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}]
    ]

    kept = [inspect_traces(body) for body in bodies]
    assert [inspected.accepted for inspected in kept] == [1, 1]
    alone, beside = (ExportTraceServiceRequest.FromString(inspected.body) for inspected in kept)
    assert alone == beside


def test_one_unreadable_log_record_in_json_is_rejected_and_those_around_it_are_stored(
    served: Served,
) -> None:
    trace_id = f"{7011:032x}"
    records: list[Any] = [
        {"body": {"stringValue": "one"}},
        {"timeUnixNano": "-1", "traceId": trace_id},
        "no record at all",
        {"body": {"stringValue": "two"}, "attributes": {"a": 1}},
        {"body": {"stringValue": "three"}, "traceId": trace_id, "spanId": f"{1:016x}"},
    ]
    logs = [{"scopeLogs": [{"logRecords": records}, {"logRecords": records[:1]}, {}]}]
    document = json.dumps({"resourceLogs": logs}).encode()

    answer = post(served, document, "/v1/logs", content_type=JSON)

    partial = json.loads(answer.body)["partialSuccess"]
    assert (answer.status, partial["rejectedLogRecords"]) == (200, "3")
    assert partial["errorMessage"] == "rejected log records: 3 with a field that cannot be read"
    kept = inspect_logs(json_to_protobuf("logs", document))
    request = ExportLogsServiceRequest.FromString(kept.body)
    stored = [scope.log_records for scope in request.resource_logs[0].scope_logs]
    assert [[record.body.string_value for record in scope] for scope in stored] == [
        ["one", "three"],
        ["one"],
        [],
    ]
    assert find(served.data_dir, "default", trace_id).refusals == (
        "a log record: a field that cannot be read",
    )


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_what_cannot_be_decoded_is_bad_data_in_the_requests_own_form(
    served: Served, content_type: str
) -> None:
    answer = post(served, b"\x0a\xff\xff", content_type=content_type)

    code, message = status_of(answer)
    assert (answer.status, code) == (400, 3)
    assert answer.headers["content-type"] == content_type
    assert "cannot be decoded" in message


@pytest.mark.parametrize(
    ("path", "method", "content_type", "headers", "status"),
    [
        ("/v1/traces", "POST", "text/plain", {}, 415),
        ("/v1/traces", "POST", PROTOBUF, {"content_encoding": "br"}, 415),
        ("/v1/traces", "POST", PROTOBUF, {"content_encoding": "gzip"}, 400),
        ("/v1/spans", "POST", PROTOBUF, {}, 404),
        ("/", "GET", PROTOBUF, {}, 404),
        ("/v1/traces", "GET", PROTOBUF, {}, 405),
        ("/v1/traces", "OPTIONS", PROTOBUF, {"origin": "https://app.example"}, 405),
    ],
)
def test_wrong_questions_are_answered_as_the_table_says(
    served: Served, path: str, method: str, content_type: str, headers: Any, status: int
) -> None:
    answer = post(served, b"\x01\x02", path, content_type, method, **headers)

    assert answer.status == status
    assert "retry-after" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers
    assert status_of(answer)[1]


def test_a_wrong_method_is_told_the_right_one(served: Served) -> None:
    assert post(served, b"", method="PUT").headers["allow"] == "POST"


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x00\xa5\x01\x00\x00",
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\n{}",
        b"POST /v1/traces HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    ],
)
def test_bytes_that_are_no_http_are_bad_data(served: Served, sent: bytes) -> None:
    host, port = served.http.split(":")
    with socket.create_connection((host, int(port)), timeout=120) as connection:
        connection.sendall(sent)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        status = Status.FromString(answer.read())

    assert (answer.status, status.code) == (400, 3)
    assert answer.headers["content-type"] == PROTOBUF


def test_a_request_over_the_limit_is_refused_and_told_so(served: Served) -> None:
    answer = post(served, bytes(3 * 2**20))

    assert answer.status == 413
    assert "retry-after" not in answer.headers


def test_a_chunked_request_over_the_limit_is_refused(served: Served) -> None:
    host, port = served.http.split(":")
    chunks = (bytes(2**18) for _ in range(12))
    with closing(http.client.HTTPConnection(host, int(port), timeout=120)) as connection:
        connection.request("POST", "/v1/traces", chunks, {"Content-Type": PROTOBUF})

        assert connection.getresponse().status == 413


def test_a_zip_bomb_is_refused_and_honest_traffic_goes_on(served: Served) -> None:
    bomb = gzip.compress(bytes(2**28))

    answer = post(served, bomb, content_encoding="gzip")

    assert answer.status == 413
    assert post(served, trace_request().SerializeToString()).status == 200


def test_a_slow_body_is_ended_and_honest_traffic_goes_on(served: Served) -> None:
    host, port = served.http.split(":")
    with socket.create_connection((host, int(port)), timeout=120) as slow:
        slow.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: 1000\r\n\r\nabc"
        )
        assert post(served, trace_request().SerializeToString()).status == 200
        answer = slow.recv(4096)

    assert b" 408 " in answer.splitlines()[0]


def test_a_slow_head_is_cut_off(served: Served) -> None:
    host, port = served.http.split(":")
    with socket.create_connection((host, int(port)), timeout=120) as slow:
        slow.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        try:
            answer = slow.recv(4096)
        except ConnectionResetError:
            answer = b""

    assert answer == b""


def test_an_endless_head_is_cut_off(served: Served) -> None:
    host, port = served.http.split(":")
    sent = 0
    with socket.create_connection((host, int(port)), timeout=120) as endless:
        endless.sendall(b"POST /v1/traces HTTP/1.1\r\n")
        try:
            while sent < 100_000:
                endless.sendall(b"x-more: " + b"a" * 1000 + b"\r\n")
                sent += 1
        except (ConnectionResetError, BrokenPipeError):
            pass

    assert sent < 100_000


def test_health_readiness_and_metrics_are_beside_it(served: Served) -> None:
    post(served, trace_request().SerializeToString())

    health = post(served, b"", "/healthz", method="GET")
    ready = post(served, b"", "/readyz", method="GET")
    metrics = post(served, b"", "/metrics", method="GET")

    assert (health.status, ready.status) == (200, 200)
    assert b'spandocket_receiver_spans_total{transport="http"}' in metrics.body
    assert b"# TYPE spandocket_receiver_request_seconds histogram" in metrics.body


def test_json_is_stored_as_the_same_spans_as_protobuf(served: Served) -> None:
    from span_store.store import SpanStore

    trace_id = "77777777777777777777777777777777"
    post(served, traces_json(traceId=trace_id, name="from json"), content_type=JSON)

    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        spans = SpanStore(served.data_dir).scan("spans", where=f"trace_id = '{trace_id}'")
        if (found := spans.select("span_id", "name").collect()).height:
            break
        time.sleep(0.1)
    assert found.rows() == [("eee19b7ec3c1b174", "from json")]
