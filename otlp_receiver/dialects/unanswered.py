"""Calls that failed before any model answered: the model asked for is not one that answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from otlp_receiver.dialects.operations import MODEL_OPERATIONS

if TYPE_CHECKING:
    from otlp_receiver.dialects.fields import FieldSet

_KEYS = ("gen_ai.response.model", "llm.model_name")
"""Keys under which libraries repeat the model asked for."""


def without_models_that_never_answered(fields: FieldSet) -> None:
    """Null the model that answered where nothing of an answer is there but the model asked for."""
    failed = fields.columns["is_error"].to_numpy() & fields.asked_by(sorted(MODEL_OPERATIONS))
    at = pl.Series(np.flatnonzero(failed))
    if at.is_empty():
        return
    names = ("request_model", "response_model", "response_id", "output_tokens", "output_messages")
    said = pl.DataFrame({name: fields.columns[name].gather(at) for name in names})
    empty = pl.col("output_messages").str.contains(r'"parts":\s?\[[^\]]').not_()
    nothing = (
        pl.col("response_id").is_null()
        & (pl.col("output_tokens").fill_null(0) == 0)
        & empty.fill_null(value=True)
        & (pl.col("response_model") == pl.col("request_model"))
    )
    rows = at.filter(said.select(nothing.fill_null(value=False)).to_series())
    if rows.is_empty():
        return
    owners = rows.to_numpy()
    fields.columns["response_model"] = fields.columns["response_model"].scatter(rows, None)
    fields.sources["response_model"][owners] = 0
    for key in _KEYS:
        sent = fields.table.positions(key)
        fields.taken[sent[np.isin(fields.table.owner[sent], owners)]] = False
