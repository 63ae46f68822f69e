"""Spans that say themselves that they failed, whatever their status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from otlp_receiver.dialects.attributes import Kind
from otlp_receiver.dialects.detection import CODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from otlp_receiver.dialects.attributes import AttributeTable

_LEVELS = ("langfuse.observation.level", "gen_ai.tool.status", "gen_ai.task.status")
"""Attributes that may say that the span failed."""

_FAILED = ("error", "failure")


def said_to_have_failed(table: AttributeTable, dialect: NDArray[np.int8]) -> NDArray[np.bool_]:
    """A mask of the spans whose level is an error, or that had no success."""
    mask = np.zeros(len(dialect), dtype=np.bool_)
    for owners in _failed(table, dialect):
        mask[owners] = True
    return mask


def _failed(table: AttributeTable, dialect: NDArray[np.int8]) -> Iterator[NDArray[np.int64]]:
    for key in _LEVELS:
        at = table.positions(key)
        if not len(at):
            continue
        bad = (table.texts_at(at).str.to_lowercase().is_in(_FAILED)).fill_null(value=False)
        yield table.owner[at[bad.to_numpy()]]
    at = table.positions("success")
    at = at[table.kind[at] == Kind.BOOLEAN]
    owners = table.owner[at[~table.boolean[at]]]
    # Claude Code's own word; elsewhere it may stand for anything.
    yield owners[dialect[owners] == CODES.index("O")]
