"""Captured exports, sent otherwise than they were: split, out of order, with other types, cut.

Does not prove that the variations are those that a sender makes.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from functools import cache
from itertools import count

import polars as pl
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_receiver.dialects.any_value import value_of
from otlp_receiver.dialects.captures import Understood, read_captures
from otlp_receiver.dialects.comparison import compare
from otlp_receiver.dialects.coverage import why_absent
from otlp_receiver.record import SpoolRecord
from otlp_receiver.rows import Rows, to_rows
from span_store.contents import with_contents
from span_store.model_calls import counted_once, uncounted
from tests.otlp_receiver.test_captures import ARCHIVE

SCENARIOS = ("S2", "S5", "S11B", "S14")
WAVES = 8

CLOCK_IN_MILLISECONDS = "B-otel-js-openai"
"""Its log records have equal times, so that nothing but their order tells which came first."""


@cache
def captures():
    return tuple(c for c in read_captures(ARCHIVE) if c.scenario in SCENARIOS)


def parsed(record: SpoolRecord):
    kind = ExportTraceServiceRequest if record.signal == "traces" else ExportLogsServiceRequest
    return kind.FromString(record.body)


def singly(record: SpoolRecord):
    """A request for each span or log record of this one."""
    message = parsed(record)
    groups = message.resource_spans if record.signal == "traces" else message.resource_logs
    for group in groups:
        scopes = group.scope_spans if record.signal == "traces" else group.scope_logs
        for scope in scopes:
            for one in scope.spans if record.signal == "traces" else scope.log_records:
                alone = type(message)()
                added = getattr(
                    alone, "resource_spans" if record.signal == "traces" else "resource_logs"
                ).add()
                added.resource.CopyFrom(group.resource)
                inner = getattr(
                    added, "scope_spans" if record.signal == "traces" else "scope_logs"
                ).add()
                inner.scope.CopyFrom(scope.scope)
                getattr(
                    inner, "spans" if record.signal == "traces" else "log_records"
                ).add().CopyFrom(one)
                yield SpoolRecord(
                    number=0,
                    project=record.project,
                    signal=record.signal,
                    received_at=record.received_at,
                    body=alone.SerializeToString(),
                )


def joined(batches: list[Rows]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Spans as a reader sees them, and scores, of batches that arrived one after the other."""
    spans, contents, scores = (
        pl.concat([getattr(rows, name) for rows in batches])
        for name in ("spans", "contents", "evaluations")
    )
    contents = contents.unique(["project", "content_id"])
    lazy = with_contents(spans.lazy(), contents.lazy())
    return counted_once(lazy, uncounted(spans.lazy())).collect(), scores


def disagreements(spans: pl.DataFrame, scores: pl.DataFrame) -> list[str]:
    """What is not as it was in truth, beyond what the library leaves out."""
    spans_of = spans.partition_by("project", as_dict=True)
    told = []
    for capture in captures():
        understood = Understood(
            spans_of.get((capture.name,), spans.clear()),
            scores.filter(pl.col("project") == capture.name),
            [],
        )
        told += [
            f"{check.capture} {check.place} {check.field}: {check.found!r:.100}"
            for check in compare(capture, understood)
            if not check.agrees
            and not check.is_silent
            and why_absent(capture.dialect, check.field) is None
        ]
    return told


def test_spans_and_logs_may_arrive_one_by_one_in_any_order():
    shuffled = random.Random(7)
    waves = defaultdict(list)
    for capture in captures():
        if capture.dialect == CLOCK_IN_MILLISECONDS:
            continue
        pieces = [one for record in capture.records(capture.name) for one in singly(record)]
        shuffled.shuffle(pieces)
        for wave, piece in enumerate(pieces):
            waves[wave % WAVES].append(piece)

    told = disagreements(*joined([to_rows(batch) for batch in waves.values()]))

    assert [text for text in told if not text.startswith(CLOCK_IN_MILLISECONDS)] == []


def varied(change) -> Rows:
    """Every capture with each value changed, understood in one batch."""
    numbers = count()
    records = []
    for capture in captures():
        for record in capture.records(capture.name):
            message = parsed(record)
            for value in values_of(message, record.signal):
                change(value)
            records.append(
                SpoolRecord(
                    number=next(numbers),
                    project=record.project,
                    signal=record.signal,
                    received_at=record.received_at,
                    body=message.SerializeToString(),
                )
            )
    return to_rows(records)


def values_of(message, signal: str):
    """Every attribute's value, and every body."""
    if signal == "logs":
        for group in message.resource_logs:
            for scope in group.scope_logs:
                for record in scope.log_records:
                    yield record.body
                    yield from (pair.value for pair in record.attributes)
        return
    for group in message.resource_spans:
        for scope in group.scope_spans:
            for span in scope.spans:
                yield from (pair.value for pair in span.attributes)
                for event in span.events:
                    yield from (pair.value for pair in event.attributes)


def number_as_text(value) -> None:
    match value.WhichOneof("value"):
        case "int_value":
            value.string_value = str(value.int_value)
        case "double_value":
            value.string_value = repr(value.double_value)


def structure_as_json(value) -> None:
    if value.WhichOneof("value") in ("array_value", "kvlist_value"):
        plain = value_of(value)
        value.string_value = json.dumps(plain)


@pytest.mark.parametrize("change", [number_as_text, structure_as_json])
def test_other_types_say_the_same(change):
    assert disagreements(*joined([varied(change)])) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_texts_may_be_cut_anywhere(seed):
    where = random.Random(seed)

    def cut(value) -> None:
        if value.WhichOneof("value") == "string_value" and where.random() < 0.5:
            value.string_value = value.string_value[: where.randrange(len(value.string_value) + 1)]

    whole = sum(len(to_rows(capture.records()).spans) for capture in captures()[:5])
    rows = varied(cut)
    spans, _ = joined([rows])

    first = [capture.name for capture in captures()[:5]]
    assert rows.failed == []
    assert spans.filter(pl.col("project").is_in(first)).height == whole
    for name in ("input_messages", "output_messages", "attributes", "field_sources"):
        for text in spans[name].drop_nulls().unique():
            json.loads(text)
