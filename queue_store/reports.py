"""Reports: how far the queues are, and the log of every write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from queue_store.base import StoreBase, find_queue
from queue_store.model import Progress
from queue_store.rows import audit_from_row
from queue_store.tables.audit import AUDIT
from queue_store.tables.queues import COUNTED, QUEUE_COUNTERS, QUEUES

if TYPE_CHECKING:
    from queue_store.model import AuditEntry


class Reports(StoreBase):
    """The part of the store that tells."""

    def progress(self, *, project: str, queue: str) -> Progress:
        """One queue's counters; raises NotFoundError."""
        with self.database.reading() as connection:
            name = find_queue(connection, project, queue).name
        (found,) = [entry for entry in self.all_progress(project=project) if entry.queue == name]
        return found

    def all_progress(self, *, project: str) -> list[Progress]:
        """The counters of every queue of the project, oldest queue first."""
        counters = QUEUE_COUNTERS.c
        with self.database.reading() as connection:
            rows = connection.execute(
                select(
                    QUEUES.c.id,
                    QUEUES.c.name,
                    *(func.sum(counters[name]).label(name) for name in COUNTED),
                )
                .join(QUEUE_COUNTERS, counters.queue_id == QUEUES.c.id)
                .where(QUEUES.c.project == project)
                .group_by(QUEUES.c.id, QUEUES.c.name)
                .order_by(QUEUES.c.id)
            ).all()
        return [
            Progress(queue=row.name, **{name: int(getattr(row, name)) for name in COUNTED})
            for row in rows
        ]

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
        with self.database.reading() as connection:
            statement = (
                select(AUDIT, QUEUES.c.name.label("queue"))
                .outerjoin(QUEUES, QUEUES.c.id == AUDIT.c.queue_id)
                .where(AUDIT.c.project == project)
                .order_by(AUDIT.c.id.desc())
                .limit(limit)
            )
            if queue is not None:
                target = find_queue(connection, project, queue)
                statement = statement.where(AUDIT.c.queue_id == target.id)
            if item_id is not None:
                statement = statement.where(AUDIT.c.item_id == item_id)
            if actor is not None:
                statement = statement.where(AUDIT.c.actor == actor)
            if before_id is not None:
                statement = statement.where(AUDIT.c.id < before_id)
            return [audit_from_row(row) for row in connection.execute(statement)]
