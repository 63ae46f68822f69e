"""Annotations: add, list; bulk import is in ``importing``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from queue_store.answers import answered, store_answers
from queue_store.base import StoreBase, find_item, find_queue
from queue_store.claims import locked
from queue_store.column_types import id_or_zero
from queue_store.errors import StaleRevisionError
from queue_store.leases import leases_of
from queue_store.model import AnnotationState, ItemState, Role
from queue_store.rows import annotation_from_row
from queue_store.tables.annotations import ANNOTATIONS
from queue_store.tables.fields import FIELDS
from queue_store.tables.items import ITEMS
from queue_store.tables.queues import QUEUES
from queue_store.values import check_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Select

    from queue_store.model import AnnotationDraft, AnnotationRow, ObjectType


class Annotations(StoreBase):
    """The part of the store that knows answers."""

    def annotate(
        self,
        *,
        project: str,
        item_id: int,
        reviewer: str,
        answers: Sequence[AnnotationDraft],
        now: datetime,
        token: str | None = None,
        revision: int | None = None,
        seconds_spent: float | None = None,
        state: AnnotationState = AnnotationState.SUBMITTED,
    ) -> list[AnnotationRow]:
        """Add answers to an item without finishing it; all are stored, or none.

        ``token``, when given, must hold the item; ``revision`` must be the item's.
        Raises NotFoundError, InvalidValueError, ItemLockedError, StaleRevisionError.
        """
        check_name("reviewer", reviewer, "reviewer")
        with self._writing(project=project, now=now, actor=reviewer) as writing:
            item = find_item(writing.connection, project, item_id, lock=True)
            writing.require(Role.ANNOTATOR, "annotate", item.queue_id)
            if token is not None:
                lease = leases_of(writing, item.id).get(reviewer)
                if lease is None or lease.token != token:
                    raise locked(item)
            if revision is not None and revision != item.revision:
                raise StaleRevisionError(item.id, revision, item.revision)
            ids = store_answers(writing, item, reviewer, answers, seconds_spent, state)
            if ids and state is AnnotationState.SUBMITTED:
                answered(writing, item)
            rows = writing.connection.execute(
                annotation_statement(project).where(ANNOTATIONS.c.id.in_(ids))
            )
            return [annotation_from_row(row) for row in rows]

    def annotations(
        self,
        *,
        project: str,
        field: str | None = None,
        queue: str | None = None,
        item_id: int | None = None,
        reviewer: str | None = None,
        object_type: ObjectType | None = None,
        object_id: str | None = None,
        trace_id: str | None = None,
        history: bool = False,
        item_ids: Sequence[int] | None = None,
        after_id: int | None = None,
        limit: int | None = None,
    ) -> list[AnnotationRow]:
        """Answers that were given and stand, oldest first; with ``history`` every one ever.

        ``item_ids`` are some hundred items at most; ``after_id`` and ``limit`` give a page.
        Raises NotFoundError with the nearest names for an unknown field or queue.
        """
        with self._reading(project, queue) as connection:
            statement = annotation_statement(project).where(
                self._opened(connection, project, ANNOTATIONS.c.queue_id)
            )
            if field is not None:
                statement = _of_field(connection, statement, project, field)
            if queue is not None:
                target = find_queue(connection, project, queue)
                statement = statement.where(ANNOTATIONS.c.queue_id == target.id)
            for column, wanted in (
                (ANNOTATIONS.c.item_id, item_id if item_id is None else id_or_zero(item_id)),
                (ANNOTATIONS.c.reviewer, reviewer),
                (ANNOTATIONS.c.object_type, object_type),
                (ANNOTATIONS.c.object_id, object_id),
                (ANNOTATIONS.c.trace_id, trace_id),
            ):
                if wanted is not None:
                    statement = statement.where(column == wanted)
            if item_ids is not None:
                statement = statement.where(ANNOTATIONS.c.item_id.in_(item_ids))
            if after_id is not None:
                statement = statement.where(ANNOTATIONS.c.id > after_id)
            if not history:
                statement = statement.where(ANNOTATIONS.c.state == AnnotationState.SUBMITTED.value)
            page = statement if limit is None else statement.limit(limit)
            return [annotation_from_row(row) for row in connection.execute(page)]

    def traces_of(
        self, *, project: str, queue: str | None = None, answered: str | None = None
    ) -> list[str]:
        """The traces that have an item in ``queue``, or a standing answer to the field, or both.

        Removed items do not count. Raises NotFoundError with the nearest names.
        """
        with self._reading(project, queue) as connection:
            found: set[str] | None = None
            if queue is not None:
                target = find_queue(connection, project, queue, with_form=False)
                items = select(ITEMS.c.trace_id).where(
                    ITEMS.c.queue_id == target.id,
                    ITEMS.c.trace_id.is_not(None),
                    ITEMS.c.state != ItemState.REMOVED.value,
                )
                found = set(connection.scalars(items))
            if answered is not None:
                answers = _of_field(connection, annotation_statement(project), project, answered)
                given = answers.where(
                    self._opened(connection, project, ANNOTATIONS.c.queue_id),
                    ANNOTATIONS.c.state == AnnotationState.SUBMITTED.value,
                    ANNOTATIONS.c.trace_id.is_not(None),
                )
                with_answer = given.with_only_columns(ANNOTATIONS.c.trace_id).order_by(None)
                traces = set(connection.scalars(with_answer))
                found = traces if found is None else found & traces
            return sorted(found or ())


def annotation_statement(project: str) -> Select[Any]:
    """The project's answers with field, queue and item, in the order they were stored."""
    return (
        select(
            ANNOTATIONS,
            FIELDS.c.name.label("field"),
            FIELDS.c.version.label("field_version"),
            QUEUES.c.name.label("queue"),
            ITEMS.c.selection_rule,
            ITEMS.c.selection_rule_version,
            ITEMS.c.selection_p,
            ITEMS.c.selection_u,
            ITEMS.c.selection_salt,
            ITEMS.c.selection_selected,
        )
        .join(FIELDS, FIELDS.c.id == ANNOTATIONS.c.field_id)
        .outerjoin(QUEUES, QUEUES.c.id == ANNOTATIONS.c.queue_id)
        .outerjoin(ITEMS, ITEMS.c.id == ANNOTATIONS.c.item_id)
        .where(ANNOTATIONS.c.project == project)
        .order_by(ANNOTATIONS.c.id)
    )


def _of_field(
    connection: Connection, statement: Select[Any], project: str, name: str
) -> Select[Any]:
    """Every version of the field, or the one version named; the field must exist."""
    from queue_store.fields import find_field

    found = find_field(connection, project, name)
    statement = statement.where(FIELDS.c.name == found.name)
    return statement.where(FIELDS.c.id == found.id) if "@" in name else statement
