"""One write in progress: its connection, and what must be stored together with it.

Counters and rows of the log are gathered while the write works and stored at its end.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, insert, select

from queue_store.endings import end_write
from queue_store.errors import NotPermittedError
from queue_store.model import HookEvent, Role
from queue_store.outbox import outbox_rows
from queue_store.tables.collections import EVERY_QUEUE, MEMBERS, OUTBOX, WEBHOOKS
from queue_store.tables.queues import QUEUE_COUNTERS

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from queue_store.database import Database
    from queue_store.model import ItemState


SYSTEM_ACTOR = "spandocket"
"""Who writes when no person does; needs no role."""


@dataclass(slots=True, kw_only=True)
class Writing:
    """A transaction that writes on behalf of one actor at one moment."""

    database: Database
    connection: Connection
    now: datetime
    actor: str
    project: str
    _counts: dict[int, Counter[str]] = field(default_factory=dict)
    _lease: dict[str, Any] | None = None
    _audit: list[dict[str, Any]] = field(default_factory=list)
    _events: list[tuple[HookEvent, int, dict[str, Any]]] = field(default_factory=list)

    def count(self, queue_id: int, column: str, change: int) -> None:
        """Change a counter of the queue."""
        self._counts.setdefault(queue_id, Counter())[column] += change

    def moved(self, queue_id: int, before: ItemState, after: ItemState) -> None:
        """Count an item out of one state and into another."""
        self.count(queue_id, before.value, -1)
        self.count(queue_id, after.value, +1)

    def audit(
        self, action: str, *, queue_id: int | None, item_id: int | None = None, **details: Any
    ) -> None:
        """Record the write."""
        self._audit.append(
            {
                "time": self.now,
                "project": self.project,
                "actor": self.actor,
                "action": action,
                "queue_id": queue_id,
                "item_id": item_id,
                "details": details,
            }
        )

    def give_last(self, lease: dict[str, Any]) -> None:
        """Store this lease at the end, with the rest; nothing of this write reads it."""
        self._lease = lease

    def tell(self, event: HookEvent, queue_id: int, **body: Any) -> None:
        """Send an event to the webhooks that asked for it, once this write is stored."""
        about = {"project": self.project, "time": self.now.isoformat(), "actor": self.actor}
        self._events.append((event, queue_id, about | body))

    def require(self, role: Role, action: str, queue_id: int | None = None) -> None:
        """Raise NotPermittedError unless the actor has the role, in the queue or everywhere."""
        if self.actor == SYSTEM_ACTOR:
            return
        rows = self.connection.execute(_ROLES, {"in_project": self.project}).all()
        if not rows:
            return
        held = [
            Role(row.role).rank
            for row in rows
            if row.person == self.actor and row.queue_id in {EVERY_QUEUE, queue_id}
        ]
        if max(held, default=-1) < role.rank:
            raise NotPermittedError(self.actor, action, f"that needs the role {role.value}")

    def finish(self) -> None:
        """Store counters and audit rows; called just before the commit."""
        end_write(self.connection, log=self._audit, lease=self._lease, counts=self._counts)
        if self._events:
            self._store_events()

    def _store_events(self) -> None:
        """Put the events of this write into the outbox."""
        hooks = self.connection.execute(_HOOKS, {"in_project": self.project}).all()
        if not hooks:
            return
        for queue_id in sorted({queue_id for event, queue_id, _ in self._events}):
            if self._just_finished(queue_id):
                self.tell(HookEvent.QUEUE_FINISHED, queue_id)
        rows = outbox_rows(hooks, self._events, self.now)
        if rows:
            self.connection.execute(insert(OUTBOX), rows)

    def _just_finished(self, queue_id: int) -> bool:
        """Whether this write ended the queue's last open item."""
        if not any(
            queue == queue_id and event is HookEvent.ITEM_COMPLETED
            for event, queue, _ in self._events
        ):
            return False
        return not self.connection.scalar(_OPEN_ITEMS, {"of_queue": queue_id})


_ROLES = select(MEMBERS).where(MEMBERS.c.project == bindparam("in_project"))
_HOOKS = select(WEBHOOKS).where(WEBHOOKS.c.project == bindparam("in_project"))
_OPEN_ITEMS = select(
    func.sum(
        QUEUE_COUNTERS.c.pending
        + QUEUE_COUNTERS.c.in_progress
        + QUEUE_COUNTERS.c.awaiting_adjudication
    )
).where(QUEUE_COUNTERS.c.queue_id == bindparam("of_queue"))
