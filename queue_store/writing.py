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
from queue_store.model import HookEvent, ItemState, Role
from queue_store.outbox import outbox_rows
from queue_store.tables.collections import EVERY_QUEUE, MEMBERS, OUTBOX, WEBHOOKS
from queue_store.tables.queues import QUEUE_COUNTERS, QUEUES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from queue_store.database import Database


_OPEN = {ItemState.PENDING, ItemState.IN_PROGRESS, ItemState.AWAITING_ADJUDICATION}
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
    _ended: set[int] = field(default_factory=set)
    _events: list[tuple[HookEvent, int, dict[str, Any]]] = field(default_factory=list)

    def count(self, queue_id: int, column: str, change: int) -> None:
        """Change a counter of the queue."""
        self._counts.setdefault(queue_id, Counter())[column] += change

    def moved(self, queue_id: int, before: ItemState, after: ItemState) -> None:
        """Count an item out of one state and into another."""
        self.count(queue_id, before.value, -1)
        self.count(queue_id, after.value, +1)
        if before in _OPEN and after not in _OPEN:
            self._ended.add(queue_id)

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
        """Store counters, rows of the log and events; called just before the commit."""
        hooks = self._hooks() if self._events or self._ended else []
        end_write(self.connection, log=self._audit, lease=self._lease, counts=self._counts)
        for queue_id in sorted(self._ended):
            if self._just_finished(queue_id, hooks):
                name = self.connection.scalar(_NAME, {"of_queue": queue_id})
                self.tell(HookEvent.QUEUE_FINISHED, queue_id, queue=name)
        rows = outbox_rows(hooks, self._events, self.now)
        if rows:
            self.connection.execute(insert(OUTBOX), rows)

    def _hooks(self) -> Sequence[Any]:
        return self.connection.execute(_HOOKS, {"in_project": self.project}).all()

    def _just_finished(self, queue_id: int, hooks: Sequence[Any]) -> bool:
        """Whether this write ended the queue's last open item, and somebody asked.

        One write after the other looks, so that of two that end the last two items the second
        sees what the first did.
        """
        finished = HookEvent.QUEUE_FINISHED.value
        if not any(finished in hook.events and hook.queue_id in {None, queue_id} for hook in hooks):
            return False
        self.database.exclusive(self.connection, f"finished:{queue_id}")
        row = self.connection.execute(_LEFT, {"of_queue": queue_id}).one()
        return bool(row.open == 0 and row.done > 0)


_ROLES = select(MEMBERS).where(MEMBERS.c.project == bindparam("in_project"))
_HOOKS = select(WEBHOOKS).where(WEBHOOKS.c.project == bindparam("in_project"))
_NAME = select(QUEUES.c.name).where(QUEUES.c.id == bindparam("of_queue"))
_LEFT = select(
    func.sum(
        QUEUE_COUNTERS.c.pending
        + QUEUE_COUNTERS.c.in_progress
        + QUEUE_COUNTERS.c.awaiting_adjudication
    ).label("open"),
    func.sum(QUEUE_COUNTERS.c.completed + QUEUE_COUNTERS.c.skipped).label("done"),
).where(QUEUE_COUNTERS.c.queue_id == bindparam("of_queue"))
