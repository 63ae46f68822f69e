"""Webhooks: events stored with the write that caused them, and delivered later.

The outbox row is part of the write's transaction: an event is told exactly when what it tells
happened. Sending is the caller's: :meth:`Webhooks.due`, then :meth:`delivered` or :meth:`refused`.
Delivery is at least once; the receiver knows repeats by the event's id.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy import delete, exists, func, insert, select, update

from queue_store.base import StoreBase, find_queue
from queue_store.column_types import id_or_zero, to_json
from queue_store.errors import InvalidValueError, NotFoundError
from queue_store.model import Delivery, HookEvent, Role, Webhook
from queue_store.tables.collections import OUTBOX, WEBHOOKS
from queue_store.tables.queues import QUEUES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

ATTEMPTS_MAX = 12
"""After so many tries an event is given up and counted as failed."""
BACKOFF_SECONDS = 5.0
"""Wait before the second try; doubles with each, up to the longest."""
BACKOFF_SECONDS_MAX = 3600.0
SENDING_SECONDS = 60.0
"""How long an event that was handed out for sending is nobody else's."""


class Webhooks(StoreBase):
    """The part of the store that tells others."""

    def create_webhook(
        self,
        *,
        project: str,
        url: str,
        events: Sequence[HookEvent],
        now: datetime,
        actor: str,
        queue: str | None = None,
        secret: str | None = None,
    ) -> Webhook:
        """Tell this URL about events; without a secret one is made."""
        if not url.startswith(("http://", "https://")) or not _host(url):
            raise InvalidValueError("url", url, f"{url!r} is not http:// or https:// and a host")
        with self._writing(project=project, now=now, actor=actor) as writing:
            writing.require(Role.MANAGER, "create a webhook")
            target = None if queue is None else find_queue(writing.connection, project, queue)
            made = writing.connection.scalar(
                insert(WEBHOOKS)
                .values(
                    project=project,
                    url=url,
                    secret=secret or self.new_token(),
                    events=[event.value for event in events or HookEvent],
                    queue_id=None if target is None else target.id,
                    created_at=now,
                    created_by=actor,
                )
                .returning(WEBHOOKS.c.id)
            )
            writing.audit("webhook_created", queue_id=None, webhook_id=made, url=url)
        return next(hook for hook in self.webhooks(project=project) if hook.id == made)

    def webhooks(self, *, project: str) -> list[Webhook]:
        """The project's webhooks with what waits and what failed.

        Of readers, only managers are told the secrets; for others they are empty.
        """
        waiting = func.count(OUTBOX.c.next_attempt_at)
        failed = func.count(OUTBOX.c.id) - waiting - func.count(OUTBOX.c.delivered_at)
        with self._reading(project) as connection:
            rows = connection.execute(
                select(
                    WEBHOOKS,
                    QUEUES.c.name.label("queue"),
                    waiting.label("waiting"),
                    failed.label("failed"),
                )
                .outerjoin(QUEUES, QUEUES.c.id == WEBHOOKS.c.queue_id)
                .outerjoin(OUTBOX, OUTBOX.c.webhook_id == WEBHOOKS.c.id)
                .where(WEBHOOKS.c.project == project)
                .group_by(WEBHOOKS.c.id, QUEUES.c.name)
                .order_by(WEBHOOKS.c.id)
            ).all()
            may_sign = self._manages(connection, project)
        return [
            Webhook(
                id=row.id,
                project=row.project,
                url=row.url,
                secret=row.secret if may_sign else "",
                events=tuple(HookEvent(event) for event in row.events),
                queue=row.queue,
                waiting=row.waiting,
                failed=row.failed,
                created_at=row.created_at,
            )
            for row in rows
        ]

    def delete_webhook(self, *, project: str, webhook_id: int, now: datetime, actor: str) -> None:
        """Delete a webhook with what waits for it."""
        with self._writing(project=project, now=now, actor=actor) as writing:
            writing.require(Role.MANAGER, "delete a webhook")
            gone = writing.connection.execute(
                delete(WEBHOOKS).where(
                    WEBHOOKS.c.id == id_or_zero(webhook_id), WEBHOOKS.c.project == project
                )
            )
            if gone.rowcount == 0:
                raise NotFoundError("webhook", str(webhook_id))
            writing.audit("webhook_deleted", queue_id=None, webhook_id=webhook_id)

    def due(self, *, now: datetime, limit: int = 50) -> list[Delivery]:
        """Events to send now; they are the caller's for SENDING_SECONDS."""
        with self.database.reading() as connection:
            waiting = connection.scalar(select(exists().where(OUTBOX.c.next_attempt_at <= now)))
        if not waiting:
            return []
        with self.database.writing() as connection:
            rows = connection.execute(
                select(OUTBOX, WEBHOOKS.c.url, WEBHOOKS.c.secret)
                .join(WEBHOOKS, WEBHOOKS.c.id == OUTBOX.c.webhook_id)
                .where(OUTBOX.c.next_attempt_at <= now)
                .order_by(OUTBOX.c.next_attempt_at, OUTBOX.c.id)
                .limit(limit)
                .with_for_update(skip_locked=True, of=OUTBOX)
            ).all()
            connection.execute(
                update(OUTBOX)
                .where(OUTBOX.c.id.in_([row.id for row in rows]))
                .values(next_attempt_at=now + timedelta(seconds=SENDING_SECONDS))
            )
        return [
            Delivery(
                id=row.id,
                webhook_id=row.webhook_id,
                url=row.url,
                secret=row.secret,
                event=HookEvent(row.event),
                body=row.body,
                attempts=row.attempts,
            )
            for row in rows
        ]

    def delivered(self, *, delivery_id: int, now: datetime) -> None:
        """The receiver took it."""
        with self.database.writing() as connection:
            connection.execute(
                update(OUTBOX)
                .where(OUTBOX.c.id == delivery_id)
                .values(
                    delivered_at=now,
                    next_attempt_at=None,
                    attempts=OUTBOX.c.attempts + 1,
                    last_error=None,
                )
            )

    def refused(self, *, delivery_id: int, error: str, now: datetime) -> None:
        """It could not be delivered: try again later, at last give up."""
        with self.database.writing() as connection:
            tried = connection.scalar(select(OUTBOX.c.attempts).where(OUTBOX.c.id == delivery_id))
            attempts = int(tried or 0) + 1
            wait = min(BACKOFF_SECONDS * 2 ** (attempts - 1), BACKOFF_SECONDS_MAX)
            again = now + timedelta(seconds=wait) if attempts < ATTEMPTS_MAX else None
            connection.execute(
                update(OUTBOX)
                .where(OUTBOX.c.id == delivery_id)
                .values(attempts=attempts, next_attempt_at=again, last_error=error[:500])
            )


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def signed(delivery: Delivery) -> tuple[bytes, dict[str, str]]:
    """The body to send and its headers; the signature is HMAC-SHA256 of the body."""
    body = to_json({"id": delivery.id, "event": delivery.event.value, **delivery.body}).encode()
    digest = hmac.new(delivery.secret.encode(), body, hashlib.sha256).hexdigest()
    return body, {
        "Content-Type": "application/json",
        "X-Spandocket-Event": delivery.event.value,
        "X-Spandocket-Delivery": str(delivery.id),
        "X-Spandocket-Signature": f"sha256={digest}",
    }
