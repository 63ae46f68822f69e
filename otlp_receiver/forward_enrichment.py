"""Findings as span attributes, for endpoints that sample or route by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from otlp_receiver.record import SpoolRecord

    Find = Callable[[Sequence[SpoolRecord]], Mapping[tuple[str, str], "SpanFindings"]]
    """Findings by trace id and span id, lower-case hex."""

FINDINGS = "spandocket.findings"
SEVERITY = "spandocket.severity"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanFindings:
    """What is known of one span at once."""

    names: tuple[str, ...]
    """``error``, and the ids of the detectors that matched."""
    severity: float
    """The highest of them, 0 to 1."""


class Enrichment:
    """Adds findings to the spans of requests; everything else keeps its value."""

    def __init__(self, find: Find) -> None:
        self._find = find

    def __call__(self, records: Sequence[SpoolRecord]) -> list[bytes]:
        """The bodies to send. Requests without a finding keep their very bytes."""
        traces = [record for record in records if record.signal == "traces"]
        found = self._find(traces) if traces else {}
        return [
            enriched(record.body, found) if found and record.signal == "traces" else record.body
            for record in records
        ]


def enriched(body: bytes, found: Mapping[tuple[str, str], SpanFindings]) -> bytes:
    """The request with the findings on its spans; an unreadable one stays as it is."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        return body
    is_changed = False
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                findings = found.get((span.trace_id.hex(), span.span_id.hex()))
                if findings is not None:
                    _mark(span, findings)
                    is_changed = True
    return request.SerializeToString() if is_changed else body


def _mark(span: Span, findings: SpanFindings) -> None:
    """Set both attributes, in the place of older ones of the same name."""
    for index in reversed(range(len(span.attributes))):
        if span.attributes[index].key in {FINDINGS, SEVERITY}:
            del span.attributes[index]
    names = span.attributes.add(key=FINDINGS)
    for name in findings.names:
        names.value.array_value.values.add(string_value=name)
    span.attributes.add(key=SEVERITY).value.double_value = findings.severity
