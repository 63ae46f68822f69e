"""Parts of the stored items in which agreement is looked at: model, route, length, detectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from cli.context import Context

SLICED = {
    "model": "request_model",
    "provider": "provider_name",
    "agent": "agent_name",
    "route": "name",
    "service": "service_name",
    "tokens": "total_tokens",
}
"""Columns of the traces table behind the slices; detectors are a list of their own."""

_LENGTHS = ("short third", "middle third", "long third")


TEXT_MAX = 4000
"""Characters of a trace's user messages that its language is guessed from."""


def languages(context: Context, traces: pl.Series) -> pl.Series:
    """The language that users of these traces write in; null where it is not clear.

    It reads the messages of these traces, which takes time; hence only when somebody asks.
    """
    from analytics.alignment.languages import language_of
    from analytics.messages import explode_messages

    wanted = traces.drop_nulls().unique().sort().to_list()
    spans = (
        context.span_store.scan("spans", project=context.project)
        .filter(pl.col("trace_id").is_in(wanted) & pl.col("input_messages").is_not_null())
        .sort("start_time", "span_id")
        .collect()
    )
    said = (
        explode_messages(spans)
        .filter((pl.col("role") == "user") & pl.col("text").is_not_null() & ~pl.col("is_repeat"))
        .group_by("trace_id", maintain_order=True)
        .agg(pl.col("text").str.join("\n").str.slice(0, TEXT_MAX))
    )
    guessed = {trace_id: language_of(text) for trace_id, text in said.iter_rows()}
    return traces.replace_strict(guessed, default=None, return_dtype=pl.String)


def slice_columns(frame: pl.DataFrame) -> dict[str, pl.Series]:
    """Columns named ``slice_...`` of items joined with their traces; null where nothing is known.

    Length is the third of the items' tokens that the trace falls into.
    """
    columns = {
        f"slice_{name}": frame[source].rename(f"slice_{name}")
        for name, source in SLICED.items()
        if name != "tokens"
    }
    tokens = frame["total_tokens"].cast(pl.Float64)
    known = tokens.drop_nulls()
    if known.n_unique() > len(_LENGTHS):
        cuts = [known.quantile(share, "linear") or 0.0 for share in (1 / 3, 2 / 3)]
        columns["slice_length"] = tokens.to_frame("t").select(
            pl.when(pl.col("t").is_null())
            .then(None)
            .when(pl.col("t") <= cuts[0])
            .then(pl.lit(_LENGTHS[0]))
            .when(pl.col("t") <= cuts[1])
            .then(pl.lit(_LENGTHS[1]))
            .otherwise(pl.lit(_LENGTHS[2]))
            .alias("slice_length")
        )["slice_length"]
    flags = frame["detectors"]
    for detector in sorted(set(flags.explode().drop_nulls())):
        name = f"slice_flagged by {detector}"
        columns[name] = flags.list.contains(detector).cast(pl.String).rename(name)
    return columns
