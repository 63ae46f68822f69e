"""What messages tell of tools, counted in their JSON text: nothing is parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from analytics.detectors.prefilters import Inputs

MENTIONS = pl.Schema(
    {
        "row": pl.UInt32(),
        "told": pl.UInt32(),
        "answered": pl.UInt32(),
        "asked": pl.UInt32(),
        "known": pl.UInt32(),
    }
)
"""One row a span whose messages mention tools, with its place: calls and responses that a model
was told of, calls that it asked for, calls that it knows of after its answer."""

# A quotation mark inside of what somebody said is escaped. A plain word is looked for as an
# expression, too: the engine of expressions reads it twice as fast as the one for words.
_CALL_OR_RESPONSE = r'"type"\s*:\s*"(?:tool_call|server_tool_call|function)'
_CALL = _CALL_OR_RESPONSE + '"'
_RESPONSE = 'tool_call_response"'


def mentions_of(spans: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """:data:`MENTIONS` of the outputs, and of the inputs that say something new.

    ``spans`` holds ``output_messages``.
    """
    # An expression over a column of which most is null costs little.
    asked = spans["output_messages"].str.count_matches(_CALL).fill_null(0).to_numpy()
    rows, text = inputs.told["row"].to_numpy(), pl.col("text")
    # In one go: what one expression has read is at hand for the other.
    counted = inputs.told.select(
        told=text.str.count_matches(_CALL_OR_RESPONSE), answered=text.str.count_matches(_RESPONSE)
    )
    told, answered = np.zeros((2, spans.height), dtype=np.uint32)
    told[rows] = counted["told"].to_numpy()
    answered[rows] = counted["answered"].to_numpy()
    told -= np.minimum(told, answered)
    is_input = np.zeros(spans.height, dtype=np.bool_)
    is_input[rows] = True
    known = np.where(is_input, told + asked, 0)
    mentioning = np.flatnonzero((told > 0) | (answered > 0) | (asked > 0))
    numbers = {"told": told, "answered": answered, "asked": asked, "known": known}
    values = {name: number[mentioning] for name, number in numbers.items()}
    return pl.DataFrame({"row": mentioning} | values, schema=MENTIONS)
