"""Who gets a new item, when the queue deals its items to its assignees."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, assert_never

from sqlalchemy import func, select

from queue_store.model import Assignment, ItemState
from queue_store.tables.items import ITEMS, NOBODY
from queue_store.tables.metadata import word

if TYPE_CHECKING:
    from queue_store.model import Queue
    from queue_store.writing import Writing


def deal(writing: Writing, queue: Queue, rows: list[dict[str, Any]]) -> None:
    """Set the assignee of rows that name none, by the queue's way of assigning."""
    waiting = [row for row in rows if row["assignee"] == NOBODY]
    if not waiting or not queue.assignees:
        return
    match queue.assignment:
        case Assignment.SELF_CLAIM:
            return
        case Assignment.ROUND_ROBIN:
            _in_turn(writing, queue, waiting)
        case Assignment.LOAD_BALANCE:
            _to_the_least_busy(writing, queue, waiting)
        case _:
            assert_never(queue.assignment)


def _in_turn(writing: Writing, queue: Queue, rows: list[dict[str, Any]]) -> None:
    """One each, going on after the items that are there."""
    present = writing.connection.scalar(
        select(func.count()).select_from(ITEMS).where(ITEMS.c.queue_id == queue.id)
    )
    for position, row in enumerate(rows, start=int(present or 0)):
        row["assignee"] = queue.assignees[position % len(queue.assignees)]


def _to_the_least_busy(writing: Writing, queue: Queue, rows: list[dict[str, Any]]) -> None:
    """Each to whoever has the fewest pending items; the queue's order settles ties."""
    rows_of = writing.connection.execute(
        select(ITEMS.c.assignee, func.count().label("number"))
        .where(
            ITEMS.c.queue_id == queue.id,
            ITEMS.c.state == word(ItemState.PENDING),
            ITEMS.c.assignee.in_(queue.assignees),
        )
        .group_by(ITEMS.c.assignee)
    )
    pending: dict[str, int] = {row.assignee: row.number for row in rows_of}
    heap = [(pending.get(name, 0), place, name) for place, name in enumerate(queue.assignees)]
    heapq.heapify(heap)
    for row in rows:
        load, place, name = heapq.heappop(heap)
        row["assignee"] = name
        heapq.heappush(heap, (load + 1, place, name))
