"""What the converters make of the shipped data, before any exporter sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Attribute = str | int | float | bool | Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRecord:
    """One span to send; ids are lower-case hex, times are nanoseconds since 1970 UTC."""

    service_name: str
    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: Literal["internal", "client"]
    start: int
    end: int
    attributes: Mapping[str, Attribute]
    error_message: str | None = None
    """The status message of a span that failed; null for one that did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRecord:
    """One evaluator's verdict on one span, to be sent as a log record."""

    service_name: str
    trace_id: str
    span_id: str
    time: int
    evaluator: str
    label: str | None
    score: float | None
    explanation: str | None = None
    error_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRecord:
    """One person's answer, as ``annotations import`` reads it."""

    object_type: Literal["trace", "span"]
    object_id: str
    reviewer: str
    field: str
    value: str
    inclusion_probability: float
    adjudicated: bool
    """Whether the answer settles what the others disagreed on."""
