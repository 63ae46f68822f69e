"""Scores that OpenInference flattens into a span's attributes, as evaluation results.

``evaluations.0.evaluation.score`` judges the span, ``trace.evaluations.…`` its trace,
``session.evaluations.…`` its session; ``annotations`` are written alike.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from otlp_receiver.dialects.attributes import Kind
from otlp_receiver.dialects.evaluations import Score
from otlp_receiver.dialects.json_text import loads

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from otlp_receiver.dialects.attributes import AttributeTable

_KEY = re.compile(
    r"(trace\.|session\.)?(evaluations|annotations)\.(\d{1,9})\.(?:evaluation\.|annotation\.)?(.+)"
)

_NAMES = {
    "name": "gen_ai.evaluation.name",
    "score": "gen_ai.evaluation.score.value",
    "label": "gen_ai.evaluation.score.label",
    "explanation": "gen_ai.evaluation.explanation",
}


def flattened_scores(table: AttributeTable, spans: pl.DataFrame, kept: np.ndarray) -> list[Score]:
    """The scores among the attributes of spans that are kept; ``spans`` are their rows."""
    matches = [(key, match) for key in table.keys if (match := _KEY.fullmatch(key)) is not None]
    said: dict[tuple[int, str, str, int], dict[str, Any]] = {}
    for key, match in matches:
        at = table.positions(key)
        values = table.json_at(at).to_list()
        kinds = table.kind[at].tolist()
        for owner, kind, value in zip(table.owner[at].tolist(), kinds, values, strict=True):
            if kept[owner] and kind != Kind.EMPTY:
                place = (owner, match[1] or "", match[2], int(match[3]))
                field = match[4]
                said.setdefault(place, {})[_NAMES.get(field, field)] = loads(value)
    return [
        _score(spans.row(owner, named=True), level, attributes)
        for (owner, level, _, _), attributes in sorted(said.items(), key=lambda item: item[0])
        if "gen_ai.evaluation.name" in attributes
    ]


def _score(span: dict[str, Any], level: str, attributes: dict[str, Any]) -> Score:
    """One score of the span, of its trace, or of its session where it names one."""
    conversation = span["conversation_id"] if level == "session." else None
    return Score(
        project=span["project"],
        trace_id="" if conversation else span["trace_id"],
        span_id="" if level else span["span_id"],
        time=span["end_time"],
        received_at=span["received_at"],
        attributes=attributes | ({"gen_ai.conversation.id": conversation} if conversation else {}),
    )
