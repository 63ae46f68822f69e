"""What a judged set holds: fields, people's answers, evaluators' scores; and its pairs."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class SetField:
    """A question people answered."""

    name: str
    type: Literal["categorical", "number"]
    options: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One person's answer; every object of a set was labelled, so its probability is 1."""

    object_id: str
    reviewer: str
    field: str
    value: str
    adjudicated: bool = False
    cluster: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One evaluator's verdict; without label and score it failed, for the reason given."""

    object_id: str
    evaluator: str
    label: str | None = None
    score: float | None = None
    explanation: str | None = None
    error_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSet:
    """A whole set."""

    name: str
    fields: tuple[SetField, ...]
    answers: tuple[Answer, ...]
    scores: tuple[Score, ...]

    def pairs(self, field: str, evaluator: str) -> pl.DataFrame:
        """The frame of pairs of one field and one evaluator."""
        import polars as pl

        given = {s.object_id: s for s in self.scores if s.evaluator == evaluator}
        rows: list[dict[str, Any]] = []
        for answer in self.answers:
            if answer.field != field:
                continue
            score = given.get(answer.object_id)
            value = None
            if score is not None and score.error_type is None:
                value = score.label if score.score is None else repr(score.score)
            rows.append(
                {"item": answer.object_id, "rater": answer.reviewer, "human": answer.value,
                 "evaluator": value, "cluster": answer.cluster,
                 "adjudicated": str(answer.adjudicated).lower(), "inclusion_probability": 1.0}
            )  # fmt: skip
        return pl.DataFrame(rows, infer_schema_length=None)


def derived_id(*parts: object) -> str:
    """A trace id made from what names an object in its set."""
    return blake2b(":".join(map(str, parts)).encode(), digest_size=16).hexdigest()
