"""Classifiers of queues: taught by the answers in a queue, used to put its items in order.

A live or manual queue has no detector that could claim less. What people answered on its items
teaches which of the next ones they would say yes to; that probability takes the place of the
confidence in the priority. It keeps nobody out: the share that a rule takes stays as it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from analytics.detectors.context import SPAN_COLUMNS
from analytics.job import verdicts
from analytics.job.teaching import answer_times
from analytics.learning.errors import LearningError
from analytics.learning.texts import trace_texts
from analytics.messages import explode_messages
from analytics.priority import SMALLEST_DRAW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analytics.learning.classifier import LearnedClassifier
    from analytics.learning.lesson import Lesson
    from analytics.learning.shelf import ModelShelf
    from analytics.routing import Draft
    from queue_store.model import Queue
    from queue_store.store import QueueStore
    from span_store.store import SpanStore

QUEUE_VERSION = "queue"
"""Stands for the version of a detector on what a queue's verdicts taught."""


def teach_queue(  # One argument a part of the question.
    store: SpanStore,
    queues: QueueStore,
    name: str,
    *,
    project: str,
    field: str | None,
    shelf: ModelShelf,
    seed: int,
) -> Lesson:
    """Learn from the yes-or-no answers on a queue's items; keeps and promotes nothing.

    ``field`` may be left out where the queue asks one boolean question. The comparison is with
    taking every item. Raises ``LearningError`` and ``NotEnoughVerdictsError``.
    """
    asked = field or _question(queues, queues.queue(project=project, name=name), project=project)
    answers = [
        answer
        for answer in queues.annotations(project=project, field=asked, queue=name)
        if answer.state.value == "submitted"
    ]
    traces = {
        answer.object_id: answer.trace_id or answer.object_id.partition(":")[0]
        for answer in answers
    }
    given = {
        traces[object_id]: is_right
        for (_, object_id), is_right in verdicts.settled(answers).items()
    }
    judged = pl.DataFrame(
        {"trace_id": list(given), "is_right": list(given.values())},
        schema={"trace_id": pl.String, "is_right": pl.Boolean},
    )
    texts = _texts(store, judged["trace_id"], project=project)
    known = judged.join(texts, on="trace_id").join(answer_times(answers), on="trace_id")
    # Learning takes a second to import; a run that only asks what was learned does without.
    from analytics.learning.lesson import learn

    return learn(
        _with_evidence(known),
        detector=name,
        detector_version=QUEUE_VERSION,
        version=shelf.next_version(name),
        seed=seed,
        current=shelf.used_for(name, QUEUE_VERSION),
    )


def put_in_order(
    drafts: Sequence[Draft],
    classifiers: Mapping[str, LearnedClassifier],
    store: SpanStore,
    *,
    project: str,
) -> list[Draft]:
    """The drafts, those of a taught queue with what people would say as their confidence."""
    wanted = sorted({draft.trace_id for draft in drafts if draft.queue in classifiers})
    if not wanted:
        return list(drafts)
    ids = pl.Series("trace_id", wanted, dtype=pl.String)
    read = _with_evidence(
        pl.DataFrame(ids).join(_texts(store, ids, project=project), on="trace_id", how="left")
    )
    chances = {
        queue: dict(
            zip(read["trace_id"], one.probabilities(read["text"], read).tolist(), strict=True)
        )
        for queue, one in sorted(classifiers.items())
    }
    return [
        _ordered(draft, chances[draft.queue][draft.trace_id], classifiers[draft.queue])
        if draft.queue in classifiers
        else draft
        for draft in drafts
    ]


def _ordered(draft: Draft, chance: float, classifier: LearnedClassifier) -> Draft:
    confidence = round(chance, 4)
    importance = draft.terms["importance"] / draft.terms["confidence"] * confidence
    terms = draft.terms | {"confidence": confidence, "importance": importance}
    verdicts_read = classifier.report["verdicts"]
    return replace(
        draft,
        terms=terms,
        priority=importance / max(draft.terms["u"], SMALLEST_DRAW),
        selection=replace(draft.selection, importance=importance),
        reason=f"{draft.reason}; people would say yes with probability {chance:.2f} "
        f"(learned from {verdicts_read} verdicts)",
    )


def _question(queues: QueueStore, queue: Queue, *, project: str) -> str:
    """The queue's only boolean field."""
    boolean = {
        field.name for field in queues.fields(project=project) if field.type.value == "boolean"
    }
    asked = [name for name in queue.field_names if name in boolean]
    if len(asked) == 1:
        return asked[0]
    raise LearningError(
        f"queue {queue.name} asks {len(asked)} yes-or-no questions; name one with --field"
        + (f": {', '.join(asked)}" if asked else " that its answers are given to")
    )


def _texts(store: SpanStore, trace_ids: pl.Series, *, project: str) -> pl.DataFrame:
    """``trace_id, text`` of these traces, everything that was said."""
    spans = store.scan(
        "spans", project=project, columns=SPAN_COLUMNS, trace_ids=trace_ids.to_list()
    ).collect()
    return trace_texts(explode_messages(spans), "")


def _with_evidence(rows: pl.DataFrame) -> pl.DataFrame:
    """A queue takes all its items: that is the rung a classifier is compared with."""
    return rows.with_columns(
        confidence=pl.lit(1.0), is_matched=pl.lit(1.0), is_ambiguous=pl.lit(0.0)
    )
