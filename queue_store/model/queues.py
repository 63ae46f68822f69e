"""Queues: what they are for, who works on them, and how they fill."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


LEASE_SECONDS_MAX = 366 * 86400
"""The longest lease: a year."""
LABELS_MAX = 1000
"""Most labels that an item may want."""


class QueueKind(StrEnum):
    """How a queue fills."""

    SYSTEM = "system"
    """By one detector; every project has one a failure category."""
    LIVE = "live"
    """By a filter over trace facts, then sampling, as traces complete."""
    MANUAL = "manual"
    """By people."""


class QueueState(StrEnum):
    """Whether a queue hands out work."""

    DRAFT = "draft"
    """Being set up: takes items, hands none out."""
    ACTIVE = "active"
    """Takes items and hands them out."""
    PAUSED = "paused"
    """Takes items, hands none out; who holds one may finish it."""
    ARCHIVED = "archived"
    """Takes nothing, hands nothing out; readable."""


class Assignment(StrEnum):
    """Who gets a new item."""

    SELF_CLAIM = "self_claim"
    """Whoever claims it first."""
    ROUND_ROBIN = "round_robin"
    """The queue's assignees in turn."""
    LOAD_BALANCE = "load_balance"
    """The assignee with the fewest open items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDraft:
    """What a person says when creating a queue."""

    name: str
    kind: QueueKind = QueueKind.MANUAL
    detector: str | None = None
    description: str = ""
    instructions: str = ""
    fields: tuple[str, ...] = ()
    """Field names, each pinned to its newest version; ``NAME@2`` pins that version."""
    assignees: tuple[str, ...] = ()
    filter_sql: str | None = None
    """Live queues only; checked by the caller, who knows the columns."""
    sample_rate: float | None = None
    """Live queues only; share of matching traces that is kept, 0 to 1."""
    state: QueueState = QueueState.ACTIVE
    shown: tuple[str, ...] = ()
    """Paths of the inputs and outputs to show, of SHOWN_PATHS; empty for everything."""
    labels_wanted: int = 1
    """Independent labels an item needs; applies to ``overlap_share`` of the items."""
    overlap_share: float = 1.0
    """Share of items that get ``labels_wanted`` labels; the others get one."""
    extra_reviewers_max: int = 0
    """How many more reviewers a disagreement may ask for before adjudication."""
    adjudicate: bool = False
    """Whether labels that still disagree wait for a reviewer's decision."""
    blind: bool = True
    """Whether reviewers are kept from others' labels and the evaluator's verdict."""
    lease_seconds: float | None = None
    """None for the store's setting."""
    assignment: Assignment = Assignment.SELF_CLAIM


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A queue as stored."""

    id: int
    """Set by the store; never changes."""
    link: str
    """Stable handle for links; survives renames."""
    project: str
    name: str
    """Unique in its project; a manager may change it."""
    kind: QueueKind
    detector: str | None
    """System queues: the detector that fills it."""
    description: str
    instructions: str
    field_names: tuple[str, ...]
    """In the order of the form."""
    field_versions: tuple[int, ...]
    """The pinned version of each of ``field_names``."""
    assignees: tuple[str, ...]
    """Empty: anyone may claim."""
    filter_sql: str | None
    sample_rate: float | None
    state: QueueState
    shown: tuple[str, ...]
    labels_wanted: int
    overlap_share: float
    extra_reviewers_max: int
    adjudicate: bool
    blind: bool
    lease_seconds: float | None
    assignment: Assignment
    revision: int
    """Starts at 1, +1 with every change of the queue's settings."""
    created_at: datetime
    created_by: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemQueueSpec:
    """A queue that every project has."""

    name: str
    detector: str
    description: str
    instructions: str
