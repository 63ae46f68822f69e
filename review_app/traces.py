"""Analysed traces, chosen by condition, queue and answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from queue_store.store import QueueStore
    from span_store.store import SpanStore


def matching(
    queues: QueueStore,
    spans: SpanStore,
    project: str,
    *,
    where: str | None = None,
    queue: str | None = None,
    answered: str | None = None,
) -> pl.LazyFrame:
    """The latest revision of each trace that matches a SQL condition over the traces table.

    With ``queue`` only traces that have an item there, with ``answered`` only those that have an
    answer to this field.
    """
    frame = spans.scan("traces", project=project, where=where)
    if queue is not None or answered is not None:
        wanted = queues.traces_of(project=project, queue=queue, answered=answered)
        frame = frame.filter(pl.col("trace_id").is_in(wanted))
    return frame.filter(pl.col("revision") == pl.col("revision").max().over("trace_id"))
