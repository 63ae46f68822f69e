"""OTLP in JSON, turned into OTLP in protobuf before anything else looks at it.

OTLP's JSON is protobuf's JSON with two differences: trace and span ids are hexadecimal, and
unknown fields are ignored. Integers may be numbers or strings, enumerations numbers or names.
A value of an attribute that is not of the type it claims keeps the type that it has, and a span or
log record with a field that cannot be read is rejected alone: one odd value must not lose what is
around it.
"""

from __future__ import annotations

import base64
import binascii
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import EncodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_receiver.inspection import UNREADABLE
from otlp_receiver.json_fields import OddShapeError, converter, mend_values
from otlp_receiver.lenient_json import loads
from otlp_receiver.slots import SLOTS_MAX, check_json_slots
from otlp_receiver.status import Reason, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

_REQUESTS: dict[str, Any] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
_ITEMS: dict[str, tuple[type[Any], tuple[tuple[str, str], ...]]] = {
    "traces": (
        Span,
        (("resourceSpans", "resource_spans"), ("scopeSpans", "scope_spans"), ("spans", "spans")),
    ),
    "logs": (
        LogRecord,
        (
            ("resourceLogs", "resource_logs"),
            ("scopeLogs", "scope_logs"),
            ("logRecords", "log_records"),
        ),
    ),
}
"""What a request of a signal is made of, and the fields that lead there, under both names."""
_ROOTS = {"traces": "resourceSpans", "logs": "resourceLogs", "metrics": "resourceMetrics"}
_IDS = {"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"}
_UNREADABLE = (ParseError, EncodeError, RecursionError, ValueError, TypeError, AttributeError)
_WRONG_ID = base64.b64encode(b"\x01").decode()
"""Stands for an id that is not hexadecimal: of a wrong length, so that only its span is bad."""


def signal_of(document: Any) -> str | None:
    """Which signal a JSON document carries; None when it is not OTLP."""
    if not isinstance(document, dict):
        return None
    for signal, root in _ROOTS.items():
        if root in document:
            return signal
    return None


def json_to_protobuf(signal: str, text: bytes, *, slots_max: int = SLOTS_MAX) -> bytes:
    """Transcode one request; raises :class:`Refusal` when it is not OTLP JSON.

    ``slots_max`` bounds what is in it, because each object takes memory whatever its size.
    """
    check_json_slots(text, slots_max)
    try:
        document = loads(text)
    except ValueError as error:
        raise Refusal(Reason.BAD_DATA, f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Refusal(Reason.BAD_DATA, "a JSON object is expected")
    return document_to_protobuf(signal, document)


def document_to_protobuf(signal: str, document: dict[str, Any]) -> bytes:
    """Transcode one parsed request; the document may be changed on the way.

    Raises :class:`Refusal`.
    """
    request = _REQUESTS[signal]
    try:
        arguments = converter(request.DESCRIPTOR)(document)
        return bytes(request(**arguments).SerializeToString())
    except (OddShapeError, RecursionError, ValueError, TypeError, EncodeError):
        return _official(signal, document)


def _official(signal: str, document: dict[str, Any]) -> bytes:
    """What the official package makes of it; an item that it cannot read is marked as such."""
    try:
        _ids_to_base64(document)
        mend_values(document)
        if signal not in _ITEMS:
            return _parsed(signal, document)
        # The official package takes a text for an object without fields.
        _mark(signal, document, lambda item: isinstance(item, dict))
        try:
            return _parsed(signal, document)
        except _UNREADABLE:
            if not _mark(signal, document, partial(_is_readable, _ITEMS[signal][0])):
                raise
            return _parsed(signal, document)
    except _UNREADABLE as error:
        raise Refusal(Reason.BAD_DATA, f"not OTLP JSON: {error}") from error


def _parsed(signal: str, document: dict[str, Any]) -> bytes:
    message = ParseDict(document, _REQUESTS[signal](), ignore_unknown_fields=True)
    return bytes(message.SerializeToString())


def _mark(signal: str, document: dict[str, Any], is_readable: Callable[[Any], bool]) -> bool:
    """Put a mark, which is rejected later, in the place of each unreadable item; whether any was.

    What is around it must not be lost with it.
    """
    first, *others = _ITEMS[signal][1]
    lists = [_entries(document, *first)]
    for names in others:
        lists = [_entries(owner, *names) for owners in lists for owner in owners]
    found = False
    for items in lists:
        for position, item in enumerate(items):
            if not is_readable(item):
                items[position] = _unreadable(item)
                found = True
    return found


def _is_readable(kind: type[Any], item: Any) -> bool:
    try:
        ParseDict(item, kind(), ignore_unknown_fields=True)
    except _UNREADABLE:
        return False
    return True


def _entries(owner: Any, *names: str) -> list[Any]:
    """A repeated field under either of its names; nothing where there is none."""
    if not isinstance(owner, dict):
        return []
    found = next((owner[name] for name in names if name in owner), None)
    return found if isinstance(found, list) else []


def _unreadable(item: Any) -> dict[str, Any]:
    trace_id = item.get("traceId", item.get("trace_id")) if isinstance(item, dict) else None
    span_id = item.get("spanId", item.get("span_id")) if isinstance(item, dict) else None
    known = {"traceId": trace_id} if isinstance(trace_id, str) else {}
    marked = UNREADABLE + (base64.b64decode(span_id) if isinstance(span_id, str) else b"")
    return known | {"spanId": base64.b64encode(marked).decode()}


def message_to_json(message: Any) -> bytes:
    """An answer as JSON."""
    return orjson.dumps(MessageToDict(message))


def _ids_to_base64(value: Any) -> None:
    """Replace hexadecimal ids by what protobuf's JSON expects, in place."""
    if isinstance(value, dict):
        for key, entry in value.items():
            if key in _IDS:
                value[key] = _id_to_base64(entry)
            elif isinstance(entry, dict | list):
                _ids_to_base64(entry)
    elif isinstance(value, list):
        for entry in value:
            _ids_to_base64(entry)


def _id_to_base64(entry: Any) -> str:
    if entry is None or entry == "":
        return ""
    try:
        return base64.b64encode(binascii.unhexlify(entry)).decode()
    except (binascii.Error, ValueError, TypeError):
        return _WRONG_ID
