"""Who gets a new item, when the queue deals its items to its assignees."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, assert_never

from sqlalchemy import func, select

from queue_store.model import Assignment, ItemState
from queue_store.tables.items import ITEMS, NOBODY
from queue_store.tables.metadata import word

if TYPE_CHECKING:
    from queue_store.model import Queue
    from queue_store.writing import Writing


def deal(writing: Writing, queue: Queue, assignees: list[str]) -> None:
    """Replace each that is nobody by whom the queue's way of assigning names."""
    if not queue.assignees:
        return
    waiting = [place for place, assignee in enumerate(assignees) if assignee == NOBODY]
    if not waiting:
        return
    match queue.assignment:
        case Assignment.SELF_CLAIM:
            return
        case Assignment.ROUND_ROBIN:
            chosen = _in_turn(writing, queue, len(waiting))
        case Assignment.LOAD_BALANCE:
            chosen = _to_the_least_busy(writing, queue, len(waiting))
        case _:
            assert_never(queue.assignment)
    for place, person in zip(waiting, chosen, strict=True):
        assignees[place] = person


def _in_turn(writing: Writing, queue: Queue, number: int) -> list[str]:
    """One each, going on after the items that are there."""
    present = writing.connection.scalar(
        select(func.count()).select_from(ITEMS).where(ITEMS.c.queue_id == queue.id)
    )
    start, people = int(present or 0), queue.assignees
    return [people[place % len(people)] for place in range(start, start + number)]


def _to_the_least_busy(writing: Writing, queue: Queue, number: int) -> list[str]:
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
    chosen = []
    for _ in range(number):
        load, place, name = heapq.heappop(heap)
        chosen.append(name)
        heapq.heappush(heap, (load + 1, place, name))
    return chosen
