"""Looks at a request before it is stored: does it parse, and what of it can never be stored."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_receiver.repair import repaired
from otlp_receiver.slots import SLOTS_MAX, check_slots
from otlp_receiver.status import Reason, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

_NO_TRACE_ID = bytes(16)
_NO_SPAN_ID = bytes(8)
UNREADABLE = b"unreadable span"
"""What stands before the span id, in JSON's transcript, where a field is not OTLP's."""
_UNREADABLE_FIELD = "a field that cannot be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedItem:
    """A span or log record that can never be stored."""

    trace_id: str
    """As sent, in hex; may be empty or of the wrong length."""
    span_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """A request that parses."""

    body: bytes
    """What to store: the request as sent, or without what was rejected."""
    accepted: int
    """Spans or log records in ``body``."""
    rejected: tuple[RejectedItem, ...] = ()
    items: str = "spans"
    """What the request is made of, in words."""

    def message(self) -> str:
        """The sentence for the client: how many were rejected, grouped by reason."""
        return rejection_message(Counter(item.reason for item in self.rejected), self.items)


def rejection_message(reasons: Mapping[str, int], items: str = "spans") -> str:
    """Group what was rejected by reason."""
    groups = [f"{count} with {reason}" for reason, count in sorted(reasons.items())]
    return f"rejected {items}: {', '.join(groups)}" if groups else ""


def inspect_traces(body: bytes, *, slots_max: int = SLOTS_MAX) -> Inspected:
    """Check a trace request; raises :class:`Refusal` when it does not parse.

    ``slots_max`` bounds the messages in it, because each takes memory whatever its size.
    """
    check_slots(body, ExportTraceServiceRequest.DESCRIPTOR, slots_max)
    request = ExportTraceServiceRequest()
    body = _parsed(request, body)
    accepted = 0
    has_bad = False
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            spans = scope_spans.spans
            accepted += len(spans)
            has_bad = has_bad or not all(
                len(span.trace_id) == 16
                and len(span.span_id) == 8
                and span.trace_id != _NO_TRACE_ID
                and span.span_id != _NO_SPAN_ID
                for span in spans
            )
    if not has_bad:
        return Inspected(body=body, accepted=accepted)
    rejected = _take_out_bad_spans(request)
    return Inspected(
        body=request.SerializeToString(),
        accepted=accepted - len(rejected),
        rejected=tuple(rejected),
    )


def inspect_logs(body: bytes, *, slots_max: int = SLOTS_MAX) -> Inspected:
    """Check a log request; log records need no ids, so only unreadable ones are rejected.

    Raises :class:`Refusal` when the request does not parse.
    """
    check_slots(body, ExportLogsServiceRequest.DESCRIPTOR, slots_max)
    request = ExportLogsServiceRequest()
    body = _parsed(request, body)
    accepted = sum(
        len(scope_logs.log_records)
        for resource_logs in request.resource_logs
        for scope_logs in resource_logs.scope_logs
    )
    rejected = _take_out_unreadable_records(request) if UNREADABLE in body else []
    if rejected:
        body = request.SerializeToString()
    return Inspected(
        body=body,
        accepted=accepted - len(rejected),
        rejected=tuple(rejected),
        items="log records",
    )


def inspect_metrics(body: bytes, *, slots_max: int = SLOTS_MAX) -> Inspected:
    """Check a metrics request, which is counted and not stored."""
    check_slots(body, ExportMetricsServiceRequest.DESCRIPTOR, slots_max)
    request = ExportMetricsServiceRequest()
    _parsed(request, body)
    accepted = sum(
        len(scope_metrics.metrics)
        for resource_metrics in request.resource_metrics
        for scope_metrics in resource_metrics.scope_metrics
    )
    return Inspected(body=b"", accepted=accepted)


def _parsed(
    request: ExportTraceServiceRequest | ExportLogsServiceRequest | ExportMetricsServiceRequest,
    body: bytes,
) -> bytes:
    """Let the official package decide; what it refuses is bad data, but for texts to be mended.

    Gives the body to store.
    """
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        mended = repaired(body, request.DESCRIPTOR)
        if mended is None:
            name = request.DESCRIPTOR.name
            raise Refusal(Reason.BAD_DATA, f"{len(body)} bytes are no {name}: {error}") from error
        request.ParseFromString(mended)
        return mended
    return body


def _take_out_bad_spans(request: ExportTraceServiceRequest) -> list[RejectedItem]:
    rejected: list[RejectedItem] = []
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            good = []
            for span in scope_spans.spans:
                reason = _why_bad(span)
                if reason is None:
                    good.append(span)
                else:
                    rejected.append(
                        RejectedItem(
                            trace_id=span.trace_id[:32].hex(),
                            span_id=span.span_id.removeprefix(UNREADABLE)[:32].hex(),
                            reason=reason,
                        )
                    )
            _keep(scope_spans.spans, good)
    return rejected


def _take_out_unreadable_records(request: ExportLogsServiceRequest) -> list[RejectedItem]:
    rejected: list[RejectedItem] = []
    for resource_logs in request.resource_logs:
        for scope_logs in resource_logs.scope_logs:
            good = []
            for record in scope_logs.log_records:
                if not record.span_id.startswith(UNREADABLE):
                    good.append(record)
                    continue
                trace_id = record.trace_id[:32].hex()
                rejected.append(
                    RejectedItem(trace_id=trace_id, span_id="", reason=_UNREADABLE_FIELD)
                )
            _keep(scope_logs.log_records, good)
    return rejected


def _keep(items: Any, good: Sequence[Any]) -> None:
    """Leave only the good ones of a repeated field, all at once: one by one takes the square."""
    if len(good) != len(items):
        kept = [type(item).FromString(item.SerializeToString()) for item in good]
        del items[:]
        items.extend(kept)


def _why_bad(span: Span) -> str | None:
    """Why this span can never be stored; None when it can."""
    if span.span_id.startswith(UNREADABLE):
        return _UNREADABLE_FIELD
    for name, value, length in (("trace", span.trace_id, 16), ("span", span.span_id, 8)):
        if not value:
            return f"no {name} id"
        if len(value) != length:
            return f"a {name} id that is not {length} bytes long"
        if not any(value):
            return f"an all-zero {name} id"
    return None
