"""One batch of drafts into a queue: insert what is new, then settle what was there."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, tuple_, update

from queue_store.assignment import deal
from queue_store.base import items_of
from queue_store.bulk import WHY, insert_new, why
from queue_store.column_types import WHOLE_MAX, storable
from queue_store.errors import InvalidValueError
from queue_store.model import Action, ItemSource, ItemState, ObjectType
from queue_store.moves import move
from queue_store.tables.items import ITEMS, NOBODY
from queue_store.tables.queues import QUEUES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queue_store.model import Item, ItemDraft, Queue, Selection
    from queue_store.writing import Writing

PRIORITY_MAX = 1e308
_OBJECT_TYPES = {kind.value for kind in ObjectType}
_SOURCES = {source.value for source in ItemSource}
_FINISHED = {ItemState.COMPLETED, ItemState.SKIPPED, ItemState.AWAITING_ADJUDICATION}


def add_batch(
    writing: Writing, queue: Queue, drafts: Sequence[ItemDraft]
) -> tuple[list[int], dict[str, int]]:
    """Add drafts; gives the item id of each and what became of them."""
    first: dict[tuple[str, str], ItemDraft] = {}
    for draft in drafts:
        _check(draft)
    keys = [(str(draft.object_type), storable(draft.object_id)) for draft in drafts]
    for key, draft in zip(keys, drafts, strict=True):
        known = first.setdefault(key, draft)
        if draft.revision > known.revision:
            first[key] = draft
    wanted = [labels_wanted(queue, draft) for draft in first.values()]
    assignees = [draft.assignee or NOBODY for draft in first.values()]
    deal(writing, queue, assignees)
    ids = insert_new(writing, queue.id, first, wanted, assignees)
    writing.count(queue.id, ItemState.PENDING.value, len(ids))
    counts = {"added": len(ids), "duplicates": len(drafts) - len(first)}
    counts |= {"reentered": 0, "removed": 0}
    for item in _present(writing, queue, [key for key in first if key not in ids]):
        key = (item.object_type.value, item.object_id)
        ids[key] = item.id
        counts[_settle(writing, item, first[key])] += 1
    return [ids[key] for key in keys], counts


def _check(draft: ItemDraft) -> None:
    if draft.object_type not in _OBJECT_TYPES:
        raise InvalidValueError(
            "object_type", draft.object_type, f"is one of {', '.join(sorted(_OBJECT_TYPES))}"
        )
    if draft.source not in _SOURCES:
        raise InvalidValueError("source", draft.source, f"is one of {', '.join(sorted(_SOURCES))}")
    if not draft.object_id:
        raise InvalidValueError("object_id", draft.object_id, "an item needs an object id")
    try:
        ordered = -PRIORITY_MAX <= draft.priority <= PRIORITY_MAX
    except TypeError:
        ordered = False
    if not ordered:
        raise InvalidValueError("priority", None, "must be a finite number")
    if not 1 <= draft.revision <= WHOLE_MAX:
        raise InvalidValueError("revision", draft.revision, f"lies between 1 and {WHOLE_MAX}")
    drawn = None if draft.selection is None else draft.selection.p
    if drawn is not None and not 0 <= drawn <= 1:
        raise InvalidValueError("selection", drawn, "an inclusion probability lies in 0 to 1")


def _why(draft: ItemDraft) -> dict[str, Any]:
    """What says why a person should look, and how the object was drawn, as column values."""
    stored = dict(zip(WHY, why(draft), strict=True))
    return stored | {
        "priority_terms": draft.priority_terms or None,
        "metadata": draft.metadata or None,
    }


def labels_wanted(queue: Queue, draft: ItemDraft) -> int:
    """The labels this object needs: the same for the same object, whoever adds it when."""
    if queue.labels_wanted == 1 or queue.overlap_share >= 1:
        return queue.labels_wanted
    text = f"{queue.link}:{draft.object_type.value}:{draft.object_id}"
    draw = int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) / 2**64
    return queue.labels_wanted if draw < queue.overlap_share else 1


def _present(writing: Writing, queue: Queue, keys: Sequence[tuple[str, str]]) -> list[Item]:
    """The items that were there before, locked."""
    if not keys:
        return []
    rows: list[Any] = []
    for start in range(0, len(keys), 500):
        rows += writing.connection.execute(
            select(ITEMS, QUEUES.c.name.label("queue"), QUEUES.c.project)
            .join(QUEUES, QUEUES.c.id == ITEMS.c.queue_id)
            .where(
                ITEMS.c.queue_id == queue.id,
                tuple_(ITEMS.c.object_type, ITEMS.c.object_id).in_(keys[start : start + 500]),
            )
            .order_by(ITEMS.c.id)
            .with_for_update(of=ITEMS)
        )
    return items_of(writing.connection, rows)


def _settle(writing: Writing, item: Item, draft: ItemDraft) -> str:
    """Decide what a draft means for the item that is there; names the count it adds to."""
    if item.state is ItemState.REMOVED:
        return "removed"
    why = _why(draft) | _wider(item.selection, draft)
    if draft.revision <= item.revision:
        if _is_wider(item.selection, draft.selection):
            _keep_selection(writing, item, why)
        return "duplicates"
    if item.state in _FINISHED:
        if draft.change:
            why["reason"] = storable(f"{draft.reason} (again, since it changed: {draft.change})")
        move(
            writing,
            item,
            Action.REENTER,
            ItemState.PENDING,
            details={"revision": draft.revision, "reason": why["reason"]},
            revision=draft.revision,
            round=item.round + 1,
            labels_done=0,
            open_seats=item.labels_wanted,
            **why,
        )
        return "reentered"
    writing.connection.execute(
        update(ITEMS)
        .where(ITEMS.c.id == item.id)
        .values(revision=draft.revision, updated_at=writing.now, **why)
    )
    writing.audit("item_revised", queue_id=item.queue_id, item_id=item.id, revision=draft.revision)
    return "duplicates"


def _is_wider(known: Selection | None, new: Selection | None) -> bool:
    """Whether the same draw gives the object a larger chance than the one it is there with.

    A rule that looks again and takes more (a cap let in the next ones, a share grew) would have
    taken the object anyway: its labels stand for fewer others than they did.
    """
    if known is None or new is None or known.p is None or new.p is None:
        return False
    return _draw(known) == _draw(new) and new.p > known.p


def _draw(selection: Selection) -> tuple[Any, ...]:
    return selection.rule, selection.salt, selection.u


def _wider(known: Selection | None, draft: ItemDraft) -> dict[str, Any]:
    """The columns of the draw that stays although the draft brings another."""
    if not _is_wider(draft.selection, known):
        return {}
    assert known is not None
    return {"selection_p": known.p, "selection_rule_version": known.rule_version}


def _keep_selection(writing: Writing, item: Item, why: dict[str, Any]) -> None:
    names = ("selection_p", "selection_rule_version", "selection_selected")
    values = {name: why[name] for name in names}
    writing.connection.execute(update(ITEMS).where(ITEMS.c.id == item.id).values(**values))
