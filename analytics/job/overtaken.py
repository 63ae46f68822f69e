"""Evaluated traces of a session before which another trace of it has come in late.

Frustration and forgetting judge what was said in a session so far. A trace that arrives, or
changes, after later traces of its session were evaluated is a part of what these were to be judged
by: they are judged again, so that the order of arrival decides nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from analytics.job.session_history import MEMBER_COLUMNS, newest_members

if TYPE_CHECKING:
    from analytics.job.intake import Intake
    from span_store.store import SpanStore


def overtaken(
    intake: Intake,
    asked_for: pl.Expr,
    store: SpanStore,
    *,
    project: str,
    traces_max: int,
    is_partial: bool,
) -> pl.DataFrame:
    """``trace_id, received_at`` of the evaluated traces to judge again.

    ``asked_for`` says of which traces this run takes what is new. ``traces_max`` is how many
    earlier traces of its session a trace is judged by. Where the intake ``is_partial``, the
    sessions' other traces are looked up among the evaluated ones.
    """
    traces = intake.traces.filter(intake.complete & pl.col("conversation_id").is_not_null())
    has_news = pl.col("previous_hash").ne_missing(pl.col("content_hash"))
    members = traces.select(
        *MEMBER_COLUMNS, is_late=(intake.changed & asked_for & has_news).fill_null(value=False)
    )
    late = members.filter("is_late")
    if late.is_empty() or traces_max == 0 or (late.height == members.height and not is_partial):
        return members.clear().select("trace_id", "received_at")
    # A trace of which nobody knows when it began stands first in its session.
    began = pl.col("start_time").fill_null(0)
    begins = late.group_by("conversation_id").agg(begin=began.min())
    members = members.join(begins, on="conversation_id").filter(began >= pl.col("begin"))
    if is_partial:
        rows = store.scan_raw("traces", project=project)
        if earliest := begins["begin"].min():
            rows = rows.filter(pl.col("start_time") >= earliest)
        stored = (
            newest_members(rows, begins)
            .join(members, on="trace_id", how="anti")
            .join(begins, on="conversation_id")
            .filter(began >= pl.col("begin"))
            .with_columns(is_late=pl.lit(value=False))
        )
        members = pl.concat([members, stored.select(members.columns)])
    place = pl.int_range(pl.len()).over("conversation_id")
    newest = pl.when("is_late").then("place").forward_fill().over("conversation_id")
    return (
        members.sort("conversation_id", "start_time", "trace_id")
        .with_columns(place=place)
        .filter(~pl.col("is_late"), pl.col("place") - newest <= traces_max)
        .select("trace_id", "received_at")
    )
