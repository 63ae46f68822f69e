"""The cap of items per run and queue: the highest priorities go in, with the chance they had.

Priorities are ``s / u``, so whoever is above the cap's line ``tau`` got there with the chance
``min(p, s / tau)`` (priority sampling with the draw that the rule used). That chance takes the
place of the rule's ``p`` in every record of the queue, or weights by it would be wrong.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf, nextafter
from typing import TYPE_CHECKING

from analytics.selection import RANDOM_FLOOR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from analytics.routing import Draft, Routed
    from queue_store.model import Item
    from queue_store.store import QueueStore

_PAGE = 10_000
_DIGITS_OFF = 4
"""More than two rounded divisions can be off, in numbers next to each other."""


def within_cap(
    drafts: Sequence[Draft],
    present: Mapping[tuple[str, str], Item],
    items_max: int,
    *,
    recorded_until: datetime | None,
) -> tuple[list[Draft], float]:
    """The drafts that a queue takes, and the highest priority that it leaves; 0 when it takes all.

    ``drafts`` come with the highest priority first. What is ``present`` takes no room, except what
    a run added that died before it was recorded: the run that repeats it adds no more than it.
    """
    room = items_max - sum(
        item.added_by == "spandocket" and (recorded_until is None or item.added_at > recorded_until)
        for item in present.values()
    )
    taken: list[Draft] = []
    tau = 0.0
    for draft in drafts:
        if (draft.object_type, draft.object_id) in present:
            taken.append(draft)
        elif room > 0:
            room -= 1
            taken.append(draft)
        else:
            tau = max(tau, _passed_over(draft))
    return taken, tau


def _passed_over(draft: Draft) -> float:
    """The draft's priority, or the next number above it with which its record says so.

    Quotients are rounded: the chance at its own line could exceed its draw by the last digit.
    """
    line = draft.priority
    for _ in range(_DIGITS_OFF):
        if line <= 0 or not draft.selection.cut(line).selected:
            break
        line = nextafter(line, inf)
    return line


def present_items(queues: QueueStore, queue: str, *, project: str) -> dict[tuple[str, str], Item]:
    """Every item of a queue, also those that a person removed, by object type and id."""
    from queue_store.model import ItemState

    if queue not in {known.name for known in queues.queues(project=project)}:
        return {}
    found: dict[tuple[str, str], Item] = {}
    for status in (None, ItemState.REMOVED):
        cursor = None
        while True:
            page = queues.items(
                project=project, queue=queue, status=status, limit=_PAGE, cursor=cursor
            )
            found |= {(item.object_type.value, item.object_id): item for item in page.items}
            cursor = page.cursor
            if cursor is None:
                break
    return found


def record_line(  # The parts of one queue's line.
    routed: Routed,
    drafts: Sequence[Draft],
    taken: Sequence[Draft],
    queue: str,
    tau: float,
    floor_rate: float,
) -> list[Draft]:
    """Write the chance of being above the line into every record; gives the taken drafts with it.

    A taught queue orders its ``drafts`` by an importance of its own: theirs counts.
    """
    importance = {draft.trace_id: draft.selection.importance for draft in drafts}
    for trace_id, records in routed.selections.items():
        routed.selections[trace_id] = [
            replace(record, importance=importance.get(trace_id, record.importance)).cut(tau)
            if record.queue == queue
            else record
            for record in records
        ]
    if queue == RANDOM_FLOOR:
        routed.floor_rate = min(floor_rate, 1.0 / tau)
    return [replace(draft, selection=draft.selection.cut(tau)) for draft in taken]
