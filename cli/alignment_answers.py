"""People's answers to one field as rows of pairs: who said what, when, how sure, how often."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click
import orjson
import polars as pl

from analytics.alignment.errors import InvalidPairsError
from cli.alignment_scores import number_text
from cli.nearest import nearest_names
from cli.output import rfc3339_of
from queue_store.model import AnnotationState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from queue_store.model import AnnotationRow

REPEAT_AFTER = timedelta(days=7)
"""An answer given so much later is a second look, and no correction of the first."""

_KINDS: dict[str, Any] = {
    "object_type": pl.String, "object_id": pl.String, "rater": pl.String, "human": pl.String,
    "blind": pl.String, "adjudicated": pl.String, "time": pl.String, "cluster": pl.String,
    "given_probability": pl.Float64, "also_acceptable": pl.String, "repeat": pl.String,
    "gold": pl.String, "issue_id": pl.Int64,
}  # fmt: skip


class UnknownReviewerError(click.ClickException):
    """Nobody of this name answered the field."""

    exit_code = 2


def answer_rows(rows: Sequence[AnnotationRow], gold: str | None = None) -> pl.DataFrame:
    """One row an answer that stands, and one for each earlier look of the same reviewer.

    ``rows`` may hold the history. A reviewer's newest answer about an object counts; an older one
    is a repeat when it was given at least a week before, about the same revision, and neither saw
    the evaluator's verdict. Imported answers are no repeats: an import drops what did not change.
    Answers of the reviewer ``gold`` are the known right ones of test items, and no votes.

    Raises :class:`UnknownReviewerError` when ``gold`` gave none.
    """
    given = [
        row for row in rows if row.state in (AnnotationState.SUBMITTED, AnnotationState.SUPERSEDED)
    ]
    people = sorted({row.reviewer for row in given})
    if gold is not None and gold not in people:
        hint = nearest_names(gold, people)
        raise UnknownReviewerError(f"no reviewer {gold!r} answered this field{hint}")
    given.sort(key=lambda row: (row.time, row.id))
    known: dict[tuple[str, str], str] = {}
    by_reviewer: dict[tuple[str, str, str], list[AnnotationRow]] = {}
    for row in given:
        place = (row.object_type.value, row.object_id)
        if gold is not None and row.reviewer == gold:
            known[place] = value_text(row.value)
        else:
            by_reviewer.setdefault((*place, row.reviewer), []).append(row)
    records = []
    for (kind, object_id, _), looks in by_reviewer.items():
        standing = [row for row in looks if row.state is AnnotationState.SUBMITTED]
        if not standing:
            continue
        answer = standing[-1]
        records.append(_record(answer, known.get((kind, object_id)), repeat=False))
        earlier = _earlier_look(answer, looks)
        if earlier is not None:
            records.append(_record(earlier, known.get((kind, object_id)), repeat=True))
    return pl.DataFrame(records, schema=_KINDS, orient="row")


def _earlier_look(answer: AnnotationRow, looks: Iterable[AnnotationRow]) -> AnnotationRow | None:
    """The last answer that the reviewer gave long enough before this one, unaware of verdicts."""
    found = [
        row
        for row in looks
        if answer.time - row.time >= REPEAT_AFTER
        and row.blind
        and answer.blind
        and not row.adjudicated
        and not answer.adjudicated
        and row.source == answer.source == "person"
        and row.item_revision == answer.item_revision
    ]
    return found[-1] if found else None


def _record(row: AnnotationRow, gold: str | None, *, repeat: bool) -> dict[str, Any]:
    further = [value_text(value) for value in row.also_acceptable]
    return {
        "object_type": row.object_type.value,
        "object_id": row.object_id,
        "rater": row.reviewer,
        "human": value_text(row.value),
        # A settling answer is given in view of the other answers, which is what it is for.
        "blind": "true" if row.blind or row.adjudicated else "false",
        "adjudicated": "true" if row.adjudicated else "false",
        "time": rfc3339_of(row.time),
        "cluster": row.cluster,
        "given_probability": row.inclusion_probability if row.source == "import" else None,
        "also_acceptable": orjson.dumps(further).decode() if further else None,
        "repeat": "true" if repeat else "false",
        "gold": gold,
        "issue_id": row.issue_id,
    }


def refuse_contradictions(answers: pl.DataFrame) -> None:
    """Raise InvalidPairsError for objects that answers give several probabilities or clusters.

    Two imports may each name their own, and no rule could tell which one holds.
    """
    key = ["object_type", "object_id"]
    problems = []
    for column, told in (
        ("given_probability", "inclusion_probability"),
        ("cluster", "cluster"),
    ):
        said = (
            answers.drop_nulls(column)
            .unique([*key, column], keep="first", maintain_order=True)
            .group_by(key, maintain_order=True)
            .agg("rater", column)
            .filter(pl.col(column).list.len() > 1)
        )
        for kind, object_id, people, values in said.iter_rows():
            given = (f"{value} with {who}'s" for who, value in zip(people, values, strict=True))
            problems.append(f"{kind} {object_id} has several values of {told}: {', '.join(given)}")
    if problems:
        raise InvalidPairsError(
            problems,
            "An object has one of each: import the answers again with the one that is right, "
            "which then takes the place of what is stored",
        )


def value_text(value: Any) -> str:
    """An answer as the text that pairs are made of."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, list | tuple):
        return orjson.dumps(sorted(str(entry) for entry in value)).decode()
    return str(value)
