"""What can go wrong with the queues; each error carries its facts as attributes.

QueueStoreError
├── StoreUnavailableError   the database cannot be opened, read or written
├── NotFoundError           a queue, field, item or the like does not exist; names the nearest
├── AlreadyExistsError      the name is taken
├── InvalidValueError       a value does not fit its field or setting
├── FieldImmutableError     a field exists with another definition, or is in use
├── ItemLockedError         somebody else holds the item; says who and until when
├── NoItemsAvailableError   nothing to claim: finished, held by others, or not handed out
├── StaleRevisionError      the item is not as the writer saw it
└── NotPermittedError       the person's role does not allow it
"""

from __future__ import annotations

from datetime import UTC
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime


class QueueStoreError(Exception):
    """Base of every error of this package."""


class StoreUnavailableError(QueueStoreError):
    """The database cannot be opened, read or written."""

    def __init__(self, place: str, reason: str) -> None:
        self.place = place
        self.reason = reason
        super().__init__(
            f"cannot use the queue store at {place}: {reason}; "
            "check that it exists, is writable and has room"
        )


class NotFoundError(QueueStoreError):
    """Something named does not exist. ``noun`` says what: queue, field, item, issue, ...

    ``nearest`` are the names to suggest; without them the most similar of the ``known``.
    """

    def __init__(
        self, noun: str, name: str, known: Iterable[str] = (), nearest: Sequence[str] = ()
    ) -> None:
        names = sorted(known)
        self.noun = noun
        self.name = name
        self.nearest = [*nearest] or get_close_matches(name, names, n=3, cutoff=0.5)
        if self.nearest:
            hint = f"; did you mean {', '.join(self.nearest)}?"
        elif names:
            hint = f"; known: {', '.join(names[:20])}"
        else:
            hint = ""
        super().__init__(f"no {noun} {name!r}{hint}")


class AlreadyExistsError(QueueStoreError):
    """The name is taken."""

    def __init__(self, noun: str, name: str) -> None:
        self.noun = noun
        self.name = name
        article = "an" if noun[0] in "aeiou" else "a"
        super().__init__(f"there is {article} {noun} named {name!r} already; choose another name")


class InvalidValueError(QueueStoreError):
    """A value does not fit; nothing was changed. ``field`` names the field or the setting."""

    def __init__(self, field: str, value: Any, reason: str) -> None:
        self.field = field
        self.value = value
        self.reason = reason
        super().__init__(f"{field}: {reason}")


class FieldImmutableError(QueueStoreError):
    """A field cannot change or go: it exists with another definition, or is in use."""

    def __init__(self, field: str, version: int, reason: str) -> None:
        self.field = field
        self.version = version
        self.reason = reason
        super().__init__(f"field {field!r} (version {version}) cannot change: {reason}")


class ItemLockedError(QueueStoreError):
    """Somebody else holds the item, or the token is not one that holds it.

    ``holders`` are all of them with until when; ``holder`` and ``until`` are the first's.
    """

    def __init__(
        self,
        item_id: int,
        holders: Sequence[tuple[str, datetime]],
        state: str,
    ) -> None:
        self.item_id = item_id
        self.holders = tuple(holders)
        self.holder = self.holders[0][0] if self.holders else None
        self.until = self.holders[0][1] if self.holders else None
        self.state = state
        if self.holders:
            held = _held_by(self.holders)
            text = f"item {item_id} is held by {held}"
        elif state == "pending":
            text = f"item {item_id} is held by nobody now: this claim has ended; claim it again"
        else:
            text = f"item {item_id} is held by nobody: it is {state.replace('_', ' ')}"
        super().__init__(text)


def _held_by(holders: Iterable[tuple[str, datetime]]) -> str:
    """Who holds it until when, in the one form of all times that are printed."""
    return ", ".join(
        f"{name} until {until.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z" for name, until in holders
    )


class NoItemsAvailableError(QueueStoreError):
    """Nothing to claim.

    ``why`` is ``finished`` (every item is done), ``empty`` (there are none), ``held`` (the rest is
    with others: ``holders`` says who until when), ``labelled`` (the rest has this reviewer's
    label or is assigned to others), ``awaiting`` (the rest waits for adjudication),
    or ``closed`` (the queue hands nothing out).
    """

    def __init__(
        self,
        queue: str,
        why: str,
        holders: Sequence[tuple[str, datetime]] = (),
        state: str = "active",
    ) -> None:
        self.queue = queue
        self.why = why
        self.holders = tuple(holders)
        self.state = state
        held = _held_by(self.holders)
        text = {
            "finished": "the queue is finished",
            "empty": "the queue has no items",
            "held": f"the rest is held by {held}",
            "labelled": "the rest has your label already or is assigned to others",
            "awaiting": "the rest waits for adjudication",
            "closed": f"the queue is {state} and hands out no work",
        }[why]
        super().__init__(f"no items available in {queue!r}: {text}")


class StaleRevisionError(QueueStoreError):
    """The item changed since the writer saw it."""

    def __init__(self, item_id: int, seen: int, current: int) -> None:
        self.item_id = item_id
        self.seen = seen
        self.current = current
        super().__init__(
            f"item {item_id} is at revision {current}, you saw {seen}; look at it again"
        )


class NotPermittedError(QueueStoreError):
    """The person may not do this."""

    def __init__(self, actor: str, action: str, needed: str) -> None:
        self.actor = actor
        self.action = action
        self.needed = needed
        super().__init__(f"{actor} may not {action}: {needed}")
