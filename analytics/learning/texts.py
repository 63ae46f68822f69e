"""What a learned classifier reads of a trace: the texts that its detector is about, as one."""

from __future__ import annotations

import polars as pl

CHARACTERS_MAX = 4000

_USERS = (pl.col("direction") == "input") & (pl.col("role") == "user")
_ANSWERS = pl.col("direction") == "output"
_OUTSIDE = pl.col("part_type").str.ends_with("tool_call_response")

_READS: dict[str, pl.Expr] = {
    "jailbreaking": _USERS | _OUTSIDE,
    "frustration": _USERS,
    "refusal": _USERS | _ANSWERS,
    "laziness": _USERS | _ANSWERS,
    "forgetting": _USERS | _ANSWERS,
    "inappropriate_content": _USERS | _ANSWERS,
}


def trace_texts(parts: pl.DataFrame, detector: str) -> pl.DataFrame:
    """``trace_id, text``: the newest texts first, because long texts are cut in the middle.

    And ``request``, the newest text of the user among them, or else the newest of all. A
    detector without an entry of its own is read whole.
    """
    readable = parts.filter(~pl.col("is_repeat") & pl.col("text").is_not_null())
    chosen = readable.filter(_READS.get(detector, pl.lit(value=True)))
    return (
        chosen.group_by("trace_id", maintain_order=True)
        .agg(
            pl.col("text").reverse().str.head(CHARACTERS_MAX).str.join("\n"),
            request=pl.coalesce(pl.col("text").filter(_USERS).last(), pl.col("text").last()),
        )
        .sort("trace_id")
    )
