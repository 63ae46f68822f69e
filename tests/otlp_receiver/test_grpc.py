"""OTLP over gRPC, to the letter of the specification."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
import zlib
from typing import TYPE_CHECKING

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from span_store.store import SpanStore
from tests.otlp_receiver.requests import log_request, span_ids, trace_request
from tests.otlp_receiver.serving import LOGS, METRICS, TRACES, Served

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.acceptance


def refused(served: Served, body: bytes, method: str = TRACES, **options: object) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        served.export(body, method, **options)
    return caught.value


def refusals(served: Served, reason: str) -> float:
    """How many requests over gRPC were refused for this reason so far."""
    return served.metric(f'refused_requests_total{{transport="grpc",reason="{reason}"}}')


def trailers(error: grpc.RpcError) -> dict[str, bytes]:
    return dict(error.trailing_metadata())


def test_a_stored_request_is_answered_with_nothing(served: Served) -> None:
    assert served.export(trace_request().SerializeToString()) == b""
    assert served.export(log_request().SerializeToString(), LOGS) == b""
    assert served.export(b"", METRICS) == b""
    assert served.export(b"") == b""


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed_requests_are_understood(served: Served, compression: grpc.Compression) -> None:
    request = trace_request(5, seed=int(compression) + 3_000)
    ids = span_ids(request)

    assert served.export(request.SerializeToString(), compression=compression) == b""
    assert sorted(stored(served, {trace_id for trace_id, _ in ids}, 5)) == sorted(ids)


@pytest.mark.parametrize(
    "cut",
    [gzip.compress(b"spans")[:-3], zlib.compress(b"spans")[:-3]],
    # Named by its bytes, which hold the time, gzip's would be another test in every process.
    ids=["gzip", "deflate"],
)
def test_broken_compression_is_invalid_and_counted(served: Served, cut: bytes) -> None:
    before = refusals(served, "bad_data")

    assert refused(served, cut).code() == grpc.StatusCode.INVALID_ARGUMENT
    assert refusals(served, "bad_data") == before + 1


def test_what_grows_too_much_when_decompressed_is_refused_below_the_limit(served: Served) -> None:
    bomb = bytes(2 * 2**20 - 100)
    error = refused(served, bomb, compression=grpc.Compression.Gzip)

    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "once decompressed" in error.details()


def test_a_request_that_does_not_parse_is_invalid_and_not_to_be_sent_again(served: Served) -> None:
    error = refused(served, b"\x0a\xff\xff")

    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "cannot be decoded" in error.details()
    (detail,) = Status.FromString(trailers(error)["grpc-status-details-bin"]).details
    fault = BadRequest()
    assert detail.Unpack(fault)
    assert "no ExportTraceServiceRequest" in fault.field_violations[0].description
    assert "google.rpc.retryinfo-bin" not in trailers(error)


def test_too_deep_a_value_is_invalid(served: Served) -> None:
    request = trace_request(1)
    value = request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="deep").value
    for _ in range(200):
        value = value.array_value.values.add()

    error = refused(served, request.SerializeToString())

    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
def test_a_request_over_the_limit_is_refused_for_good(
    served: Served, compression: grpc.Compression | None
) -> None:
    before = refusals(served, "too_large")

    error = refused(served, bytes(3 * 2**20), compression=compression)

    assert refusals(served, "too_large") == before + 1
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "google.rpc.retryinfo-bin" not in trailers(error)


def test_bad_spans_are_counted_by_reason_and_the_others_stored(served: Served) -> None:
    request = trace_request(6, seed=77)
    spans = request.resource_spans[0].scope_spans[0].spans
    spans[0].trace_id = b""
    spans[1].trace_id = bytes(16)
    spans[2].span_id = b"short"
    spans[3].span_id = bytes(8)
    good = span_ids(request)[4:]

    answer = ExportTraceServiceResponse.FromString(served.export(request.SerializeToString()))

    partial = answer.partial_success
    assert partial.rejected_spans == 4
    assert "1 with no trace id" in partial.error_message
    assert "1 with a span id that is not 8 bytes long" in partial.error_message
    assert sorted(stored(served, {trace_id for trace_id, _ in good}, 2)) == sorted(good)


def stored(served: Served, trace_ids: set[str], count: int) -> list[tuple[str, str]]:
    """Spans of these traces, once that many are in the table."""
    deadline = time.monotonic() + 200
    found: list[tuple[str, str]] = []
    while len(found) < count and time.monotonic() < deadline:
        time.sleep(0.05)
        rows = SpanStore(served.data_dir).scan("spans").select("trace_id", "span_id").collect()
        found = [ids for ids in rows.rows() if ids[0] in trace_ids]
    return found


def test_a_request_of_bad_spans_alone_succeeds_and_says_so(served: Served) -> None:
    request = trace_request(1)
    request.resource_spans[0].scope_spans[0].spans[0].trace_id = b""

    answer = ExportTraceServiceResponse.FromString(served.export(request.SerializeToString()))

    assert answer.partial_success.rejected_spans == 1


def test_every_service_is_healthy(served: Served) -> None:
    with served.channel() as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        names = ["", TRACES.split("/")[1], LOGS.split("/")[1]]
        states = [
            stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=120).status
            for name in names
        ]

    assert states == [health_pb2.HealthCheckResponse.SERVING] * 3


def test_overload_says_when_to_come_back_in_both_places(tmp_path: Path) -> None:
    config = "[receiver]\nspool_bytes_soft = 0\nspool_bytes_hard = 0\nsegment_bytes = 1\n"
    with Served(tmp_path / "data", config=config) as served:
        served.export(trace_request(200, content="x" * 999).SerializeToString())
        loader = served.hold_loader()
        error = None
        deadline = time.monotonic() + 200
        while error is None and time.monotonic() < deadline:
            try:
                served.export(trace_request().SerializeToString())
            except grpc.RpcError as refusal:
                error = refusal
        loader.resume()

        assert error is not None
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        status = Status.FromString(trailers(error)["grpc-status-details-bin"])
        assert status.details[0].Is(RetryInfo.DESCRIPTOR)
        info = RetryInfo.FromString(trailers(error)["google.rpc.retryinfo-bin"])
        assert 0 < info.retry_delay.ToTimedelta().total_seconds() <= 3


def test_sigterm_loads_everything_and_ends_with_zero(tmp_path: Path) -> None:
    request = trace_request(50, seed=3)
    with Served(tmp_path / "data", config="[receiver]\nload_interval_seconds = '1h'\n") as served:
        served.export(trace_request(1, seed=4).SerializeToString())
        served.export(request.SerializeToString())

        code = served.stop()

    found = SpanStore(tmp_path / "data").scan("spans").select("trace_id", "span_id").collect()
    assert code == 0
    assert set(span_ids(request)) <= set(found.rows())
    assert found.height == 51
    assert not any(path.stat().st_size for path in (tmp_path / "data/spool").glob("*.segment"))


def test_a_second_receiver_is_refused_with_the_first_ones_pid(served: Served) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "cli", "--data-dir", str(served.data_dir), "serve"],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert second.returncode == 1
    assert str(served.process.pid) in second.stderr
    assert "Traceback" not in second.stderr


def test_the_ready_file_holds_the_addresses(served: Served) -> None:
    addresses = json.loads(served.ready.read_text())

    assert set(addresses) == {"grpc", "http"}
    assert addresses["grpc"].startswith("127.0.0.1:")


def test_any_free_port_means_both_ports(tmp_path: Path, served: Served) -> None:
    ready = tmp_path / "ready.json"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "cli", "--data-dir", str(tmp_path / "data"), "serve"),
            *("--grpc-port", "0", "--ready-file", str(ready)),
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 200
        while not ready.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        addresses = json.loads(ready.read_text())
    finally:
        process.terminate()
        process.wait(200)

    assert addresses["http"].split(":")[1] not in {"4318", served.http.split(":")[1]}
