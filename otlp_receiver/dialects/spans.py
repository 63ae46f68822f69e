"""Decoded spans to rows of the spans table: every field resolved, the rest kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from otlp_receiver.dialects.attributes import AttributeTable
from otlp_receiver.dialects.detection import CODES, SpanSignals, detect
from otlp_receiver.dialects.evaluations import EVENT_NAME, Score
from otlp_receiver.dialects.fields import FieldSet
from otlp_receiver.dialects.relations import relation_rows
from otlp_receiver.dialects.span_events import SpanEvents, links_json, objects
from otlp_receiver.dialects.span_scores import flattened_scores
from span_store.durations import milliseconds
from span_store.schema import CONTENTS, SPANS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from otlp_receiver.decode import Decoded
    from otlp_receiver.dialects.mapping import FieldMapping

_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUS = ("unset", "ok", "error")


@dataclass(frozen=True, slots=True)
class SpanRows:
    """Canonical spans, evaluation results among their events, what they tell about other spans."""

    spans: pl.DataFrame
    scores: list[Score]
    contents: pl.DataFrame
    request: NDArray[np.int64]
    """Which request of the batch each span came from."""


def span_rows(
    decoded: Decoded,
    projects: Sequence[str],
    received: Sequence[int],
    mapping: FieldMapping,
) -> SpanRows:
    """Rows of the spans table, and what the spans tell beyond themselves."""
    spans = decoded.rows
    if not len(spans):
        nothing = pl.DataFrame(schema=SPANS.polars)
        return SpanRows(nothing, [], pl.DataFrame(schema=CONTENTS.polars), decoded.request)
    table = AttributeTable(spans.field("attributes"))
    events = SpanEvents(spans.field("events"))
    envelope = _envelope(decoded, projects, received)
    scopes = [name or "" for name in decoded.scopes.field("name").to_pylist()]
    names = {name: number for number, name in enumerate(dict.fromkeys(scopes))}
    signals = SpanSignals(
        table=table,
        scope_names=[*names],
        scope_name=np.array([names[name] for name in scopes], dtype=np.int64)[decoded.scope],
        scope=decoded.scope,
        request=decoded.request,
        names=envelope["name"].to_list(),
    )
    dialect = detect(signals)
    versions = decoded.scopes.field("version").to_pylist()
    fields = FieldSet(signals, events, envelope, dialect, versions, mapping)
    fields.resolve()
    frame = envelope.with_columns(
        **fields.columns,
        dialect=pl.Series([None, *CODES], dtype=pl.String)[dialect.astype(np.int64) + 1],
        attributes=objects(table, ~fields.taken),
        events=events.as_json(),
        links=links_json(spans.field("links")),
    )
    frame = frame.with_columns(**_resource(decoded))
    kept = _valid(frame) & ~fields.placeholders
    scores = [*_scores(frame, events, kept), *flattened_scores(table, frame, kept)]
    frame = frame.select(_COLUMNS)
    contents = relation_rows(frame, table, kept)
    frame = frame.with_columns(_KNOWN)
    if not kept.all():
        frame = frame.filter(pl.Series(kept))
    return SpanRows(frame, scores, contents, decoded.request[kept])


_COLUMNS = [pl.col(name).cast(dtype) for name, dtype in SPANS.polars.items()]
"""Every column of the table, in its order and its type."""

_KNOWN = [
    *(pl.when(pl.col(name) > 0).then(name).alias(name) for name in ("start_time", "end_time")),
    pl.when(pl.col("name") != "").then("name").alias("name"),
]
"""What the protocol writes as zero or nothing is unknown; a time too large for the column is
negative here, and unknown too."""


def _envelope(decoded: Decoded, projects: Sequence[str], received: Sequence[int]) -> pl.DataFrame:
    """What every span says about itself, whatever its dialect."""
    spans = decoded.rows
    column = {field.name: spans.field(field.name) for field in spans.type}
    status = column["status"]
    scopes = pl.Series(decoded.scopes.field("name").to_pylist(), dtype=pl.String)
    start = np.asarray(column["start_time_unix_nano"]).astype(np.int64)
    end = np.asarray(column["end_time_unix_nano"]).astype(np.int64)
    frame = pl.DataFrame(
        {
            "project": pl.Series(projects, dtype=pl.String)[decoded.request],
            "trace_id": pl.Series(column["trace_id"]),
            "span_id": pl.Series(column["span_id"]),
            "parent_span_id": pl.Series(column["parent_span_id"]),
            "name": pl.Series(column["name"]),
            "kind": _words(np.asarray(column["kind"]), _KINDS),
            "start_time": start,
            "end_time": end,
            "received_at": np.array(received, dtype=np.int64)[decoded.request],
            "status_code": _words(np.asarray(status.field("code").fill_null(0)), _STATUS),
            "status_message": pl.Series(status.field("message"), dtype=pl.String),
            "scope_name": scopes[decoded.scope],
            "dropped_attributes_count": np.asarray(column["dropped_attributes_count"]).astype(
                np.int64
            ),
            "dropped_events_count": np.asarray(column["dropped_events_count"]).astype(np.int64),
        }
    )
    parent = pl.col("parent_span_id")
    return frame.with_columns(
        pl.col("trace_id", "span_id").bin.encode("hex"),
        pl.when(parent.bin.size() > 0).then(parent.bin.encode("hex")).alias("parent_span_id"),
        pl.when((pl.col("start_time") > 0) & (pl.col("end_time") >= pl.col("start_time")))
        .then(milliseconds(pl.col("start_time"), pl.col("end_time")))
        .alias("duration_ms"),
        pl.when(pl.col("status_message") != "").then("status_message").alias("status_message"),
        pl.when(pl.col("scope_name") != "").then("scope_name").alias("scope_name"),
    ).with_columns(
        pl.when(pl.col("parent_span_id") != "0" * 16).then("parent_span_id").alias("parent_span_id")
    )


def _words(numbers: np.ndarray, words: Sequence[str]) -> pl.Series:
    """Enumeration numbers as words; numbers that do not exist are the first word."""
    known = np.where((numbers >= 0) & (numbers < len(words)), numbers, 0)
    return pl.Series(words, dtype=pl.String)[known]


def _resource(decoded: Decoded) -> dict[str, pl.Series]:
    """The resource's service name and attributes, given to each of its spans.

    Most requests come from the same few resources: each distinct one is written once.
    """
    lists = decoded.resources.field("attributes")
    table = AttributeTable(lists)
    first, where = table.distinct_owners(np.arange(len(table)))
    resource = where[decoded.resource]
    table = AttributeTable(lists.take(first))
    names = pl.Series([None] * table.owner_count, dtype=pl.String)
    at = table.positions("service.name")
    if len(at):
        names = names.scatter(table.owner[at], table.texts_at(at))
    every = objects(table, np.ones(len(table), dtype=np.bool_))
    return {
        "service_name": names[resource],
        "resource_attributes": every[resource],
    }


def _valid(frame: pl.DataFrame) -> np.ndarray:
    """Spans with whole ids; the receiver refuses the others before, an old file may hold them."""
    good = frame.select(
        (pl.col("trace_id").str.len_bytes() == 32)
        & (pl.col("span_id").str.len_bytes() == 16)
        & (pl.col("trace_id") != "0" * 32)
        & (pl.col("span_id") != "0" * 16)
    ).to_series()
    return good.to_numpy()


def _scores(frame: pl.DataFrame, events: SpanEvents, kept: np.ndarray) -> list[Score]:
    """Evaluation results among the span events of spans that are kept."""
    found = []
    for event in events.named(EVENT_NAME).tolist():
        span = int(events.owner[event])
        if not kept[span]:
            continue
        row = frame.row(span, named=True)
        found.append(
            Score(
                project=row["project"],
                trace_id=row["trace_id"],
                span_id=row["span_id"],
                time=int(events.times[event]),
                received_at=row["received_at"],
                attributes=events.attributes(event),
            )
        )
    return found
