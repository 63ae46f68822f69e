"""annotations: one row an answer; edits add rows and mark the old one superseded."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    false,
)

from queue_store.column_types import JsonText, Moment, PlainText
from queue_store.model import AnnotationState, ObjectType
from queue_store.tables.metadata import METADATA, one_of

ANNOTATIONS = Table(
    "annotations",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("project", PlainText, nullable=False),
    Column("object_type", PlainText, nullable=False),
    Column("object_id", PlainText, nullable=False),
    Column("trace_id", PlainText),
    Column("queue_id", ForeignKey("queues.id")),
    Column("item_id", ForeignKey("items.id")),
    Column("item_revision", Integer),
    Column("reviewer", PlainText, nullable=False),
    Column("field_id", ForeignKey("fields.id"), nullable=False),
    Column("value", JsonText, nullable=False),
    Column("state", PlainText, nullable=False),
    Column("comment", PlainText),
    Column("corrected_output", PlainText),
    Column("also_acceptable", JsonText),
    Column("anchor", JsonText),
    Column("issue_id", Integer),
    Column("blind", Boolean, nullable=False),
    Column("adjudicated", Boolean, nullable=False, server_default=false()),
    Column("seconds_spent", Float),
    Column("inclusion_probability", Float),
    Column("cluster", PlainText),
    Column("source", PlainText, nullable=False),
    Column("supersedes", Integer),
    Column("slot", PlainText, nullable=False),
    Column("fingerprint", PlainText, nullable=False, unique=True),
    Column("time", Moment, nullable=False),
    Column("stored_at", Moment, nullable=False),
    one_of("object_type", ObjectType, "object_type_known"),
    one_of("state", AnnotationState, "state_known"),
    CheckConstraint("source IN ('person', 'import')", name="source_known"),
    CheckConstraint("inclusion_probability BETWEEN 0 AND 1", name="probability_in_range"),
)

_CURRENT = ANNOTATIONS.c.state.in_(("draft", "submitted"))

SLOT_INDEX = Index(
    "annotations_slot",
    ANNOTATIONS.c.slot,
    unique=True,
    sqlite_where=_CURRENT,
    postgresql_where=_CURRENT,
)
OBJECT_INDEX = Index(
    "annotations_object", ANNOTATIONS.c.project, ANNOTATIONS.c.object_id, ANNOTATIONS.c.id
)
ITEM_INDEX = Index("annotations_item", ANNOTATIONS.c.item_id, ANNOTATIONS.c.reviewer)
