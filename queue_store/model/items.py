"""Items: one object in one queue, once, however many add it at the same time."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from queue_store.model.states import ItemState  # noqa: TC001

if TYPE_CHECKING:
    from datetime import datetime


class ObjectType(StrEnum):
    """What an item points at."""

    TRACE = "trace"
    """``object_id`` is the trace id."""
    SPAN = "span"
    """``object_id`` is ``TRACE_ID:SPAN_ID``."""
    SESSION = "session"
    """``object_id`` is the conversation id."""


class ItemSource(StrEnum):
    """Who put an item into its queue."""

    DETECTOR = "detector"
    RULE = "rule"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Why this object was drawn: enough to replay the draw and to weight its labels."""

    rule: str
    rule_version: str
    p: float | None
    """Inclusion probability, 0 to 1; None when a person chose the object."""
    u: float | None
    """The object's draw in [0, 1); selected when u < p."""
    salt: str | None
    selected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDraft:
    """What is added to a queue."""

    object_type: ObjectType
    object_id: str
    priority: float = 0.0
    """Higher is served first."""
    priority_terms: dict[str, Any] = field(default_factory=dict)
    """The factors that made the priority, by name."""
    reason: str = ""
    """One sentence that says why a person should look."""
    source: ItemSource = ItemSource.PERSON
    detector: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    selection: Selection | None = None
    revision: int = 1
    """The object's revision; a higher one than the stored may bring a completed item back."""
    change: str | None = None
    """What changed in this revision: an item that comes back says it after its reason."""
    trace_id: str | None = None
    conversation_id: str | None = None
    assignee: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddResult:
    """What became of drafts; the four counts add up to the number of drafts."""

    added: int
    duplicates: int
    """Already there; nothing changed but, for a newer revision, reason and priority."""
    reentered: int
    """Finished before, pending again because the object changed."""
    removed: int
    """A person removed them once; they stay removed."""
    item_ids: tuple[int, ...]
    """The item of each draft, in the order of the drafts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One reviewer's lease on an item."""

    reviewer: str
    claimed_at: datetime
    until: datetime
    """Moved by heartbeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An item as stored."""

    id: int
    queue_id: int
    queue: str
    """The queue's present name."""
    project: str
    object_type: ObjectType
    object_id: str
    trace_id: str | None
    conversation_id: str | None
    state: ItemState
    priority: float
    priority_terms: dict[str, Any]
    reason: str
    source: ItemSource
    detector: str | None
    metadata: dict[str, Any]
    selection: Selection | None
    revision: int
    """Starts at the draft's, rises when the object changed."""
    round: int
    """Starts at 1, +1 with every reopening; labels count within their round."""
    labels_wanted: int
    """Set when added; rises when a disagreement asks for one more reviewer."""
    labels_done: int
    """Submitted labels of this round."""
    turn: int
    """How often its assignee has put it off."""
    has_response: bool
    """Whether anybody has answered it."""
    assignee: str | None
    """Who alone may claim it; None for anyone."""
    open_seats: int
    """How many more may claim it now: labels wanted, less those done and those being made."""
    holds: tuple[Hold, ...]
    """Who holds it now, who claimed first goes first; empty unless in progress."""
    claim_count: int
    """+1 with every claim."""
    skip_reason: str | None
    """Set while skipped for everyone."""
    added_at: datetime
    added_by: str
    updated_at: datetime
    completed_at: datetime | None
    completed_by: str | None

    @property
    def holder(self) -> str | None:
        """Who holds it, the first of them when there are several; None when nobody does."""
        return self.holds[0].reviewer if self.holds else None

    @property
    def lease_until(self) -> datetime | None:
        """Until when the holder holds it."""
        return self.holds[0].until if self.holds else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An item in a reviewer's hands."""

    item: Item
    reviewer: str
    """Whose hands it is in; others may hold the item as well, when it wants several labels."""
    token: str
    """Proves the claim; every write on the held item names it."""
    lease_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPage:
    """One page of a listing."""

    items: tuple[Item, ...]
    total: int
    """Items that match, on all pages."""
    cursor: str | None
    """Hand it back for the next page; None on the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPlace:
    """Where an item stands in its queue's order; removed items have no place."""

    position: int
    """1 for the first."""
    total: int
    before: int | None
    """The item before it; None for the first."""
    after: int | None
    """The item behind it; None for the last."""
