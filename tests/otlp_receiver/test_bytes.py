"""Whatever bytes arrive: stored whole or refused whole, never a crash, a hang or half a request."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from otlp_receiver.inspection import inspect_logs, inspect_traces
from otlp_receiver.limits import decompress
from otlp_receiver.otlp_json import _official, json_to_protobuf
from otlp_receiver.record import SpoolRecord
from otlp_receiver.segment import Damage, decode, encode, walk
from otlp_receiver.slots import count_slots
from otlp_receiver.status import Reason, Refusal
from tests.otlp_receiver.requests import trace_request

if TYPE_CHECKING:
    from collections.abc import Callable

texts = st.text(max_size=20)
numbers = st.integers(-(2**63), 2**63 - 1)
scalars = st.one_of(
    st.builds(lambda value: AnyValue(string_value=value), texts),
    st.builds(lambda value: AnyValue(int_value=value), numbers),
    st.builds(lambda value: AnyValue(double_value=value), st.floats(allow_nan=False)),
    st.just(AnyValue(double_value=float("nan"))),
    st.builds(lambda value: AnyValue(bool_value=value), st.booleans()),
    st.builds(lambda value: AnyValue(bytes_value=value), st.binary(max_size=20)),
    st.just(AnyValue()),
)


def array(values: list[AnyValue]) -> AnyValue:
    found = AnyValue()
    found.array_value.values.extend(values)
    return found


def table(values: dict[str, AnyValue]) -> AnyValue:
    found = AnyValue()
    for key, value in values.items():
        found.kvlist_value.values.add(key=key, value=value)
    return found


values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.builds(array, st.lists(inner, max_size=3)),
        st.builds(table, st.dictionaries(texts, inner, max_size=3)),
    ),
    max_leaves=5,
)
ids = st.tuples(
    st.binary(min_size=16, max_size=16).filter(any), st.binary(min_size=8, max_size=8).filter(any)
)
bad_ids = st.tuples(
    st.sampled_from([b"", bytes(16), b"short"]), st.sampled_from([b"", bytes(8), b"short"])
)


@st.composite
def requests(draw: st.DrawFn, identity: st.SearchStrategy[tuple[bytes, bytes]] = ids):
    request = ExportTraceServiceRequest()
    for _ in range(draw(st.integers(0, 2))):
        resource_spans = request.resource_spans.add(schema_url=draw(texts))
        for key in draw(st.lists(texts, max_size=2)):
            resource_spans.resource.attributes.add(key=key, value=draw(values))
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name = draw(texts)
        for _ in range(draw(st.integers(0, 3))):
            trace_id, span_id = draw(identity)
            span = scope_spans.spans.add(
                trace_id=trace_id,
                span_id=span_id,
                name=draw(texts),
                kind=draw(st.integers(0, 5)),
                start_time_unix_nano=draw(st.integers(0, 2**64 - 1)),
                end_time_unix_nano=draw(st.integers(0, 2**64 - 1)),
                flags=draw(st.integers(0, 2**32 - 1)),
            )
            for key in draw(st.lists(texts, max_size=3)):
                span.attributes.add(key=key, value=draw(values))
            for name in draw(st.lists(texts, max_size=2)):
                span.events.add(name=name).attributes.add(key=name, value=draw(values))
            if draw(st.booleans()):
                span.links.add(trace_id=trace_id, span_id=span_id)
    return request


def spans_in(request: ExportTraceServiceRequest) -> list[bytes]:
    return [
        span.SerializeToString(deterministic=True)
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


@settings(max_examples=60, deadline=None)
@given(requests())
def test_a_valid_request_is_stored_byte_for_byte(request: ExportTraceServiceRequest) -> None:
    body = request.SerializeToString()

    inspected = inspect_traces(body)

    assert inspected.body == body
    assert (inspected.accepted, inspected.rejected) == (len(spans_in(request)), ())


@settings(max_examples=60, deadline=None)
@given(requests(st.one_of(ids, bad_ids)))
def test_exactly_the_spans_without_proper_ids_are_taken_out(
    request: ExportTraceServiceRequest,
) -> None:
    inspected = inspect_traces(request.SerializeToString())

    kept = ExportTraceServiceRequest.FromString(inspected.body)
    assert len(spans_in(kept)) == inspected.accepted
    assert inspected.accepted + len(inspected.rejected) == len(spans_in(request))
    assert not inspect_traces(inspected.body).rejected
    remaining = spans_in(request)
    for span in spans_in(kept):
        remaining.remove(span)


def as_otlp_json(request: ExportTraceServiceRequest) -> bytes:
    """The request in OTLP's JSON, written by the official package but for the ids."""

    def with_hex(value):
        if isinstance(value, dict):
            return {
                key: base64.b64decode(entry).hex()
                if key in {"traceId", "spanId", "parentSpanId"}
                else with_hex(entry)
                for key, entry in value.items()
            }
        return [with_hex(entry) for entry in value] if isinstance(value, list) else value

    return json.dumps(with_hex(MessageToDict(request))).encode()


@settings(max_examples=60, deadline=None)
@given(requests())
def test_json_means_the_same_as_protobuf(request: ExportTraceServiceRequest) -> None:
    body = json_to_protobuf("traces", as_otlp_json(request))

    assert spans_in(ExportTraceServiceRequest.FromString(body)) == spans_in(request)


@settings(max_examples=60, deadline=None)
@given(requests())
def test_the_quick_way_of_json_is_the_official_one(request: ExportTraceServiceRequest) -> None:
    document = json.loads(as_otlp_json(request))

    quick = json_to_protobuf("traces", as_otlp_json(request))

    assert spans_in(ExportTraceServiceRequest.FromString(quick)) == spans_in(
        ExportTraceServiceRequest.FromString(_official("traces", document))
    )


@settings(max_examples=60, deadline=None)
@given(requests())
def test_slots_are_counted_as_the_official_package_counts_messages(
    request: ExportTraceServiceRequest,
) -> None:
    found = count_slots(request.SerializeToString(), request.DESCRIPTOR, 10**9)

    assert found == messages_in(request) - 1


def messages_in(message) -> int:
    count = 1
    for field, value in message.ListFields():
        if field.message_type is not None:
            count += sum(map(messages_in, value)) if field.is_repeated else messages_in(value)
    return count


def outcome(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What a call returns, or the refusal that it raises."""
    try:
        return call(*arguments, **named)
    except Refusal as refusal:
        return refusal


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_stored_whole(body: bytes) -> None:
    for inspect, kind in (
        (inspect_traces, ExportTraceServiceRequest),
        (inspect_logs, ExportLogsServiceRequest),
    ):
        found = outcome(inspect, body)
        if isinstance(found, Refusal):
            assert found.reason is Reason.BAD_DATA
            with pytest.raises(DecodeError):
                kind.FromString(body)
        else:
            kind.FromString(found.body)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_text_as_json_is_refused_or_understood(text: str) -> None:
    found = outcome(json_to_protobuf, "traces", text.encode("utf-8", errors="replace"))

    assert isinstance(found, bytes) or found.reason is Reason.BAD_DATA


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_as_a_compressed_body_are_refused_or_undone(body: bytes, encoding: str) -> None:
    found = outcome(decompress, body, encoding, bytes_max=1000, ratio_max=10)

    if isinstance(found, Refusal):
        assert found.reason in {Reason.BAD_DATA, Reason.TOO_LARGE}
    else:
        assert len(found) <= 1000


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.binary(max_size=50), texts), min_size=1, max_size=5),
    st.integers(0, 400),
    st.binary(min_size=1, max_size=10),
)
def test_a_spool_with_overwritten_bytes_gives_only_what_was_written(
    written: list[tuple[bytes, str]], place: int, noise: bytes
) -> None:
    records = [
        SpoolRecord(number=number, project=project, signal="logs", received_at=5, body=body)
        for number, (body, project) in enumerate(written, start=1)
    ]
    buffer = b"".join(part for record in records for part in encode(record))
    place %= len(buffer)
    damaged = buffer[:place] + noise + buffer[place + len(noise) :]

    found = [entry for _, entry in walk(damaged) if not isinstance(entry, Damage)]

    assert all(record in records for record in found)
    assert [record.number for record in found] == sorted({record.number for record in found})
    assert decode(buffer, 0) == (records[0], sum(map(len, encode(records[0]))))


def test_a_bomb_of_tiny_messages_is_refused_before_it_is_parsed() -> None:
    attributes = b"\x4a\x00" * 600_000
    span = b"\x12" + varint(len(attributes)) + attributes
    scope_spans = b"\x12" + varint(len(span)) + span
    body = b"\x0a" + varint(len(scope_spans)) + scope_spans

    refusal = outcome(inspect_traces, body, slots_max=500_000)

    assert refusal.reason is Reason.TOO_LARGE


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def test_a_large_honest_request_is_not_taken_for_a_bomb() -> None:
    body = trace_request(50, content="x" * 100_000).SerializeToString()

    assert inspect_traces(body, slots_max=1000).accepted == 50
