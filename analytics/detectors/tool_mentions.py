"""What messages tell of tools, counted in their JSON text: nothing is parsed."""

from __future__ import annotations

import polars as pl

MENTIONS = pl.Schema(
    {
        "trace_id": pl.String(),
        "told": pl.UInt32(),
        "answered": pl.UInt32(),
        "asked": pl.UInt32(),
        "is_foreign": pl.Boolean(),
    }
)
"""One row a span: calls and responses in its input, calls in its output, a provider's own form."""

_ANY = r'tool_call|"function"'
_CALL = r'"type"\s*:\s*"(?:tool_call|server_tool_call|function)"'
_RESPONSE = r'"type"\s*:\s*"(?:server_)?tool_call_response"'
_FOREIGN = '"tool_calls"'


def mentions_of(spans: pl.DataFrame) -> pl.DataFrame:
    """:data:`MENTIONS` of the spans whose messages mention tools.

    ``spans`` holds ``trace_id, input_messages, output_messages``.
    """
    told, said = pl.col("input_messages"), pl.col("output_messages")
    mentioning = (
        spans.select("trace_id", told, said)
        # Nulls are dropped first: an expression costs as much on a null as on a word.
        .filter(told.is_not_null() | said.is_not_null())
        .filter((told.str.contains(_ANY) | said.str.contains(_ANY)).fill_null(value=True))
    )
    return mentioning.select(
        "trace_id",
        told=told.str.count_matches(_CALL).fill_null(0),
        answered=told.str.count_matches(_RESPONSE).fill_null(0),
        asked=said.str.count_matches(_CALL).fill_null(0),
        is_foreign=told.str.contains(_FOREIGN, literal=True).fill_null(value=False),
    ).cast(MENTIONS)
