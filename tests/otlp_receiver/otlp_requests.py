"""Builds OTLP requests out of plain values, and reads them the official way."""

from __future__ import annotations

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_receiver.dialects.any_value import value_of
from otlp_receiver.record import SpoolRecord
from otlp_receiver.rows import to_rows

TRACE_ID = bytes(15) + b"\1"
SPAN_ID = bytes(7) + b"\1"


def put(target, value) -> None:
    """Write a plain value into an ``AnyValue``; None leaves it without a value."""
    match value:
        case bool():
            target.bool_value = value
        case int():
            target.int_value = value
        case float():
            target.double_value = value
        case str():
            target.string_value = value
        case bytes():
            target.bytes_value = value
        case list():
            target.array_value.SetInParent()
            for entry in value:
                put(target.array_value.values.add(), entry)
        case dict():
            target.kvlist_value.SetInParent()
            for key, entry in value.items():
                put(target.kvlist_value.values.add(key=key).value, entry)


def add_attributes(holder, attributes) -> None:
    """Add attributes from a dict, or from pairs when a key shall repeat."""
    pairs = attributes.items() if isinstance(attributes, dict) else attributes
    for key, value in pairs:
        put(holder.attributes.add(key=key).value, value)


def request(*spans: dict, scope: str = "test", resource: dict | None = None) -> bytes:
    """A trace request with these spans: attributes, name, ids, events, dropped counts."""
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    add_attributes(group.resource, resource or {"service.name": "shop"})
    scoped = group.scope_spans.add()
    scoped.scope.name = scope
    for number, span in enumerate(spans, start=1):
        made = scoped.spans.add(
            trace_id=span.get("trace_id", TRACE_ID),
            span_id=span.get("span_id", number.to_bytes(8, "big")),
            parent_span_id=span.get("parent_span_id", b""),
            name=span.get("name", "chat m"),
            start_time_unix_nano=span.get("start", 1_000_000_000),
            end_time_unix_nano=span.get("end", 3_000_000_000),
            dropped_attributes_count=span.get("dropped_attributes_count", 0),
            dropped_events_count=span.get("dropped_events_count", 0),
        )
        made.status.code = span.get("status", 0)
        made.status.message = span.get("status_message", "")
        add_attributes(made, span.get("attributes", {}))
        for event in span.get("events", ()):
            added = made.events.add(name=event["name"], time_unix_nano=event.get("time", 5))
            add_attributes(added, event.get("attributes", {}))
    return message.SerializeToString()


def logs(*records: dict, scope: str = "") -> bytes:
    """A log request with these records."""
    message = ExportLogsServiceRequest()
    scoped = message.resource_logs.add().scope_logs.add()
    scoped.scope.name = scope
    for record in records:
        made = scoped.log_records.add(
            trace_id=record.get("trace_id", TRACE_ID),
            span_id=record.get("span_id", SPAN_ID),
            event_name=record.get("event_name", ""),
            time_unix_nano=record.get("time", 7),
        )
        if "body" in record:
            put(made.body, record["body"])
        add_attributes(made, record.get("attributes", {}))
    return message.SerializeToString()


def rows_of(*bodies: bytes, signal: str = "traces", mapping=None):
    """What the bodies say, as rows."""
    records = [
        SpoolRecord(number=number, project="p", signal=signal, received_at=42, body=body)
        for number, body in enumerate(bodies)
    ]
    return to_rows(records, mapping)


def span_of(attributes, **span) -> dict:
    """The row of one span with these attributes."""
    scope = span.pop("scope", "test")
    body = request({"attributes": attributes, **span}, scope=scope)
    return rows_of(body).spans.row(0, named=True)


def official_spans(body: bytes) -> list[dict]:
    """The spans of a request as the official package reads them."""
    message = ExportTraceServiceRequest.FromString(body)
    return [
        {
            "trace_id": span.trace_id,
            "span_id": span.span_id,
            "parent_span_id": span.parent_span_id,
            "name": span.name,
            "kind": span.kind,
            "start_time_unix_nano": span.start_time_unix_nano,
            "end_time_unix_nano": span.end_time_unix_nano,
            "status": (span.status.code, span.status.message),
            "scope": scoped.scope.name,
            "dropped": (span.dropped_attributes_count, span.dropped_events_count),
            "attributes": plain(span.attributes),
            "resource": plain(group.resource.attributes),
            "events": [
                {
                    "name": event.name,
                    "time": event.time_unix_nano,
                    "attributes": plain(event.attributes),
                }
                for event in span.events
            ],
        }
        for group in message.resource_spans
        for scoped in group.scope_spans
        for span in scoped.spans
    ]


def plain(attributes) -> dict:
    """Attributes as a dict; of equal keys the last wins."""
    return {pair.key: value_of(pair.value) for pair in attributes}
