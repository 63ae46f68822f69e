"""queues: one row a queue; queue_fields: its form; queue_counters: its items by state."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Integer,
    Table,
    UniqueConstraint,
    true,
)

from queue_store.column_types import JsonText, Moment, PlainText
from queue_store.model import Assignment, QueueKind, QueueState
from queue_store.tables.metadata import METADATA, one_of

QUEUES = Table(
    "queues",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("link", PlainText, nullable=False, unique=True),
    Column("project", PlainText, nullable=False),
    Column("name", PlainText, nullable=False),
    Column("kind", PlainText, nullable=False),
    Column("detector", PlainText),
    Column("description", PlainText, nullable=False),
    Column("instructions", PlainText, nullable=False),
    Column("assignees", JsonText, nullable=False),
    Column("filter_sql", PlainText),
    Column("sample_rate", Float),
    Column("state", PlainText, nullable=False),
    Column("shown", JsonText, nullable=False),
    Column("labels_wanted", Integer, nullable=False),
    Column("overlap_share", Float, nullable=False),
    Column("extra_reviewers_max", Integer, nullable=False),
    Column("adjudicate", Boolean, nullable=False),
    Column("blind", Boolean, nullable=False, server_default=true()),
    Column("lease_seconds", Float),
    Column("assignment", PlainText, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("created_by", PlainText, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("project", "name"),
    one_of("kind", QueueKind, "kind_known"),
    one_of("state", QueueState, "state_known"),
    one_of("assignment", Assignment, "assignment_known"),
    CheckConstraint("labels_wanted >= 1", name="labels_wanted_positive"),
    CheckConstraint("overlap_share BETWEEN 0 AND 1", name="overlap_share_in_range"),
    CheckConstraint("sample_rate BETWEEN 0 AND 1", name="sample_rate_in_range"),
    CheckConstraint("kind = 'live' OR filter_sql IS NULL", name="only_live_filters"),
)

QUEUE_FIELDS = Table(
    "queue_fields",
    METADATA,
    Column("queue_id", ForeignKey("queues.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("field_id", ForeignKey("fields.id"), nullable=False),
)

STRIPES = 8
"""Counter rows that every queue has; see ``counters.py``."""
MORE_STRIPES = 24
"""Counter rows that a queue may get when many write to it at the same time."""

COUNTED = (
    "pending",
    "in_progress",
    "awaiting_adjudication",
    "completed",
    "skipped",
    "removed",
    "with_responses",
)
"""Columns of the counters."""

QUEUE_COUNTERS = Table(
    "queue_counters",
    METADATA,
    Column("queue_id", ForeignKey("queues.id"), primary_key=True),
    Column("stripe", Integer, primary_key=True, autoincrement=False),
    *(Column(name, Integer, nullable=False, server_default="0") for name in COUNTED),
)
