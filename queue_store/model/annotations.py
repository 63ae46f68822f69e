"""Annotations: one answer of one person to one field about one object, never overwritten."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from queue_store.model.items import ObjectType, Selection


class AnnotationState(StrEnum):
    """Where an annotation stands."""

    DRAFT = "draft"
    """Saved, not yet given; counts nowhere."""
    SUBMITTED = "submitted"
    """Given."""
    WITHDRAWN = "withdrawn"
    """Taken back by its reviewer."""
    SUPERSEDED = "superseded"
    """Replaced by a later answer of the same reviewer; kept as history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A place in the conversation, quoted so that it can be found again when it moves."""

    direction: str
    """``input`` or ``output``."""
    message_index: int
    part_index: int | None = None
    """None: the whole message."""
    start: int | None = None
    """First character, counted in code points; None: the whole part."""
    end: int | None = None
    """One past the last character."""
    quote: str = ""
    """The text between start and end."""
    prefix: str = ""
    """Up to 32 characters before the quote."""
    suffix: str = ""
    """Up to 32 characters after the quote."""
    span_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationDraft:
    """One answer as a person gives it."""

    field: str
    value: Any
    """Of the field's type, or text that reads as one."""
    comment: str | None = None
    corrected_output: str | None = None
    also_acceptable: tuple[Any, ...] = ()
    """Further values that would be right as well."""
    anchor: Anchor | None = None
    blind: bool = True
    """Whether neither a suggestion nor the evaluator's verdict was visible."""
    issue: str | None = None
    """A known problem that the answer points to, by title."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationRow:
    """An annotation as stored."""

    id: int
    project: str
    object_type: ObjectType
    object_id: str
    trace_id: str | None
    queue: str | None
    item_id: int | None
    item_revision: int | None
    """The revision of the item that the reviewer saw."""
    reviewer: str
    field: str
    field_version: int
    value: Any
    state: AnnotationState
    comment: str | None
    corrected_output: str | None
    also_acceptable: tuple[Any, ...]
    anchor: Anchor | None
    issue_id: int | None
    blind: bool
    adjudicated: bool
    """Whether this is the authoritative answer of an adjudication."""
    seconds_spent: float | None
    inclusion_probability: float | None
    """Of the object: as imported, else its item's selection."""
    cluster: str | None
    """Objects of one cluster are not independent; statistics resample clusters."""
    selection: Selection | None
    """The selection record of the item, when there is one."""
    source: str
    """``person`` or ``import``."""
    time: datetime
    """When the answer was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRow:
    """One row of a bulk import, with the line it came from."""

    line: int
    object_type: str
    object_id: str
    reviewer: str
    field: str
    value: Any
    queue: str | None = None
    time: datetime | None = None
    inclusion_probability: float | None = None
    cluster: str | None = None
    adjudicated: Any = None
    """Whether the answer settles what reviewers disagreed on."""
    blind: Any = None
    """Whether nothing that suggests an answer was visible; None: yes, unless adjudicated."""
    comment: str | None = None
    corrected_output: str | None = None
    also_acceptable: Any = None
    """A list of further values that would be right, or such a list as JSON text."""
    anchor: Any = None
    """The place in the conversation as an object with Anchor's keys, or that as JSON text."""
    seconds_spent: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """Why a row cannot be stored."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What became of a bulk import."""

    added: int
    duplicates: int
    """Stored before: same object, reviewer, field, value and time."""
    replaced: int
    """Answers that superseded an earlier one of the same reviewer; part of ``added``."""
    updated: int = 0
    """Answers stored before that took another probability or cluster; part of ``duplicates``."""
    problems: tuple[RowProblem, ...] = field(default=())
