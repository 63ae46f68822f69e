"""Findings as span attributes, for endpoints that sample or route by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_receiver.wire import varint, varint_bytes

if TYPE_CHECKING:
    from otlp_receiver.forward_findings import FindingsReader
    from otlp_receiver.record import SpoolRecord

FINDINGS = "spandocket.findings"
SEVERITY = "spandocket.severity"

_PAUSE_SECONDS = 0.1
_PATIENCE_SECONDS = 5.0
"""How long a loader that finds nothing more is waited for."""
_WAY_TO_SPANS = (1, 2, 2)
"""The fields that hold resource spans, scope spans and spans, from the request inwards."""
_BYTES = 2
"""The wire type of what has a length, messages among it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanFindings:
    """What is known of one span at once."""

    names: tuple[str, ...]
    """``error``, and the ids of the detectors that matched."""
    severity: float
    """The highest of them, 0 to 1."""


Findings = Mapping[int, Mapping[str, SpanFindings]]
"""By record number, and ``TRACE:SPAN`` in lower-case hex; records without a finding may lack."""
_Piece = bytes | memoryview
Find = Callable[[Sequence["SpoolRecord"]], Findings]


class Enrichment:
    """Adds findings to the spans of requests; everything else keeps its very bytes.

    What the loader left is used while it goes on; what it did not look at, as when it stands still
    or before it knew of forwarding, is found with ``find``. Both give the same.
    """

    def __init__(self, find: Find, left: FindingsReader | None = None) -> None:
        self._find = find
        self._left = left
        self._given_up_at: int | None = None
        """Where the loader stood when its findings were waited for in vain."""

    def __call__(
        self, records: Sequence[SpoolRecord], wait: Callable[[float], bool]
    ) -> list[bytes]:
        """The bodies to send; ``wait`` lets time pass, and says False when there is none left."""
        found = self._findings([record for record in records if record.signal == "traces"], wait)
        return [
            enriched(record.body, spans) if (spans := found.get(record.number)) else record.body
            for record in records
        ]

    def forget(self, number: int) -> None:
        """Records up to this one are forwarded."""
        if self._left is not None:
            self._left.forget(number)

    def _findings(
        self, records: Sequence[SpoolRecord], wait: Callable[[float], bool]
    ) -> dict[int, Mapping[str, SpanFindings]]:
        found: dict[int, Mapping[str, SpanFindings]] = {}
        unknown = records
        if self._left is not None and records:
            self._await(self._left, records[-1].number, wait)
            found = {record.number: self._left.of(record.number) for record in records}
            unknown = [record for record in records if not self._left.is_known(record.number)]
        if unknown:
            found.update(self._find(unknown))
        return found

    def _await(self, left: FindingsReader, number: int, wait: Callable[[float], bool]) -> None:
        """Let the loader come as far as this record, unless it stands still."""
        left.advance(number)
        waited, stood = 0.0, left.newest
        while left.newest < number and left.newest != self._given_up_at:
            if not wait(_PAUSE_SECONDS):
                return
            left.advance(number)
            waited = 0.0 if left.newest > stood else waited + _PAUSE_SECONDS
            stood = left.newest
            if waited >= _PATIENCE_SECONDS:
                self._given_up_at = stood


def enriched(body: bytes, found: Mapping[str, SpanFindings]) -> bytes:
    """The request with the findings on its spans; an unreadable one stays as it is."""
    splice = _Splice(body, found)
    try:
        changed = splice.message(0, len(body), _WAY_TO_SPANS)
    except (IndexError, ValueError, DecodeError):
        return _rewritten(body, found)
    if splice.missing:
        # Ids that stand elsewhere in their spans than every known sender puts them.
        return _rewritten(body, found)
    return b"".join(changed) if changed else body


class _Splice:
    """Puts attributes behind the marked spans of a request and copies everything else."""

    def __init__(self, body: bytes, found: Mapping[str, SpanFindings]) -> None:
        self._body = body
        self._view = memoryview(body)
        self._found = {
            (bytes.fromhex(trace_id), bytes.fromhex(span_id)): findings
            for span, findings in found.items()
            for trace_id, _, span_id in [span.partition(":")]
        }
        self.missing = set(self._found)
        """Spans that were not met yet."""

    def message(self, begin: int, end: int, way: Sequence[int]) -> list[_Piece]:
        """The message between two offsets with its spans marked; nothing where nothing changes.

        It is all pieces one behind another. ``way`` holds the numbers of the fields that lead to
        the spans. Raises :class:`IndexError` or :class:`ValueError` on what only a real parser
        understands.
        """
        body, wanted, is_last = self._body, way[0] << 3 | _BYTES, len(way) == 1
        pieces: list[_Piece] = []
        kept = offset = begin
        while offset < end:
            # There are many spans, and their tags are small: no call for the common case.
            tag, behind = body[offset], offset + 1
            if tag >= 0x80:
                tag, behind = varint(body, offset)
            if tag & 7 != _BYTES:
                offset = _behind(body, behind, tag & 7)
                continue
            length, start = varint(body, behind)
            offset = start + length
            if offset > end:
                raise ValueError("cut")
            if tag == wanted:
                new = self._span(start, offset) if is_last else self.message(start, offset, way[1:])
                if new:
                    size = sum(map(len, new))
                    pieces += [self._view[kept:behind], varint_bytes(size), *new]
                    kept = offset
        return [*pieces, self._view[kept:end]] if pieces else []

    def _span(self, start: int, stop: int) -> list[_Piece]:
        """The span with its marks; nothing for one without findings."""
        body = self._body
        # Both ids are a span's first fields, as every known sender writes them.
        key = (body[start + 2 : start + 18], body[start + 20 : start + 28])
        findings = self._found.get(key)
        if findings is None:
            return []
        span = Span.FromString(body[start:stop])
        if (span.trace_id, span.span_id) != key:
            return []
        self.missing.discard(key)
        if any(attribute.key in {FINDINGS, SEVERITY} for attribute in span.attributes):
            _mark(span, findings)
            return [span.SerializeToString()]
        marks = Span()
        _mark(marks, findings)
        return [self._view[start:stop], marks.SerializeToString()]


def _behind(body: bytes, offset: int, wire_type: int) -> int:
    """The offset behind a field's value of fixed or variable length."""
    match wire_type:
        case 0:
            return varint(body, offset)[1]
        case 1:
            return offset + 8
        case 5:
            return offset + 4
        case _:
            raise ValueError("a group")


def _ids(span: Span) -> str:
    return f"{span.trace_id.hex()}:{span.span_id.hex()}"


def _rewritten(body: bytes, found: Mapping[str, SpanFindings]) -> bytes:
    """The request with the findings on its spans, as the official package writes it."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        return body
    is_changed = False
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                findings = found.get(_ids(span))
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
