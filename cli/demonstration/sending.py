"""Sends the records as an instrumented application would: OpenTelemetry's SDK, OTLP over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider, LogRecordLimits
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from cli.demonstration.outbox import LogOutbox, SpanOutbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cli.demonstration.records import ScoreRecord, SpanRecord

_SCOPE = "spandocket.demo"
_BATCH_SPANS = 64
_BATCH_RECORDS = 500
_KINDS = {"internal": trace.SpanKind.INTERNAL, "client": trace.SpanKind.CLIENT}


class _GivenIds(IdGenerator):
    """Hands the SDK the ids that the record already has."""

    def __init__(self) -> None:
        self.trace_id = 0
        self.span_id = 0

    def generate_trace_id(self) -> int:
        """The record's trace id."""
        return self.trace_id

    def generate_span_id(self) -> int:
        """The record's span id."""
        return self.span_id


def send_spans(
    endpoint: str, service_name: str, spans: Iterable[SpanRecord], sent: Callable[[int], None]
) -> None:
    """Send one service's spans; ``sent`` hears how many went with every batch.

    Raises :class:`NotDeliveredError` when the server refuses a batch.
    """
    ids = _GivenIds()
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        resource=_resource(service_name, "timing,tokens,call_ids"),
        shutdown_on_exit=False,
        id_generator=ids,
        span_limits=SpanLimits(max_attribute_length=SpanLimits.UNSET),
    )
    outbox = SpanOutbox(endpoint, _BATCH_SPANS, sent)
    provider.add_span_processor(outbox)
    tracer = provider.get_tracer(_SCOPE)
    try:
        for record in spans:
            ids.trace_id, ids.span_id = int(record.trace_id, 16), int(record.span_id, 16)
            span = tracer.start_span(
                record.name,
                context=_context(record.trace_id, record.parent_span_id),
                kind=_KINDS[record.kind],
                attributes=record.attributes,
                start_time=record.start,
            )
            if record.error_message is not None:
                span.set_status(trace.StatusCode.ERROR, record.error_message)
            span.end(record.end)
        outbox.force_flush()
    finally:
        provider.shutdown()


def send_scores(endpoint: str, scores: Sequence[ScoreRecord], sent: Callable[[int], None]) -> None:
    """Send scores as ``gen_ai.evaluation.result`` log records that name the judged span."""
    provider = LoggerProvider(
        resource=_resource(scores[0].service_name, "timing,score"),
        shutdown_on_exit=False,
        log_record_limits=LogRecordLimits(),
    )
    outbox = LogOutbox(endpoint, _BATCH_RECORDS, sent)
    provider.add_log_record_processor(outbox)
    logger = provider.get_logger(_SCOPE)
    try:
        for score in scores:
            attributes = {
                "gen_ai.evaluation.name": score.evaluator,
                "gen_ai.evaluation.score.label": score.label,
                "gen_ai.evaluation.score.value": score.score,
                "gen_ai.evaluation.explanation": score.explanation,
                "error.type": score.error_type,
            }
            failed = score.error_type is not None
            logger.emit(
                LogRecord(
                    timestamp=score.time,
                    observed_timestamp=score.time,
                    context=_context(score.trace_id, score.span_id),
                    severity_number=SeverityNumber.WARN if failed else SeverityNumber.INFO,
                    event_name="gen_ai.evaluation.result",
                    attributes={k: v for k, v in attributes.items() if v is not None},
                )
            )
        outbox.force_flush()
    finally:
        provider.shutdown()


def _resource(service_name: str, derived: str) -> Resource:
    return Resource({"service.name": service_name, "spandocket.demo.derived": derived})


def _context(trace_id: str, span_id: str | None) -> Context:
    """A context whose current span is the given one; a root has none."""
    if span_id is None:
        return Context()
    parent = trace.SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=trace.TraceFlags(1)
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(parent), Context())
