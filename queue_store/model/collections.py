"""What people keep beside queues: known issues, datasets, saved views, members, webhooks."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from queue_store.model.items import ObjectType


class IssueState(StrEnum):
    """Where a known problem stands."""

    OPEN = "open"
    RESOLVED = "resolved"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A known problem that answers can point to."""

    id: int
    project: str
    title: str
    """Unique in its project."""
    description: str
    state: IssueState
    link: str | None
    """Where the problem is tracked."""
    annotations: int
    """Standing answers that point to it."""
    created_at: datetime
    created_by: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Objects kept for evaluation or training."""

    id: int
    project: str
    name: str
    description: str
    version: int
    """Starts at 0, +1 with every change of its entries."""
    entries: int
    """Entries of the newest version."""
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetVersion:
    """One change of a dataset's entries."""

    version: int
    entries: int
    """Entries that this version has."""
    note: str
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetEntry:
    """One object with what went in, what came out, and what people said."""

    object_type: ObjectType
    object_id: str
    input: Any
    output: Any
    expected: Any
    """What should have come out; None when nobody said."""
    annotations: list[dict[str, Any]] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)
    """The queue, item and revision it came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A named filter over a queue's items."""

    id: int
    project: str
    name: str
    queue: str | None
    filters: dict[str, Any]
    created_at: datetime
    created_by: str


class Role(StrEnum):
    """What a person may do, from least to most."""

    VIEWER = "viewer"
    """Read."""
    ANNOTATOR = "annotator"
    """Claim and answer."""
    REVIEWER = "reviewer"
    """Also decide disagreements, reopen, assign."""
    MANAGER = "manager"
    """Also create, change, add, remove, import, and say who may what."""

    @property
    def rank(self) -> int:
        """Higher may do more."""
        return list(Role).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person's role in a project, or in one of its queues."""

    person: str
    role: Role
    queue: str | None
    """None: in the whole project."""


class HookEvent(StrEnum):
    """What a webhook may be told."""

    ITEMS_ADDED = "items_added"
    ITEM_COMPLETED = "item_completed"
    DISAGREEMENT = "disagreement"
    QUEUE_FINISHED = "queue_finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where events are sent."""

    id: int
    project: str
    url: str
    secret: str
    """Signs what is sent; shown once, when created."""
    events: tuple[HookEvent, ...]
    queue: str | None
    """None: every queue of the project."""
    waiting: int
    """Events not delivered yet."""
    failed: int
    """Events given up."""
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one webhook."""

    id: int
    webhook_id: int
    url: str
    secret: str
    event: HookEvent
    body: dict[str, Any]
    attempts: int
    """Tries so far."""
