"""Which webhook is told which event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


def outbox_rows(hooks: Sequence[Any], events: Sequence[Any], now: datetime) -> list[dict[str, Any]]:
    """One row for each event and each webhook that asked for it."""
    return [
        {
            "webhook_id": hook.id,
            "event": event.value,
            "body": body,
            "created_at": now,
            "next_attempt_at": now,
        }
        for event, queue_id, body in events
        for hook in hooks
        if event.value in hook.events and hook.queue_id in {None, queue_id}
    ]
