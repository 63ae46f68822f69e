"""Answers of one person about one object: stored as rows, an edit supersedes, nothing is lost."""

from __future__ import annotations

import math
from dataclasses import asdict
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, insert, select, update

from queue_store.collections import find_issue
from queue_store.column_types import to_json, to_microseconds
from queue_store.errors import InvalidValueError, NotFoundError
from queue_store.fields import find_field
from queue_store.model import AnnotationState
from queue_store.tables.annotations import ANNOTATIONS
from queue_store.tables.fields import FIELDS
from queue_store.tables.items import ITEMS, RESPONSES
from queue_store.tables.queues import QUEUE_FIELDS, QUEUES
from queue_store.values import checked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from queue_store.model import Anchor, AnnotationDraft, Field, Item, Queue
    from queue_store.writing import Writing

CURRENT = (AnnotationState.DRAFT.value, AnnotationState.SUBMITTED.value)
"""States of an answer that stands; at most one a slot."""


def slot_of(
    *,
    project: str,
    object_type: str,
    object_id: str,
    queue_id: int | None,
    revision: int | None,
    reviewer: str,
    field: str,
    anchor: Anchor | None = None,
    adjudicated: bool = False,
) -> str:
    """The place that one answer takes: a reviewer's answer to a field about an object."""
    where = None if anchor is None else [anchor.span_id, anchor.direction, anchor.message_index]
    if anchor is not None and where is not None:
        where += [anchor.part_index, anchor.start, anchor.end]
    return _hash(
        project, object_type, object_id, queue_id, revision, reviewer, field, where, adjudicated
    )


def _hash(*parts: Any) -> str:
    return blake2b(to_json(parts).encode(), digest_size=16).hexdigest()


def fingerprint_of(slot: str, *parts: Any) -> str:
    """What makes one stored answer the same as another."""
    return _hash(slot, *parts)


def store_answers(
    writing: Writing,
    item: Item,
    reviewer: str,
    drafts: Sequence[AnnotationDraft],
    seconds_spent: float | None,
    state: AnnotationState = AnnotationState.SUBMITTED,
    *,
    adjudicated: bool = False,
) -> list[int]:
    """Store a reviewer's answers to a locked item; gives the ids of those that stand.

    Every value is checked before the first is stored. An equal answer changes nothing; two that
    differ, to one field about one place, are refused, since one of them would be lost.
    In an open queue, where others' labels are shown, no answer is blind.
    """
    if seconds_spent is not None and not 0 <= seconds_spent < math.inf:
        raise InvalidValueError("seconds_spent", seconds_spent, "must be a number, not below 0")
    pinned = form_of(writing.connection, item.queue_id)
    is_blind = bool(
        writing.connection.scalar(select(QUEUES.c.blind).where(QUEUES.c.id == item.queue_id))
    )
    fitting = []
    for draft in drafts:
        field = pinned.get(draft.field) or find_field(
            writing.connection, writing.project, draft.field
        )
        fitting.append((draft, field, checked(field, draft.value)))
        for value in draft.also_acceptable:
            checked(field, value)
        if draft.issue is not None:
            find_issue(writing.connection, writing.project, draft.issue)
    _refuse_contradictions(fitting)
    about = {
        "reviewer": reviewer,
        "seconds_spent": seconds_spent,
        "state": state.value,
        "adjudicated": adjudicated,
        "blind": is_blind,
    }
    return [_store_one(writing, item, about, answer) for answer in fitting]


def _refuse_contradictions(answers: Sequence[tuple[AnnotationDraft, Field, Any]]) -> None:
    """Raises InvalidValueError for a field that is answered in two ways at once."""
    given: dict[tuple[str, Anchor | None], Any] = {}
    for draft, field, value in answers:
        if given.setdefault((field.name, draft.anchor), value) != value:
            remedy = "name its options in one answer, a,b" if field.multiple else "give one value"
            raise InvalidValueError(field.name, value, f"is answered twice; {remedy}")


def _store_one(
    writing: Writing, item: Item, about: dict[str, Any], answer: tuple[AnnotationDraft, Field, Any]
) -> int:
    """Store one checked answer; ``about`` says who gave it, how, and in which state."""
    draft, field, value = answer
    slot = slot_of(
        project=item.project,
        object_type=item.object_type.value,
        object_id=item.object_id,
        queue_id=item.queue_id,
        revision=item.revision,
        reviewer=about["reviewer"],
        field=field.name,
        anchor=draft.anchor,
        adjudicated=about["adjudicated"],
    )
    content = {
        "value": value,
        "state": about["state"],
        "comment": draft.comment,
        "corrected_output": draft.corrected_output,
        "also_acceptable": [checked(field, entry) for entry in draft.also_acceptable] or None,
        "anchor": None if draft.anchor is None else asdict(draft.anchor),
        "blind": draft.blind and about["blind"],
        "field_id": field.id,
    }
    standing = writing.connection.execute(
        select(ANNOTATIONS).where(ANNOTATIONS.c.slot == slot, ANNOTATIONS.c.state.in_(CURRENT))
    ).one_or_none()
    content["issue_id"] = _issue_of(writing, draft, standing)
    if standing is not None:
        if all(getattr(standing, name) == entry for name, entry in content.items()):
            return int(standing.id)
        _supersede(writing, [standing.id])
    supersedes = None if standing is None else standing.id
    fingerprint = fingerprint_of(slot, value, to_microseconds(writing.now), supersedes)
    annotation_id = writing.connection.scalar(
        insert(ANNOTATIONS)
        .values(
            _place(writing, item)
            | about
            | content
            | {"supersedes": supersedes, "slot": slot, "fingerprint": fingerprint}
        )
        .returning(ANNOTATIONS.c.id)
    )
    writing.audit(
        "annotation_edited" if standing is not None else "annotation_added",
        queue_id=item.queue_id,
        item_id=item.id,
        annotation_id=annotation_id,
        field=field.name,
        reviewer=about["reviewer"],
    )
    return int(annotation_id or 0)


def _issue_of(writing: Writing, draft: AnnotationDraft, standing: Any) -> int | None:
    """The known problem that the answer names, else the one that it pointed to before."""
    if draft.issue is not None:
        return find_issue(writing.connection, writing.project, draft.issue).id
    return None if standing is None else standing.issue_id


def _place(writing: Writing, item: Item) -> dict[str, Any]:
    """What an answer is about, and when it was given."""
    return {
        "project": item.project,
        "object_type": item.object_type.value,
        "object_id": item.object_id,
        "trace_id": item.trace_id,
        "queue_id": item.queue_id,
        "item_id": item.id,
        "item_revision": item.revision,
        "source": "person",
        "time": writing.now,
        "stored_at": writing.now,
    }


def _supersede(writing: Writing, annotation_ids: Sequence[int]) -> None:
    writing.connection.execute(
        update(ANNOTATIONS)
        .where(ANNOTATIONS.c.id.in_(annotation_ids))
        .values(state=AnnotationState.SUPERSEDED.value)
    )


def submit_drafts(writing: Writing, item: Item, reviewer: str) -> None:
    """The reviewer's saved drafts on this item are now given."""
    writing.connection.execute(
        update(ANNOTATIONS)
        .where(
            ANNOTATIONS.c.item_id == item.id,
            ANNOTATIONS.c.reviewer == reviewer,
            ANNOTATIONS.c.item_revision == item.revision,
            ANNOTATIONS.c.state == AnnotationState.DRAFT.value,
        )
        .values(state=AnnotationState.SUBMITTED.value, time=writing.now)
    )


def missing_required(connection: Connection, queue: Queue, item: Item, reviewer: str) -> list[str]:
    """Required fields of the form that the reviewer has not answered on this revision.

    Text without a character to see is no answer.
    """
    form = form_of(connection, queue.id)
    required = [name for name, field in form.items() if field.required]
    if not required:
        return []
    given = {
        row.name
        for row in connection.execute(
            select(FIELDS.c.name, ANNOTATIONS.c.value)
            .join(ANNOTATIONS, ANNOTATIONS.c.field_id == FIELDS.c.id)
            .where(
                ANNOTATIONS.c.item_id == item.id,
                ANNOTATIONS.c.reviewer == reviewer,
                ANNOTATIONS.c.item_revision == item.revision,
                ANNOTATIONS.c.state == AnnotationState.SUBMITTED.value,
            )
        )
        if not isinstance(row.value, str) or row.value.strip()
    }
    return [name for name in required if name not in given]


def form_of(connection: Connection, queue_id: int) -> dict[str, Field]:
    """The queue's fields at their pinned versions, in the order of the form."""
    from queue_store.rows import field_from_row

    rows = connection.execute(
        select(FIELDS)
        .join(QUEUE_FIELDS, QUEUE_FIELDS.c.field_id == FIELDS.c.id)
        .where(QUEUE_FIELDS.c.queue_id == queue_id)
        .order_by(QUEUE_FIELDS.c.position)
    )
    return {row.name: field_from_row(row) for row in rows}


def answered(writing: Writing, item: Item) -> None:
    """Count the item as answered, once."""
    if item.has_response:
        return
    writing.connection.execute(update(ITEMS).where(ITEMS.c.id == item.id).values(has_response=True))
    writing.count(item.queue_id, "with_responses", +1)


def recount_response(writing: Writing, item: Item) -> None:
    """Count the item as unanswered again when nobody's answer is left."""
    still = writing.connection.scalar(
        select(
            exists().where(
                ANNOTATIONS.c.item_id == item.id,
                ANNOTATIONS.c.state == AnnotationState.SUBMITTED.value,
            )
            | exists().where(RESPONSES.c.item_id == item.id, RESPONSES.c.kind == "submitted")
        )
    )
    if still:
        answered(writing, item)
    elif item.has_response:
        writing.connection.execute(
            update(ITEMS).where(ITEMS.c.id == item.id).values(has_response=False)
        )
        writing.count(item.queue_id, "with_responses", -1)


def known_fields(connection: Connection, project: str, name: str) -> Field | NotFoundError:
    """The field, or the error that names the nearest ones."""
    try:
        return find_field(connection, project, name)
    except NotFoundError as error:
        return error
