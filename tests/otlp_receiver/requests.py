"""Requests, and the smallest decoding of them, for the tests of this room."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from span_store.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otlp_receiver.record import SpoolRecord

START = 1_790_000_000_000_000_000


def trace_request(
    count: int = 3, *, seed: int = 0, name: str = "chat gpt-4o", content: str = ""
) -> ExportTraceServiceRequest:
    """A request of this many chat spans with ids that follow from the seed."""
    rand = random.Random(seed)
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    _text(resource_spans.resource, "service.name", "tests")
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "tests"
    for position in range(count):
        span = scope_spans.spans.add(
            trace_id=rand.randbytes(16),
            span_id=rand.randbytes(8),
            name=name,
            kind=3,
            start_time_unix_nano=START + position,
            end_time_unix_nano=START + position + 1_000_000,
        )
        _text(span, "gen_ai.operation.name", "chat")
        _text(span, "gen_ai.provider.name", "openai")
        _text(span, "gen_ai.request.model", "gpt-4o")
        if content:
            _text(span, "test.content", content)
    return request


def log_request(count: int = 2) -> ExportLogsServiceRequest:
    """A request of evaluation results."""
    request = ExportLogsServiceRequest()
    scope_logs = request.resource_logs.add().scope_logs.add()
    for position in range(count):
        record = scope_logs.log_records.add(
            time_unix_nano=START + position,
            event_name="gen_ai.evaluation.result",
            trace_id=bytes([1] * 16),
            span_id=bytes([position + 1] * 8),
        )
        _text(record, "gen_ai.evaluation.name", "politeness")
        attribute = record.attributes.add(key="gen_ai.evaluation.score.value")
        attribute.value.double_value = 0.5
    return request


def _text(owner: object, key: str, value: str) -> None:
    attribute = owner.attributes.add(key=key)  # type: ignore[attr-defined]
    attribute.value.string_value = value


def span_ids(request: ExportTraceServiceRequest) -> list[tuple[str, str]]:
    """Trace and span id of every span, in hex."""
    return [
        (span.trace_id.hex(), span.span_id.hex())
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def empty(table: str) -> pl.DataFrame:
    """No rows of a table."""
    return pl.DataFrame(schema=TABLES[table].polars)


@dataclass
class IdRows:
    """Span rows with nothing but ids and times."""

    spans: pl.DataFrame
    contents: pl.DataFrame = field(default_factory=lambda: empty("contents"))
    evaluations: pl.DataFrame = field(default_factory=lambda: empty("evaluations"))
    failed: list[tuple[int, str]] = field(default_factory=list)
    decoded_slowly: int = 0


def id_rows(records: Sequence[SpoolRecord]) -> IdRows:
    """Decode ids alone, for tests of what moves records and not of what reads them.

    A body of ``poison`` cannot be decoded; logs give one evaluation a record.
    """
    rows, scores, failed = [], [], []
    for record in records:
        if record.body == b"poison":
            failed.append((record.number, "poison"))
        elif record.signal == "logs":
            scores.append({"project": record.project, "evaluation_id": str(record.number)})
        else:
            request = ExportTraceServiceRequest.FromString(record.body)
            rows.extend(
                {
                    "project": record.project,
                    "trace_id": trace_id,
                    "span_id": span_id,
                    "end_time": START,
                    "received_at": record.received_at,
                }
                for trace_id, span_id in span_ids(request)
            )
    return IdRows(
        spans=_frame("spans", rows), evaluations=_frame("evaluations", scores), failed=failed
    )


def _frame(table: str, rows: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=TABLES[table].polars)
