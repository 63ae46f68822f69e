"""An answer that a chain tells whole, matched with the model call that gave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Collection

ANSWER = "answer"
"""The field of rows whose fragment holds several columns of one call, each as JSON text."""

ANSWER_FIELDS = ("response_id", "response_model", "finish_reasons", "output_messages")

_CALL = ("project", "trace_id", "span_id")


def answered(rows: pl.DataFrame, wanted: Collection[str]) -> pl.DataFrame:
    """Plain rows out of answers that reached a call and are its own, one a wanted column.

    ``rows`` are addressed to calls, with the call's own ``call_response_id``. An answer is the
    call's when the ids are the same. Where the call has none, it is when no other answer reached
    the call and the answer reached no other such call.
    """
    id_ = pl.col("fragment").str.json_path_match("$.response_id").str.strip_chars('"')
    own = pl.col("call_response_id")
    told = rows.with_columns(told_id=id_)
    alone = (pl.col("told_id").fill_null("").n_unique().over(_CALL) == 1) & (
        pl.col("span_id").n_unique().over("project", "content_id") == 1
    )
    sure = told.filter(own.is_not_null() & (own == pl.col("told_id")))
    likely = told.filter(own.is_null()).filter(alone)
    return pl.concat(
        [
            pl.concat([sure, likely])
            .with_columns(
                field=pl.lit(name), fragment=pl.col("fragment").str.json_path_match(f"$.{name}")
            )
            .filter(pl.col("fragment").is_not_null())
            .select(rows.columns)
            for name in ANSWER_FIELDS
            if name in wanted
        ]
        or [rows.clear()]
    )
