"""The one way an item changes its state: by the transition table, counted and audited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from queue_store.errors import InvalidValueError
from queue_store.model import TRANSITIONS, ItemState
from queue_store.tables.items import ITEMS

if TYPE_CHECKING:
    from queue_store.model import Action, Item
    from queue_store.writing import Writing


def move(
    writing: Writing,
    item: Item,
    action: Action,
    after: ItemState,
    *,
    details: dict[str, Any] | None = None,
    **values: Any,
) -> None:
    """Move a locked item; raises InvalidValueError when its state does not allow the action.

    An item that several work on stays in progress while one of them comes or goes.
    """
    stays = item.state is after is ItemState.IN_PROGRESS
    if not stays and (item.state, after) not in TRANSITIONS[action]:
        raise InvalidValueError(
            "item",
            item.id,
            f"cannot {action.value} item {item.id}: it is {item.state.value.replace('_', ' ')}",
        )
    writing.connection.execute(
        update(ITEMS)
        .where(ITEMS.c.id == item.id)
        .values(
            _cleared(after)
            | ({} if stays else {"state": after.value, "came_from": item.state.value})
            | {"updated_at": writing.now}
            | values
        )
    )
    writing.moved(item.queue_id, item.state, after)
    writing.audit(
        action.value,
        queue_id=item.queue_id,
        item_id=item.id,
        before=item.state.value,
        after=after.value,
        **(details or {}),
    )


def _cleared(after: ItemState) -> dict[str, Any]:
    """Facts that belong to states the item is not in any more."""
    values: dict[str, Any] = {}
    if after is not ItemState.COMPLETED:
        values |= {"completed_at": None, "completed_by": None}
    if after is not ItemState.SKIPPED:
        values |= {"skip_reason": None}
    if after not in {ItemState.PENDING, ItemState.IN_PROGRESS}:
        values |= {"open_seats": 0}
    return values
