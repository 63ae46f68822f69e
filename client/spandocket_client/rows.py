"""What the server answers, as frozen values; written by ``make docs``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What became of the objects of one call."""

    queue: str
    added: int
    duplicates: int
    """Already there."""
    reentered: int
    """Finished before, pending again because the object changed."""
    removed: int
    """A person removed them once; they stay removed."""
    unknown: tuple[str, ...]
    """Ids that no stored span belongs to; they were not added."""
    item_ids: tuple[int, ...]
    """The item of each known object, in the order given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A place in the conversation, quoted so that it can be found again."""

    direction: str
    message_index: int
    part_index: int | None
    start: int | None
    """First character, in code points."""
    end: int | None
    quote: str
    prefix: str
    suffix: str
    span_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One answer of one person to one field about one object."""

    id: int
    object_type: str
    object_id: str
    trace_id: str | None
    queue: str | None
    item_id: int | None
    item_revision: int | None
    reviewer: str
    field: str
    field_version: int
    value: Any
    """Of the field's type."""
    state: str
    comment: str | None
    corrected_output: str | None
    also_acceptable: tuple[Any, ...]
    anchor: Anchor | None
    issue_id: int | None
    blind: bool
    adjudicated: bool
    seconds_spent: float | None
    inclusion_probability: float | None
    cluster: str | None
    source: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationPage:
    """One page of answers."""

    annotations: tuple[Annotation, ...]
    cursor: str | None
    """Hand it back for the next page; null on the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An item in a reviewer's hands."""

    item: Item
    token: str
    """Goes with every write on it."""
    lease_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Objects kept for evaluation or training."""

    id: int
    project: str
    name: str
    description: str
    version: int
    """Rises with every change of the entries."""
    entries: int
    """Entries of the newest version."""
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetEntry:
    """One object with what went in, what came out, and what people said."""

    object_type: str
    object_id: str
    input: Any
    """What went into the last model call."""
    output: Any
    """What came out of it."""
    expected: Any
    """What should have come out; null when nobody said."""
    annotations: tuple[Mapping[str, Any], ...]
    provenance: Mapping[str, Any]
    """The queue, item and revision it came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What a person is asked."""

    name: str
    version: int
    project: str | None
    """Null when every project shares it."""
    type: str
    description: str
    options: tuple[str, ...]
    option_help: Mapping[str, Any]
    multiple: bool
    min: float | None
    max: float | None
    required: bool
    purpose: str
    positive: str | None
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One reviewer's lease on an item."""

    reviewer: str
    claimed_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A known problem that answers can point to."""

    id: int
    project: str
    title: str
    description: str
    state: str
    link: str | None
    annotations: int
    """Standing answers that point to it."""
    created_at: datetime
    created_by: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One object in one queue."""

    id: int
    """Names the item in every call."""
    queue: str
    object_type: str
    object_id: str
    """TRACE_ID, TRACE_ID:SPAN_ID or a conversation id."""
    trace_id: str | None
    conversation_id: str | None
    status: str
    priority: float
    """Higher is served first."""
    priority_terms: Mapping[str, Any]
    reason: str | None
    source: str
    detector: str | None
    metadata: Mapping[str, Any]
    selection: Mapping[str, Any] | None
    """Why it was drawn, and with what probability."""
    inclusion_probability: float | None
    revision: int
    """Rises when the object changed."""
    labels_wanted: int
    labels_done: int
    assignee: str | None
    holder: str | None
    lease_until: datetime | None
    holders: tuple[Hold, ...]
    skip_reason: str | None
    added_at: datetime
    added_by: str
    updated_at: datetime
    completed_at: datetime | None
    completed_by: str | None
    annotations: tuple[Annotation, ...] = ()
    """With annotations=true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPage:
    """One page of a queue."""

    items: tuple[Item, ...]
    total: int
    """Items on all pages."""
    cursor: str | None
    """Hand it back for the next page; null on the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a queue is."""

    queue: str
    state: str
    """How far the work is."""
    finished: bool
    """Whether nothing is left to do."""
    total: int
    """Items, removed ones left out."""
    pending: int
    in_progress: int
    awaiting_adjudication: int
    completed: int
    skipped: int
    removed: int
    with_responses: int
    """Items that somebody has answered."""
    completed_percent: float | None
    """Null for an empty queue."""
    with_responses_percent: float | None
    """Null for an empty queue."""
    reviewers: tuple[ReviewerProgress, ...]
    agreement: tuple[Mapping[str, Any], ...]
    """How far the reviewers agree, by field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A queue with its settings and its progress."""

    name: str
    link: str
    """Stays when the name changes; usable wherever the name is."""
    kind: str
    status: str
    detector: str | None
    description: str
    instructions: str
    fields: tuple[str, ...]
    field_versions: tuple[int, ...]
    assignees: tuple[str, ...]
    filter: str | None
    """SQL condition over traces."""
    sample: float | None
    """Share of matching traces that is kept."""
    shown: tuple[str, ...]
    labels_wanted: int
    overlap_share: float
    extra_reviewers_max: int
    adjudicate: bool
    blind: bool
    lease_seconds: float | None
    assignment: str
    created_at: datetime
    created_by: str
    state: str
    """How far the work is."""
    finished: bool
    """Whether nothing is left to do."""
    total: int
    """Items, removed ones left out."""
    pending: int
    in_progress: int
    awaiting_adjudication: int
    completed: int
    skipped: int
    removed: int
    with_responses: int
    """Items that somebody has answered."""
    completed_percent: float | None
    """Null for an empty queue."""
    with_responses_percent: float | None
    """Null for an empty queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewerProgress:
    """What one reviewer did in one queue."""

    queue: str
    reviewer: str
    done: int
    skipped: int
    last_active: datetime | None
    median_seconds: float | None
    """From claim to submit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoresStored:
    """What became of the scores of one call."""

    added: int
    duplicates: int
    """Stored before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A named filter over traces or a queue's items."""

    id: int
    project: str
    name: str
    queue: str | None
    filters: Mapping[str, Any]
    """Of traces: where, answered. Of items: status, reviewer, detector, ..."""
    created_at: datetime
    created_by: str


__all__ = [
    "Added",
    "Anchor",
    "Annotation",
    "AnnotationPage",
    "Claim",
    "Dataset",
    "DatasetEntry",
    "Field",
    "Hold",
    "Issue",
    "Item",
    "ItemPage",
    "Progress",
    "Queue",
    "ReviewerProgress",
    "ScoresStored",
    "View",
]
