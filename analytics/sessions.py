"""Sessions: the traces of one conversation id, rolled up.

A session is whatever its traces say together. Nothing is stored: the roll-up follows from the
newest evaluated revision of each trace, so it is never older than the last run.
"""

from __future__ import annotations

import polars as pl

from span_store.durations import milliseconds
from span_store.schema import Column, Form, TableSchema

SESSIONS = TableSchema(
    name="sessions",
    row="one conversation id with what its evaluated traces add up to",
    key=("project", "conversation_id"),
    columns=tuple(
        Column(name, form, sentence)
        for name, form, sentence in (
            ("project", Form.TEXT, "The project."),
            ("conversation_id", Form.TEXT, "The session's id, as sent."),
            ("user_id", Form.TEXT, "The end user; the first by name when there are several."),
            ("trace_count", Form.INTEGER, "Evaluated traces."),
            ("span_count", Form.INTEGER, "Spans of those traces."),
            ("model_call_count", Form.INTEGER, "Model calls."),
            ("tool_call_count", Form.INTEGER, "Tool spans."),
            ("error_count", Form.INTEGER, "Spans with an error."),
            ("input_tokens", Form.INTEGER, "Summed; null when no trace knows them."),
            ("output_tokens", Form.INTEGER, "Summed; null when no trace knows them."),
            ("total_tokens", Form.INTEGER, "Summed; null when no trace knows them."),
            ("cost_usd", Form.NUMBER, "Summed; null when no trace has a known cost."),
            ("start_time", Form.TIME, "The earliest start."),
            ("end_time", Form.TIME, "The latest end."),
            ("duration_ms", Form.NUMBER, "Latest end minus earliest start: pauses included."),
            ("active_ms", Form.NUMBER, "The durations of the traces, summed: pauses left out."),
            ("agent_names", Form.TEXTS, "The agents of its traces."),
            ("request_models", Form.TEXTS, "The models its traces asked most."),
            ("detectors", Form.TEXTS, "The detectors that matched any of its traces."),
            ("flagged_trace_count", Form.INTEGER, "Traces that any detector matched."),
            ("max_severity", Form.NUMBER, "The highest severity among the matches."),
            ("finish_reason", Form.TEXT, "Why the last model call of the last trace stopped."),
        )
    ),
)
"""The columns of a roll-up."""

_COUNTS = ("span_count", "model_call_count", "tool_call_count", "error_count")
_SUMS = ("input_tokens", "output_tokens", "total_tokens", "cost_usd")
TRACE_COLUMNS = (
    *("project", "trace_id", "conversation_id", "user_id", "start_time", "end_time"),
    *("duration_ms", "agent_name", "request_model", "detectors", "max_severity", "finish_reason"),
    *_COUNTS,
    *_SUMS,
)
"""The columns of ``traces`` that a roll-up reads."""


def roll_up(traces: pl.DataFrame) -> pl.DataFrame:
    """One row of :data:`SESSIONS` a conversation id, by id; times as integers.

    ``traces`` holds :data:`TRACE_COLUMNS` of the newest revision of each trace, times in ns.
    Traces without a conversation id belong to no session.
    """
    known = traces.filter(pl.col("conversation_id").is_not_null())
    matched = pl.col("detectors").list.len().fill_null(0) > 0
    start, end = pl.col("start_time").min(), pl.col("end_time").max()
    return (
        known.sort("start_time", "trace_id")
        .group_by("project", "conversation_id", maintain_order=True)
        .agg(
            pl.col("user_id").min(),
            pl.col(*_COUNTS).sum(),
            # The sum of what is known; null when nothing is.
            *(pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()) for name in _SUMS),
            trace_count=pl.len().cast(pl.Int64),
            start_time=start,
            end_time=end,
            duration_ms=pl.when(end >= start).then(milliseconds(start, end)),
            active_ms=pl.col("duration_ms").sum(),
            agent_names=pl.col("agent_name").drop_nulls().unique().sort(),
            request_models=pl.col("request_model").drop_nulls().unique().sort(),
            detectors=pl.col("detectors").explode().drop_nulls().unique().sort(),
            flagged_trace_count=matched.sum().cast(pl.Int64),
            max_severity=pl.col("max_severity").max(),
            finish_reason=pl.col("finish_reason").last(),
        )
        .select(pl.col(name).cast(kind) for name, kind in SESSIONS.polars.items())
        .sort("project", "conversation_id")
    )
