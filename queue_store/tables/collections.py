"""issues, datasets with versions and entries, views, members, webhooks and their outbox."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    UniqueConstraint,
)

from queue_store.column_types import JsonText, Moment, PlainText
from queue_store.model import IssueState, ObjectType, Role
from queue_store.tables.metadata import METADATA, one_of

ISSUES = Table(
    "issues",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("project", PlainText, nullable=False),
    Column("title", PlainText, nullable=False),
    Column("description", PlainText, nullable=False),
    Column("state", PlainText, nullable=False),
    Column("link", PlainText),
    Column("created_at", Moment, nullable=False),
    Column("created_by", PlainText, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("project", "title"),
    one_of("state", IssueState, "state_known"),
)

DATASETS = Table(
    "datasets",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("project", PlainText, nullable=False),
    Column("name", PlainText, nullable=False),
    Column("description", PlainText, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("created_by", PlainText, nullable=False),
    UniqueConstraint("project", "name"),
)

DATASET_VERSIONS = Table(
    "dataset_versions",
    METADATA,
    Column("dataset_id", ForeignKey("datasets.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("note", PlainText, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("created_by", PlainText, nullable=False),
)

DATASET_ENTRIES = Table(
    "dataset_entries",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", ForeignKey("datasets.id"), nullable=False),
    Column("added_in", Integer, nullable=False),
    Column("removed_in", Integer),
    Column("object_type", PlainText, nullable=False),
    Column("object_id", PlainText, nullable=False),
    Column("input", JsonText),
    Column("output", JsonText),
    Column("expected", JsonText),
    Column("annotations", JsonText, nullable=False),
    Column("provenance", JsonText, nullable=False),
    one_of("object_type", ObjectType, "object_type_known"),
    CheckConstraint("removed_in > added_in", name="removed_after_added"),
)
_STANDING = DATASET_ENTRIES.c.removed_in.is_(None)
Index(
    "dataset_entries_standing",
    DATASET_ENTRIES.c.dataset_id,
    DATASET_ENTRIES.c.object_type,
    DATASET_ENTRIES.c.object_id,
    unique=True,
    sqlite_where=_STANDING,
    postgresql_where=_STANDING,
)

VIEWS = Table(
    "views",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("project", PlainText, nullable=False),
    Column("name", PlainText, nullable=False),
    Column("queue_id", ForeignKey("queues.id")),
    Column("filters", JsonText, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("created_by", PlainText, nullable=False),
    UniqueConstraint("project", "name"),
)

EVERY_QUEUE = 0
"""The queue of a role that holds in the whole project."""

MEMBERS = Table(
    "members",
    METADATA,
    Column("project", PlainText, primary_key=True),
    Column("queue_id", Integer, primary_key=True, autoincrement=False),
    Column("person", PlainText, primary_key=True),
    Column("role", PlainText, nullable=False),
    one_of("role", Role, "role_known"),
)

WEBHOOKS = Table(
    "webhooks",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("project", PlainText, nullable=False),
    Column("url", PlainText, nullable=False),
    Column("secret", PlainText, nullable=False),
    Column("events", JsonText, nullable=False),
    Column("queue_id", ForeignKey("queues.id")),
    Column("created_at", Moment, nullable=False),
    Column("created_by", PlainText, nullable=False),
)

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("webhook_id", ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("event", PlainText, nullable=False),
    Column("body", JsonText, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", Moment),
    Column("delivered_at", Moment),
    Column("last_error", PlainText),
)
_WAITING = OUTBOX.c.next_attempt_at.is_not(None)
Index(
    "outbox_waiting",
    OUTBOX.c.next_attempt_at,
    OUTBOX.c.id,
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)
