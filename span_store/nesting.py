"""Which of some spans lies around which other, directly or with further spans between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Collection

_KEY = ("project", "trace_id", "span_id")
_TRACE = ("project", "trace_id")

_STEPS_MAX = 8
"""How far up a span is looked for: more spans than that do not lie between two of one call."""


def pairs_of_nested(
    chosen: pl.DataFrame, spans: pl.LazyFrame, barriers: Collection[str]
) -> pl.DataFrame:
    """Each of the ``chosen`` spans with the nearest chosen one around it: ``above_id``.

    ``chosen`` has ``project, trace_id, span_id, parent_span_id, start_time, end_time``; ``spans``
    are all spans, read for those traces alone in which one chosen span began while another ran.
    A span whose operation is one of the ``barriers`` parts what lies below it from what is above.
    """
    inner = chosen.filter(pl.col("parent_span_id").is_not_null()).select(*_KEY, at="parent_span_id")
    targets = chosen.select(*_TRACE, at="span_id", is_target=pl.lit(value=True))
    direct = inner.join(targets, on=[*_TRACE, "at"], how="semi").rename({"at": "above_id"})
    left = inner.join(direct, on=list(_KEY), how="anti").join(
        _begun_inside(chosen), on=list(_KEY), how="semi"
    )
    if not left.is_empty():
        direct = pl.concat([direct, _walked_up(left, targets, spans, barriers)])
    # Spans that claim to lie inside of each other, or of themselves, lie nowhere.
    turned = direct.select(*_TRACE, span_id="above_id", above_id="span_id")
    return direct.join(turned, on=[*_KEY, "above_id"], how="anti")


def _begun_inside(chosen: pl.DataFrame) -> pl.DataFrame:
    """Spans that began before an earlier chosen span of their trace had ended."""
    ordered = chosen.sort(*_TRACE, "start_time", "end_time", descending=[False, False, False, True])
    before = pl.col("end_time").cum_max().shift(1).over(_TRACE)
    return ordered.filter((pl.col("start_time") < before).fill_null(value=False)).select(_KEY)


def _walked_up(
    left: pl.DataFrame, targets: pl.DataFrame, spans: pl.LazyFrame, barriers: Collection[str]
) -> pl.DataFrame:
    """Pairs of spans that have others between them."""
    family = (
        spans.select(*_KEY, "parent_span_id", "operation_name")
        .join(left.select(_TRACE).unique().lazy(), on=list(_TRACE), how="semi")
        .collect(engine="streaming")
        .rename({"span_id": "at"})
    )
    found = [left.clear().rename({"at": "above_id"})]
    for _ in range(_STEPS_MAX):
        left = left.join(targets, on=[*_TRACE, "at"], how="left")
        hits = left.filter(pl.col("is_target").fill_null(value=False))
        found.append(hits.select(*_KEY, above_id="at"))
        through = ~pl.col("operation_name").is_in([*barriers]).fill_null(value=False)
        left = (
            left.filter(pl.col("is_target").is_null())
            .drop("is_target")
            .join(family, on=[*_TRACE, "at"], how="inner")
            .filter(through & pl.col("parent_span_id").is_not_null())
            .select(*_KEY, at="parent_span_id")
        )
        if left.is_empty():
            break
    return pl.concat(found)
