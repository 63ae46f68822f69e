"""What kinds of score there are, what a reader may decide about them, and the decided mapping."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ScoreType(StrEnum):
    """What kind of value a score is."""

    BOOLEAN = "boolean"
    CATEGORICAL = "categorical"
    ORDINAL = "ordinal"
    NUMERIC = "numeric"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleOptions:
    """What the reader of the report decided about the scores; None leaves it to the rules."""

    score_type: ScoreType | None = None
    labels: tuple[str, ...] = ()
    """The classes in order, lowest first; values outside them are refused or left out."""
    positive: str | None = None
    """The bad class: what a person should look at."""
    pass_value: str | None = None
    """The value that counts as a pass."""
    high: str | None = None
    """The value that high scores stand for; None takes the good one, or the first."""
    threshold: float | None = None
    """Evaluator scores at or above it count as the high (or good) value."""
    human_threshold: float | None = None
    """The same for numeric human values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How text becomes classes and numbers; None in a table means the value has no class."""

    score_type: ScoreType
    labels: tuple[str, ...]
    """Class names by code; empty when there are no classes (numeric scores)."""
    human_codes: dict[str, int]
    evaluator_codes: dict[str, int]
    human_numbers: dict[str, float]
    evaluator_numbers: dict[str, float]
    human_binary: dict[str, int]
    """1 for the positive class; empty when there is no binary reading."""
    evaluator_binary: dict[str, int]
    positive: str | None
    pass_value: str | None
    """The value whose share the pass rate is; the positive one unless one was named as good."""
    pass_named: bool
    """Whether words or options say that ``pass_value`` is the good one."""
    threshold: float | None
    mapping: tuple[str, ...]
    """Every rule that was applied, one sentence each."""
    binary_reason: str | None
    """Why there is no binary reading."""
    outside: tuple[str, ...] = ()
    """Evaluator values that are not among the labels: treated as no score."""
