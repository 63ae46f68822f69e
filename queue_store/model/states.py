"""The life of an item: its states, and the one table of moves between them.

The database holds the same table in a CHECK constraint and the README draws it;
a test keeps the three equal.
"""

from __future__ import annotations

from enum import StrEnum


class ItemState(StrEnum):
    """Where an item stands."""

    PENDING = "pending"
    """Waits for a person; the only state that can be claimed."""
    IN_PROGRESS = "in_progress"
    """Held by one person under a lease."""
    AWAITING_ADJUDICATION = "awaiting_adjudication"
    """Every label wanted is there and they disagree; a reviewer must decide."""
    COMPLETED = "completed"
    """Every label wanted is there, or a reviewer has decided."""
    SKIPPED = "skipped"
    """Skipped for everyone, with a reason; never counts as completed."""
    REMOVED = "removed"
    """Taken out by a person; no rule adds it again."""


class Action(StrEnum):
    """What moves an item."""

    CLAIM = "claim"
    RELEASE = "release"
    EXPIRE = "expire"
    SUBMIT = "submit"
    SKIP = "skip"
    DECIDE = "decide"
    REOPEN = "reopen"
    REENTER = "reenter"
    UNDO = "undo"
    REMOVE = "remove"


class SkipPolicy(StrEnum):
    """Who sees a skipped item again."""

    EVERYONE = "everyone"
    """Nobody: it is skipped for everyone."""
    OTHERS = "others"
    """Other reviewers, not the one who skipped it."""
    ME = "me"
    """The reviewer who skipped it, after everything else in the queue."""


_PENDING = ItemState.PENDING
_HELD = ItemState.IN_PROGRESS
_AWAITING = ItemState.AWAITING_ADJUDICATION
_COMPLETED = ItemState.COMPLETED
_SKIPPED = ItemState.SKIPPED
_REMOVED = ItemState.REMOVED

TRANSITIONS: dict[Action, tuple[tuple[ItemState, ItemState], ...]] = {
    Action.CLAIM: ((_PENDING, _HELD),),
    Action.RELEASE: ((_HELD, _PENDING),),
    Action.EXPIRE: ((_HELD, _PENDING),),
    Action.SUBMIT: ((_HELD, _PENDING), (_HELD, _AWAITING), (_HELD, _COMPLETED)),
    Action.SKIP: ((_HELD, _PENDING), (_HELD, _SKIPPED)),
    Action.DECIDE: ((_AWAITING, _COMPLETED),),
    Action.REOPEN: (
        (_AWAITING, _PENDING),
        (_COMPLETED, _PENDING),
        (_SKIPPED, _PENDING),
        (_REMOVED, _PENDING),
    ),
    Action.REENTER: ((_AWAITING, _PENDING), (_COMPLETED, _PENDING), (_SKIPPED, _PENDING)),
    Action.UNDO: (
        (_PENDING, _HELD),
        (_AWAITING, _HELD),
        (_COMPLETED, _HELD),
        (_SKIPPED, _HELD),
    ),
    Action.REMOVE: (
        (_PENDING, _REMOVED),
        (_HELD, _REMOVED),
        (_AWAITING, _REMOVED),
        (_COMPLETED, _REMOVED),
        (_SKIPPED, _REMOVED),
    ),
}
"""Every move an action may make, as (from, to)."""


def allowed_moves() -> list[tuple[ItemState, ItemState]]:
    """Every (from, to) that some action allows, sorted and without repeats."""
    return sorted({move for moves in TRANSITIONS.values() for move in moves})
