"""Edits of single answers: a new value, a new place, or taken back; the old row stays."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from queue_store.annotations import Annotations, annotation_statement
from queue_store.answers import CURRENT, fingerprint_of, recount_response, slot_of
from queue_store.base import find_item
from queue_store.collections import find_issue
from queue_store.column_types import id_or_zero, to_microseconds
from queue_store.errors import InvalidValueError, NotFoundError, NotPermittedError
from queue_store.model import AnnotationState, Role
from queue_store.rows import annotation_from_row, field_from_row
from queue_store.tables.annotations import ANNOTATIONS
from queue_store.tables.fields import FIELDS
from queue_store.values import checked

if TYPE_CHECKING:
    from datetime import datetime

    from queue_store.model import Anchor, AnnotationRow
    from queue_store.writing import Writing

_COPIED = tuple(
    column.name
    for column in ANNOTATIONS.c
    if column.name not in {"id", "fingerprint", "supersedes", "time", "stored_at"}
)
UNCHANGED: Any = object()
"""Stands for what an edit leaves as it is."""


class Edits(Annotations):
    """The part of the store that edits answers."""

    def edit_annotation(
        self,
        *,
        project: str,
        annotation_id: int,
        now: datetime,
        actor: str,
        value: Any = UNCHANGED,
        comment: Any = UNCHANGED,
        corrected_output: Any = UNCHANGED,
        issue_id: Any = UNCHANGED,
    ) -> AnnotationRow:
        """Replace an answer by its reviewer's later one; the earlier stays as history.

        Raises NotPermittedError for another person's answer, InvalidValueError for one that does
        not stand any more or a value that does not fit.
        """
        with self._writing(project=project, now=now, actor=actor) as writing:
            row = _standing(writing, annotation_id)
            changes: dict[str, Any] = {
                name: given
                for name, given in (
                    ("comment", comment),
                    ("corrected_output", corrected_output),
                    ("issue_id", issue_id),
                )
                if given is not UNCHANGED
            }
            if changes.get("issue_id") is not None:
                find_issue(writing.connection, project, str(changes["issue_id"]))
            if value is not UNCHANGED:
                field = writing.connection.execute(
                    select(FIELDS).where(FIELDS.c.id == row.field_id)
                ).one()
                changes["value"] = checked(field_from_row(field), value)
            return _superseded(writing, row, changes, "annotation_edited")

    def place_annotation(
        self, *, project: str, annotation_id: int, anchor: Anchor | None, now: datetime, actor: str
    ) -> AnnotationRow:
        """Point an answer at a place, or at the whole object; see ``anchors``."""
        with self._writing(project=project, now=now, actor=actor) as writing:
            row = _standing(writing, annotation_id)
            slot = _slot_at(writing, row, anchor)
            taken = writing.connection.scalar(
                select(ANNOTATIONS.c.id).where(
                    ANNOTATIONS.c.slot == slot,
                    ANNOTATIONS.c.state.in_(CURRENT),
                    ANNOTATIONS.c.id != row.id,
                )
            )
            if taken is not None:
                raise InvalidValueError(
                    "anchor", annotation_id, f"annotation {taken} says this of that place; edit it"
                )
            place = None if anchor is None else asdict(anchor)
            return _superseded(writing, row, {"anchor": place, "slot": slot}, "annotation_placed")

    def withdraw_annotation(
        self, *, project: str, annotation_id: int, now: datetime, actor: str, reason: str = ""
    ) -> AnnotationRow:
        """Take an answer back; it stays on record as withdrawn."""
        with self._writing(project=project, now=now, actor=actor) as writing:
            row = _standing(writing, annotation_id)
            writing.connection.execute(
                update(ANNOTATIONS)
                .where(ANNOTATIONS.c.id == row.id)
                .values(state=AnnotationState.WITHDRAWN.value)
            )
            writing.audit(
                "annotation_withdrawn",
                queue_id=row.queue_id,
                item_id=row.item_id,
                annotation_id=row.id,
                reason=reason,
            )
            if row.item_id is not None:
                recount_response(writing, find_item(writing.connection, project, row.item_id))
            return _read(writing, row.id)

    def annotation(self, *, project: str, annotation_id: int) -> AnnotationRow:
        """One answer, whatever its state; raises NotFoundError."""
        with self._reading(project) as connection:
            row = connection.execute(
                annotation_statement(project).where(
                    ANNOTATIONS.c.id == id_or_zero(annotation_id),
                    self._opened(connection, project, ANNOTATIONS.c.queue_id),
                )
            ).one_or_none()
        if row is None:
            raise NotFoundError("annotation", str(annotation_id))
        return annotation_from_row(row)


def _standing(writing: Writing, annotation_id: int) -> Any:
    """The row of an answer that stands and is the writer's own, and its item, locked.

    The item first, as in every write on it, so that two never wait for each other crosswise.
    """
    wanted = select(ANNOTATIONS).where(
        ANNOTATIONS.c.id == id_or_zero(annotation_id), ANNOTATIONS.c.project == writing.project
    )
    row = writing.connection.execute(wanted).one_or_none()
    if row is not None and row.item_id is not None:
        find_item(writing.connection, writing.project, row.item_id, lock=True)
        row = writing.connection.execute(wanted.with_for_update()).one_or_none()
    if row is None:
        raise NotFoundError("annotation", str(annotation_id))
    if row.reviewer != writing.actor:
        raise NotPermittedError(
            writing.actor, f"change annotation {annotation_id}", f"it is {row.reviewer}'s answer"
        )
    writing.require(Role.ANNOTATOR, "change answers", row.queue_id)
    if row.state not in CURRENT:
        raise InvalidValueError(
            "annotation", annotation_id, f"annotation {annotation_id} is {row.state}"
        )
    return row


def _slot_at(writing: Writing, row: Any, anchor: Anchor | None) -> str:
    """The place that the answer takes when it points there."""
    field = writing.connection.scalar(select(FIELDS.c.name).where(FIELDS.c.id == row.field_id))
    return slot_of(
        project=row.project,
        object_type=row.object_type,
        object_id=row.object_id,
        queue_id=row.queue_id,
        revision=row.item_revision,
        reviewer=row.reviewer,
        field=str(field),
        anchor=anchor,
        adjudicated=row.adjudicated,
    )


def _superseded(writing: Writing, row: Any, changes: dict[str, Any], action: str) -> AnnotationRow:
    """Store the changed answer as a new row and mark the old one superseded."""
    if all(getattr(row, name) == value for name, value in changes.items()):
        return _read(writing, row.id)
    values = {name: getattr(row, name) for name in _COPIED} | changes
    writing.connection.execute(
        update(ANNOTATIONS)
        .where(ANNOTATIONS.c.id == row.id)
        .values(state=AnnotationState.SUPERSEDED.value)
    )
    stamp = to_microseconds(writing.now)
    new_id = writing.connection.scalar(
        insert(ANNOTATIONS)
        .values(
            **values,
            supersedes=row.id,
            fingerprint=fingerprint_of(values["slot"], "edit", stamp, row.id),
            time=writing.now,
            stored_at=writing.now,
        )
        .returning(ANNOTATIONS.c.id)
    )
    writing.audit(
        action,
        queue_id=row.queue_id,
        item_id=row.item_id,
        annotation_id=new_id,
        supersedes=row.id,
        changed=sorted(changes.keys() - {"slot"}),
    )
    return _read(writing, int(new_id or 0))


def _read(writing: Writing, annotation_id: int) -> AnnotationRow:
    row = writing.connection.execute(
        annotation_statement(writing.project).where(ANNOTATIONS.c.id == id_or_zero(annotation_id))
    ).one()
    return annotation_from_row(row)
