"""Scores that name the judged answer by the provider's response id alone, given their span.

An evaluator that runs apart from the program knows no span ids. The answer's span may arrive
before or after the score, so it is looked for when scores are read. Of several spans with one
response id the one that counts as the call is taken, then the one that began first.
"""

from __future__ import annotations

import polars as pl

COLUMNS = ("project", "response_id", "trace_id", "span_id", "is_model_call", "start_time")
"""What is read of the spans."""

_NAMED = ("object_type", "object_id", "trace_id", "span_id")


def sought(evaluations: pl.LazyFrame) -> pl.DataFrame:
    """The response ids of scores that name nothing else: ``project, response_id``."""
    return (
        evaluations.filter(pl.col("object_id").is_null() & pl.col("response_id").is_not_null())
        .select("project", "response_id")
        .unique()
        .collect(engine="streaming")
    )


def with_judged_spans(
    evaluations: pl.LazyFrame, wanted: pl.DataFrame, spans: pl.LazyFrame
) -> pl.LazyFrame:
    """Fill what was judged into the scores whose response id is ``wanted``."""
    names = evaluations.collect_schema().names()
    found = (
        spans.select(COLUMNS)
        .join(wanted.lazy(), on=["project", "response_id"], how="semi")
        .collect(engine="streaming")
        .sort("is_model_call", "start_time", "span_id", descending=[True, False, False])
        .unique(["project", "response_id"], keep="first", maintain_order=True)
        .select(
            "project",
            "response_id",
            trace_id_found="trace_id",
            span_id_found="span_id",
            object_type_found=pl.lit("span"),
            object_id_found=pl.concat_str("trace_id", pl.lit(":"), "span_id"),
        )
    )
    open_ = pl.col("object_id").is_null()
    return (
        evaluations.join(found.lazy(), on=["project", "response_id"], how="left")
        .with_columns(
            pl.when(open_).then(pl.coalesce(name, f"{name}_found")).otherwise(name).alias(name)
            for name in _NAMED
        )
        .select(names)
    )
