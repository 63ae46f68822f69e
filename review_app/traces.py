"""Analysed traces, chosen by condition, queue and answer; conversations, by condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from analytics.filters import compile_trace_filter, decisions_read
from analytics.filters import matching as matching_facts
from analytics.job.scores import of_sessions, scores_until, with_decisions, with_scores
from analytics.sessions import SESSIONS, TRACE_COLUMNS, roll_up
from span_store.filters import compile_filter
from span_store.schema import TRACES, Form

if TYPE_CHECKING:
    from queue_store.store import QueueStore
    from span_store.store import SpanStore

_FOR_EVER_NANOSECONDS = 2**63 - 1


def matching(
    queues: QueueStore,
    spans: SpanStore,
    project: str,
    *,
    where: str | None = None,
    queue: str | None = None,
    answered: str | None = None,
) -> pl.LazyFrame:
    """As :func:`matching_condition`; of one queue, or with an answer to a field, or both."""
    frame = matching_condition(spans, project, where)
    if queue is None and answered is None:
        return frame
    wanted = queues.traces_of(project=project, queue=queue, answered=answered)
    return frame.filter(pl.col("trace_id").is_in(wanted))


def matching_condition(spans: SpanStore, project: str, where: str | None) -> pl.LazyFrame:
    """The latest revision of each trace, when the condition is true of it.

    The condition is what filters of live queues are: SQL over the columns of the traces table and
    ``scored_by``, ``"score:EVALUATOR"``, ``"label:EVALUATOR"``, ``"decision:DETECTOR"``.
    Raises UnknownColumnError with the nearest names, and InvalidFilterError.
    """
    newest = pl.col("revision") == pl.col("revision").max().over("trace_id")
    latest = spans.scan("traces", project=project).filter(newest)
    if where is None:
        return latest
    condition = compile_trace_filter(where)
    if set(condition.meta.root_names()) <= set(TRACES.names):
        return latest.filter(condition)
    facts = with_decisions(latest.collect(), decisions_read([where]))
    scores = scores_until(spans, project=project, as_of_ns=_FOR_EVER_NANOSECONDS)
    scores = pl.concat([scores, of_sessions(scores, facts)])
    wanted = sorted(matching_facts(with_scores(facts, scores), where))
    return latest.filter(pl.col("trace_id").is_in(wanted))


def matching_sessions(spans: SpanStore, project: str, where: str | None) -> pl.LazyFrame:
    """Conversations, rolled up from the latest revision of each analysed trace, by condition.

    The condition is SQL over the columns of :data:`analytics.sessions.SESSIONS`.
    """
    condition = pl.lit(value=True) if where is None else compile_filter(where, SESSIONS)
    newest = pl.col("revision") == pl.col("revision").max().over("trace_id")
    traces = spans.scan("traces", project=project).filter(
        newest, pl.col("conversation_id").is_not_null()
    )
    times = [pl.col(name).to_physical() for name in SESSIONS.of_form(Form.TIME)]
    found = roll_up(traces.select(TRACE_COLUMNS).with_columns(times).collect())
    as_times = [
        pl.from_epoch(name, time_unit="ns").dt.replace_time_zone("UTC")
        for name in SESSIONS.of_form(Form.TIME)
    ]
    return found.with_columns(as_times).filter(condition).lazy()
