"""Whether a span failed, what tells so, and what the error was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from otlp_receiver.dialects.error_levels import said_to_have_failed
from otlp_receiver.dialects.error_types import error_type_of
from otlp_receiver.dialects.marks import LLAMA_INDEX
from otlp_receiver.dialects.resolution import nulls
from otlp_receiver.dialects.wrapped_errors import CODES, named_in_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from otlp_receiver.dialects.fields import FieldSet


def resolve_errors(fields: FieldSet) -> None:
    """Whether anything says that the span failed, and what."""
    has, types = fields.events.exception_types(fields.count)
    sent = fields.columns["error_type"]
    signals = {
        "status": (fields.envelope["status_code"] == "error").to_numpy(),
        "attr": sent.is_not_null().to_numpy(),
        "event": has,
        "level": said_to_have_failed(fields.table, fields.dialect) | _failed_outputs(fields),
    }
    fields.columns["is_error"] = pl.Series(np.logical_or.reduce([*signals.values()]))
    fields.columns["error_source"] = _strongest(signals, fields.count)
    told = np.flatnonzero(has & ~signals["attr"])
    told = told[types.gather(told).is_not_null().to_numpy()]
    fields.columns["error_type"] = sent.scatter(told, types.gather(told))
    fields.note_source("error_type", told, "event:exception")
    _from_messages(fields)
    _from_answers(fields)


def _failed_outputs(fields: FieldSet) -> NDArray[np.bool_]:
    """Tools of LlamaIndex that gave an error as their output."""
    mask = np.zeros(fields.count, dtype=np.bool_)
    ours = fields.is_tool & fields.signals.scoped(LLAMA_INDEX)
    if ours.any():
        at = fields.table.positions("output.value")
        at = at[ours[fields.table.owner[at]]]
        failed = (
            fields.table.texts_at(at).str.contains(r'"is_error":\s?true').fill_null(value=False)
        )
        mask[fields.table.owner[at[failed.to_numpy()]]] = True
    return mask


def _strongest(signals: Mapping[str, NDArray[np.bool_]], count: int) -> pl.Series:
    """The first of these signals that each span shows."""
    source = nulls(pl.String(), count)
    shown = np.zeros(count, dtype=np.bool_)
    for word, mask in signals.items():
        at = np.flatnonzero(mask & ~shown)
        if len(at):
            source = source.scatter(at, word)
            shown |= mask
    return source


def _from_messages(fields: FieldSet) -> None:
    """The error's class, else the HTTP code, that only the description tells."""
    types = fields.columns["error_type"]
    at = (fields.columns["is_error"] & types.is_null()).arg_true()
    if at.is_empty():
        return
    texts = fields.envelope["status_message"].gather(at).to_frame("sent")
    told = [fields.texts_of(key, at) for key in ("langfuse.observation.status_message", "error")]
    found = texts.select(error_type_of(pl.coalesce("sent", *told))).to_series()
    known = found.is_not_null()
    rows = at.filter(known)
    fields.columns["error_type"] = types.scatter(rows, found.filter(known))
    fields.note_source("error_type", rows.to_numpy(), "status_message")


def _from_answers(fields: FieldSet) -> None:
    """The class that a failed tool's answer names, where a code says only that it failed."""
    types = fields.columns["error_type"]
    at = types.is_in(CODES).fill_null(value=False).arg_true()
    if at.is_empty():
        return
    answers = fields.columns["tool_result"].gather(at).to_frame("answer")
    found = answers.select(named_in_answer(pl.col("answer"))).to_series()
    known = found.is_not_null()
    rows = at.filter(known)
    fields.columns["error_type"] = types.scatter(rows, found.filter(known))
    fields.note_source("error_type", rows.to_numpy(), "tool_result")
    codes = fields.table.positions("error.type")
    fields.taken[codes[np.isin(fields.table.owner[codes], rows.to_numpy())]] = False
