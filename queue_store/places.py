"""Where an item stands in its queue: counted and looked up in the index of the listing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, union_all

from queue_store.model import ItemState
from queue_store.tables.items import ITEMS
from queue_store.tables.metadata import word

if TYPE_CHECKING:
    from sqlalchemy import Select

    from queue_store.model import Item

_VISIBLE = tuple(state for state in ItemState if state is not ItemState.REMOVED)


def number_before(item: Item) -> Select[Any]:
    """How many items of its queue come before this one."""
    columns = ITEMS.c
    counts = [
        select(func.count().label("number")).where(
            columns.queue_id == item.queue_id, columns.state == word(state), *where
        )
        for state in _VISIBLE
        for where in (
            (columns.priority > item.priority,),
            (columns.priority == item.priority, columns.id < item.id),
        )
    ]
    counted = union_all(*counts).subquery("counted")
    return select(func.sum(counted.c.number))


def beside(item: Item, *, later: bool) -> Select[Any]:
    """The item next to this one: the nearest of each state, then the nearest of those."""
    columns = ITEMS.c
    same = (columns.id > item.id) if later else (columns.id < item.id)
    further = (columns.priority < item.priority) if later else (columns.priority > item.priority)

    def ordered(priority: Any, item_id: Any) -> tuple[Any, Any]:
        return (priority.desc(), item_id) if later else (priority, item_id.desc())

    nearest = [
        select(columns.id, columns.priority)
        .where(columns.queue_id == item.queue_id, columns.state == word(state), *where)
        .order_by(*ordered(columns.priority, columns.id))
        .limit(1)
        .subquery(f"{name}_{state.value}")
        .select()
        for state in _VISIBLE
        for name, where in (
            ("same", (columns.priority == item.priority, same)),
            ("further", (further,)),
        )
    ]
    found = union_all(*nearest).subquery("found")
    return select(found.c.id).order_by(*ordered(found.c.priority, found.c.id)).limit(1)
