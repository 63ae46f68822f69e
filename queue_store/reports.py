"""Reports: how far the queues are, and the log of every write."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from queue_store.agreement import Agreement, agreement
from queue_store.base import StoreBase, find_queue
from queue_store.claims import counted
from queue_store.column_types import WHOLE_MAX, id_or_zero, to_json
from queue_store.items import check_page
from queue_store.members import members_of
from queue_store.model import AnnotationState, FieldType, Progress, ReviewerProgress
from queue_store.rows import audit_from_row
from queue_store.tables.annotations import ANNOTATIONS
from queue_store.tables.audit import AUDIT
from queue_store.tables.fields import FIELDS
from queue_store.tables.items import ITEMS, LEASES, NOBODY, RESPONSES
from queue_store.tables.queues import COUNTED, QUEUE_COUNTERS, QUEUES
from queue_store.writing import SYSTEM_ACTOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from queue_store.model import AuditEntry


class Reports(StoreBase):
    """The part of the store that tells."""

    def progress(self, *, project: str, queue: str) -> Progress:
        """One queue's counters; raises NotFoundError."""
        with self._reading(project, queue) as connection:
            target = find_queue(connection, project, queue, with_form=False)
            return Progress(queue=target.name, **counted(connection, target.id))

    def all_progress(self, *, project: str) -> list[Progress]:
        """The counters of every queue of the project, oldest queue first."""
        counters = QUEUE_COUNTERS.c
        with self._reading(project) as connection:
            rows = connection.execute(
                select(
                    QUEUES.c.id,
                    QUEUES.c.name,
                    *(func.sum(counters[name]).label(name) for name in COUNTED),
                )
                .join(QUEUE_COUNTERS, counters.queue_id == QUEUES.c.id)
                .where(QUEUES.c.project == project, self._opened(connection, project, QUEUES.c.id))
                .group_by(QUEUES.c.id, QUEUES.c.name)
                .order_by(QUEUES.c.id)
            ).all()
        return [
            Progress(queue=row.name, **{name: int(getattr(row, name)) for name in COUNTED})
            for row in rows
        ]

    def reviewers(self, *, project: str, queue: str | None = None) -> list[ReviewerProgress]:
        """What each reviewer did in each queue, by queue and name."""
        with self._reading(project, queue) as connection:
            statement = (
                select(
                    QUEUES.c.name.label("queue"),
                    RESPONSES.c.reviewer,
                    RESPONSES.c.kind,
                    RESPONSES.c.seconds,
                    RESPONSES.c.at,
                )
                .join(QUEUES, QUEUES.c.id == RESPONSES.c.queue_id)
                .where(QUEUES.c.project == project, self._opened(connection, project, QUEUES.c.id))
                .order_by(QUEUES.c.id, RESPONSES.c.reviewer)
            )
            if queue is not None:
                target = find_queue(connection, project, queue)
                statement = statement.where(RESPONSES.c.queue_id == target.id)
            rows = connection.execute(statement).all()
        groups: dict[tuple[str, str], list[Any]] = {}
        for row in rows:
            groups.setdefault((row.queue, row.reviewer), []).append(row)
        return [_reviewer(name, person, done) for (name, person), done in groups.items()]

    def people(self, *, project: str) -> set[str]:
        """Everybody whom the project knows, for a name that found nothing: a look at every item.

        Who wrote, answered, skipped or held something, who is assigned, and who has a role.
        """
        with self._reading(project) as connection:
            mine = QUEUES.c.project == project, self._opened(connection, project, QUEUES.c.id)
            known = {member.person for member in members_of(connection, project)}
            for name in (RESPONSES.c.reviewer, LEASES.c.reviewer, ITEMS.c.assignee):
                of_queues = select(name).join(QUEUES, QUEUES.c.id == name.table.c.queue_id)
                known.update(connection.scalars(of_queues.where(*mine).distinct()))
            for name in (ANNOTATIONS.c.reviewer, AUDIT.c.actor):
                opened = self._opened(connection, project, name.table.c.queue_id)
                of_project = select(name).where(name.table.c.project == project, opened)
                known.update(connection.scalars(of_project.distinct()))
            for assignees in connection.scalars(select(QUEUES.c.assignees).where(*mine)):
                known.update(assignees)
        return known - {NOBODY, SYSTEM_ACTOR}

    def agreement(self, *, project: str, queue: str) -> dict[str, Agreement]:
        """How far the reviewers of a queue agree so far, by field; free text is left out."""
        with self._reading(project, queue) as connection:
            target = find_queue(connection, project, queue)
            return _agreements(connection, [target.id]).get(target.id, {})

    def agreements(self, *, project: str) -> dict[str, dict[str, Agreement]]:
        """How far the reviewers of every queue agree so far, by queue and field.

        What it costs depends on the answers of items that two people answered, on nothing else.
        """
        with self._reading(project) as connection:
            opened = self._opened(connection, project, QUEUES.c.id)
            found = connection.execute(
                select(QUEUES.c.id, QUEUES.c.name)
                .where(QUEUES.c.project == project, opened)
                .order_by(QUEUES.c.id)
            ).all()
            agreed = _agreements(connection, [row.id for row in found])
        return {row.name: agreed.get(row.id, {}) for row in found}

    def audit(
        self,
        *,
        project: str,
        queue: str | None = None,
        item_id: int | None = None,
        actor: str | None = None,
        limit: int = 50,
        before_id: int | None = None,
    ) -> list[AuditEntry]:
        """The newest writes first; ``before_id`` continues behind the last one seen."""
        check_page(limit, 0)
        with self._reading(project, queue) as connection:
            statement = (
                select(AUDIT, QUEUES.c.name.label("queue"))
                .outerjoin(QUEUES, QUEUES.c.id == AUDIT.c.queue_id)
                .where(
                    AUDIT.c.project == project,
                    self._opened(connection, project, AUDIT.c.queue_id),
                )
                .order_by(AUDIT.c.id.desc())
                .limit(limit)
            )
            if queue is not None:
                target = find_queue(connection, project, queue)
                statement = statement.where(AUDIT.c.queue_id == target.id)
            if item_id is not None:
                statement = statement.where(AUDIT.c.item_id == id_or_zero(item_id))
            if actor is not None:
                statement = statement.where(AUDIT.c.actor == actor)
            if before_id is not None:
                statement = statement.where(AUDIT.c.id < min(before_id, WHOLE_MAX))
            return [audit_from_row(row) for row in connection.execute(statement)]


def _reviewer(queue: str, reviewer: str, rows: list[Any]) -> ReviewerProgress:
    """One reviewer's part in one queue, from their responses."""
    submitted = [row for row in rows if row.kind == "submitted"]
    spent = [row.seconds for row in submitted if row.seconds is not None]
    return ReviewerProgress(
        queue=queue,
        reviewer=reviewer,
        done=len(submitted),
        skipped=len(rows) - len(submitted),
        last_active=max(row.at for row in rows),
        median_seconds=median(spent) if spent else None,
    )


def _agreements(
    connection: Connection, queue_ids: Sequence[int]
) -> dict[int, dict[str, Agreement]]:
    """By queue and field, from the answers about whole objects that two people or more gave."""
    ratings: dict[int, dict[str, dict[Any, dict[str, Any]]]] = {}
    numeric = set()
    for start in range(0, len(queue_ids), 500):
        some = {"queue_ids": list(queue_ids[start : start + 500])}
        for row in connection.execute(_RATED, some):
            unit = (row.object_type, row.object_id, row.item_revision)
            value = to_json(row.value) if isinstance(row.value, list) else row.value
            of_field = ratings.setdefault(row.queue_id, {}).setdefault(row.name, {})
            of_field.setdefault(unit, {})[row.reviewer] = value
            if row.type in {FieldType.INTEGER.value, FieldType.NUMBER.value}:
                numeric.add((row.queue_id, row.name))
    return {
        queue_id: {
            name: agreement(units, interval=(queue_id, name) in numeric)
            for name, units in fields.items()
        }
        for queue_id, fields in ratings.items()
    }


_COUNTING = (
    ANNOTATIONS.c.queue_id.in_(bindparam("queue_ids", expanding=True)),
    ANNOTATIONS.c.state == AnnotationState.SUBMITTED.value,
    ANNOTATIONS.c.anchor.is_(None),
    ANNOTATIONS.c.adjudicated.is_(False),
)
_RATED = (
    select(
        ANNOTATIONS.c.queue_id,
        FIELDS.c.name,
        FIELDS.c.type,
        ANNOTATIONS.c.object_type,
        ANNOTATIONS.c.object_id,
        ANNOTATIONS.c.item_revision,
        ANNOTATIONS.c.reviewer,
        ANNOTATIONS.c.value,
    )
    .join(FIELDS, FIELDS.c.id == ANNOTATIONS.c.field_id)
    .where(*_COUNTING, FIELDS.c.type != FieldType.STRING.value)
    .order_by(ANNOTATIONS.c.queue_id, FIELDS.c.name, ANNOTATIONS.c.id)
)
