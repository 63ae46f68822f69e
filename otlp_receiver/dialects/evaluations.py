"""Evaluation results, sent as span events or log records, as rows of the evaluations table.

One score is often sent both ways: its id is a hash of what it says about which object, so that it
is stored once. A score without an object also hashes its time, because nothing else tells two
apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from math import isfinite
from typing import Any

import polars as pl

from otlp_receiver.dialects.json_text import dumps
from otlp_receiver.dialects.transforms import text
from span_store.schema import EVALUATIONS

EVENT_NAME = "gen_ai.evaluation.result"

_IDEMPOTENCY_KEYS = ("gen_ai.evaluation.idempotency_key", "openlit.evaluation.idempotency_key")

_NAMED = {
    "gen_ai.evaluation.name": "evaluator",
    "gen_ai.evaluation.score.value": "score",
    "gen_ai.evaluation.score.label": "label",
    "gen_ai.evaluation.explanation": "explanation",
    "gen_ai.evaluation.evaluator.version": "evaluator_version",
    "gen_ai.response.id": "response_id",
    "error.type": "error_type",
}
"""The column of each attribute that has one."""
_NOTHING: tuple[Any, ...] = (None, "", [], {})


_NONE = pl.DataFrame(schema=EVALUATIONS.polars)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One evaluation result as it was sent; times in nanoseconds, ids in hex or empty."""

    project: str
    trace_id: str
    span_id: str
    time: int
    received_at: int
    attributes: dict[str, Any] = field(default_factory=dict)


def evaluation_rows(scores: list[Score], source: str) -> pl.DataFrame:
    """Rows of the evaluations table, one a distinct score."""
    if not scores:
        return _NONE
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for score in scores:
        row = _row(score, source)
        rows.setdefault((row["project"], row["evaluation_id"]), row)
    return pl.DataFrame(list(rows.values()), schema=EVALUATIONS.polars, orient="row")


def _row(score: Score, source: str) -> dict[str, Any]:
    sent = score.attributes
    trace_id, span_id = score.trace_id or None, score.span_id or None
    response_id = text(sent.get("gen_ai.response.id"))
    conversation = text(sent.get("gen_ai.conversation.id"))
    object_type, object_id = _object(trace_id, span_id, conversation)
    value = sent.get("gen_ai.evaluation.score.value")
    failed = text(sent.get("error.type"))
    explanation = text(sent.get("gen_ai.evaluation.explanation"))
    row = {
        "project": score.project,
        "object_type": object_type,
        "object_id": object_id,
        "trace_id": trace_id,
        "span_id": span_id,
        "response_id": response_id,
        "evaluator": text(sent.get("gen_ai.evaluation.name")),
        "evaluator_version": text(sent.get("gen_ai.evaluation.evaluator.version"))
        or text(sent.get("gen_ai.evaluator.version")),
        "score": _score(value),
        "label": text(sent.get("gen_ai.evaluation.score.label")),
        "explanation": explanation,
        "error_type": failed,
        "time": score.time or None,
        "received_at": score.received_at,
        "source": source,
    }
    unread = {
        key: sent[key]
        for key, column in _NAMED.items()
        if row[column] is None and sent.get(key) not in _NOTHING
    }
    rest = {key: sent[key] for key in sent if key not in _NAMED or key in unread}
    row["attributes"] = dumps(rest)
    row["evaluation_id"] = _identity(row, sent, unread)
    return row


def _score(value: Any) -> float | None:
    """The score as a finite number; a text that spells one is accepted."""
    try:
        number = float(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None
    return number if number is not None and isfinite(number) else None


def _object(
    trace_id: str | None, span_id: str | None, conversation: str | None
) -> tuple[str | None, str | None]:
    """What was judged: a span, a trace, a session; nothing when the record names none."""
    if trace_id and span_id:
        return "span", f"{trace_id}:{span_id}"
    if trace_id:
        return "trace", trace_id
    if conversation:
        return "session", conversation
    return None, None


def _identity(row: dict[str, Any], sent: dict[str, Any], unread: dict[str, Any]) -> str:
    """A hash of what makes the score unique; ``unread`` is what its columns could not take."""
    given = next((text(sent.get(key)) for key in _IDEMPOTENCY_KEYS if sent.get(key)), None)
    said = [
        row["object_type"],
        row["object_id"],
        row["response_id"],
        row["evaluator"],
        row["evaluator_version"],
        row["score"],
        row["label"],
        row["error_type"],
    ]
    if given is not None:
        said.append(given)
    if unread:
        said.append(unread)
    if row["object_id"] is None and row["response_id"] is None:
        said += [row["time"], row["attributes"], row["explanation"]]
    return blake2b(dumps(said).encode(), digest_size=16).hexdigest()
