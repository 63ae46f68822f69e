"""What messages tell of tools, counted in their JSON text: nothing is parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from analytics.detectors.prefilters import Inputs

MENTIONS = pl.Schema(
    {
        "trace_id": pl.String(),
        "told": pl.UInt32(),
        "answered": pl.UInt32(),
        "asked": pl.UInt32(),
        "known": pl.UInt32(),
    }
)
"""One row a text that mentions tools: calls and responses that a model was told of, calls that
it asked for, calls that it knows of after its answer."""

# A quotation mark inside of what somebody said is escaped. A plain word is looked for as an
# expression, too: the engine of expressions reads it twice as fast as the one for words.
_CALL_OR_RESPONSE = r'"type"\s*:\s*"(?:tool_call|server_tool_call|function)'
_CALL = _CALL_OR_RESPONSE + '"'
_RESPONSE = 'tool_call_response"'


def mentions_of(spans: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """:data:`MENTIONS` of the outputs, and of the inputs that say something new.

    ``spans`` holds ``trace_id`` and ``output_messages``.
    """
    text, told = pl.col("text"), pl.col("told")
    # An expression over a column of which most is null costs little.
    asked = spans["output_messages"].str.count_matches(_CALL).fill_null(0)
    counted = [
        inputs.told.select(
            "trace_id",
            told=text.str.count_matches(_CALL_OR_RESPONSE),
            answered=text.str.count_matches(_RESPONSE),
            after=asked.gather(inputs.told["row"]),
        )
        .with_columns(told=told - pl.min_horizontal("told", "answered"))
        .with_columns(known=told + pl.col("after")),
        spans.select("trace_id", asked=asked),
    ]
    numbers = ("told", "answered", "asked", "known")
    return (
        pl.concat(counted, how="diagonal")
        .with_columns(pl.col(numbers).fill_null(0))
        .filter(pl.any_horizontal(pl.col(numbers) > 0))
        .select(pl.col(name).cast(kind) for name, kind in MENTIONS.items())
    )
