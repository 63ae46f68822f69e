"""Span and log processors that export in batches and stop at the first refusal.

The SDK's own batch processors drop what they cannot hold and only log what was refused; a
demonstration must not lose a span, nor go on as if nothing had happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SpanExportResult

from cli.demonstration.errors import NotDeliveredError

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk._logs import ReadWriteLogRecord
    from opentelemetry.sdk.trace import ReadableSpan

_TIMEOUT_SECONDS = 30


class SpanOutbox(SpanProcessor):
    """Exports ended spans ``batch_spans`` at a time; tells ``sent`` how many went."""

    def __init__(self, endpoint: str, batch_spans: int, sent: Callable[[int], None]) -> None:
        self._exporter = OTLPSpanExporter(
            endpoint=endpoint, insecure=True, headers=(), timeout=_TIMEOUT_SECONDS
        )
        self._batch_spans = batch_spans
        self._sent = sent
        self._waiting: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Keep the span until a batch is full."""
        self._waiting.append(span)
        if len(self._waiting) >= self._batch_spans:
            self.force_flush()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002
        """Send what waits; raises :class:`NotDeliveredError` when it was refused."""
        batch, self._waiting = self._waiting, []
        if batch and self._exporter.export(batch) is not SpanExportResult.SUCCESS:
            raise NotDeliveredError("spans", len(batch))
        self._sent(len(batch))
        return True

    def shutdown(self) -> None:
        """Close the connection."""
        self._exporter.shutdown()


class LogOutbox(LogRecordProcessor):
    """Exports log records ``batch_records`` at a time; tells ``sent`` how many went."""

    def __init__(self, endpoint: str, batch_records: int, sent: Callable[[int], None]) -> None:
        self._exporter = OTLPLogExporter(
            endpoint=endpoint, insecure=True, headers=(), timeout=_TIMEOUT_SECONDS
        )
        self._batch_records = batch_records
        self._sent = sent
        self._waiting: list[ReadableLogRecord] = []

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Keep the record until a batch is full."""
        self._waiting.append(
            ReadableLogRecord(
                log_record=log_record.log_record,
                resource=log_record.resource or Resource.get_empty(),
                instrumentation_scope=log_record.instrumentation_scope,
            )
        )
        if len(self._waiting) >= self._batch_records:
            self.force_flush()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002
        """Send what waits; raises :class:`NotDeliveredError` when it was refused."""
        batch, self._waiting = self._waiting, []
        if batch and self._exporter.export(batch) is not LogRecordExportResult.SUCCESS:
            raise NotDeliveredError("evaluator scores", len(batch))
        self._sent(len(batch))
        return True

    def shutdown(self) -> None:
        """Close the connection."""
        self._exporter.shutdown()
