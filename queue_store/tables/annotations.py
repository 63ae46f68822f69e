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
    Text,
    false,
)

from queue_store.column_types import JsonText, Moment
from queue_store.model import AnnotationState, ObjectType
from queue_store.tables.metadata import METADATA, one_of

ANNOTATIONS = Table(
    "annotations",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("project", Text, nullable=False),
    Column("object_type", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("trace_id", Text),
    Column("queue_id", ForeignKey("queues.id")),
    Column("item_id", ForeignKey("items.id")),
    Column("item_revision", Integer),
    Column("reviewer", Text, nullable=False),
    Column("field_id", ForeignKey("fields.id"), nullable=False),
    Column("value", JsonText, nullable=False),
    Column("state", Text, nullable=False),
    Column("comment", Text),
    Column("corrected_output", Text),
    Column("also_acceptable", JsonText),
    Column("anchor", JsonText),
    Column("issue_id", Integer),
    Column("blind", Boolean, nullable=False),
    Column("adjudicated", Boolean, nullable=False, server_default=false()),
    Column("seconds_spent", Float),
    Column("inclusion_probability", Float),
    Column("cluster", Text),
    Column("source", Text, nullable=False),
    Column("supersedes", Integer),
    Column("slot", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, unique=True),
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
