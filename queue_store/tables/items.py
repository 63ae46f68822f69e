"""items: one row an object in a queue; responses: who answered or skipped it in which round."""

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
    UniqueConstraint,
    false,
)

from queue_store.column_types import JsonText, Moment
from queue_store.model import ItemSource, ItemState, ObjectType, allowed_moves
from queue_store.tables.metadata import METADATA, one_of, word

NOBODY = ""
"""The assignee of an item that anyone may claim: an index can seek it, NULL it could not."""

_MOVES = " OR ".join(
    f"(came_from = '{before.value}' AND state = '{after.value}')"
    for before, after in allowed_moves()
)

ITEMS = Table(
    "items",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("queue_id", ForeignKey("queues.id"), nullable=False),
    Column("object_type", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("trace_id", Text),
    Column("conversation_id", Text),
    Column("state", Text, nullable=False, server_default=ItemState.PENDING.value),
    Column("came_from", Text),
    Column("priority", Float, nullable=False),
    Column("priority_terms", JsonText),
    Column("reason", Text, nullable=False, server_default=""),
    Column("source", Text, nullable=False),
    Column("detector", Text),
    Column("metadata", JsonText),
    Column("selection_rule", Text),
    Column("selection_rule_version", Text),
    Column("selection_p", Float),
    Column("selection_u", Float),
    Column("selection_salt", Text),
    Column("selection_selected", Boolean),
    Column("revision", Integer, nullable=False),
    Column("round", Integer, nullable=False, server_default="1"),
    Column("turn", Integer, nullable=False, server_default="0"),
    Column("labels_wanted", Integer, nullable=False),
    Column("labels_done", Integer, nullable=False, server_default="0"),
    Column("has_response", Boolean, nullable=False, server_default=false()),
    Column("assignee", Text, nullable=False, server_default=NOBODY),
    Column("holder", Text),
    Column("token", Text),
    Column("claimed_by", Text),
    Column("claimed_at", Moment),
    Column("lease_until", Moment),
    Column("claim_count", Integer, nullable=False, server_default="0"),
    Column("skip_reason", Text),
    Column("added_at", Moment, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("completed_at", Moment),
    Column("completed_by", Text),
    UniqueConstraint("queue_id", "object_type", "object_id"),
    one_of("object_type", ObjectType, "object_type_known"),
    one_of("source", ItemSource, "source_known"),
    one_of("state", ItemState, "state_known"),
    CheckConstraint(f"came_from IS NULL OR {_MOVES}", name="move_allowed"),
    CheckConstraint("came_from IS NOT NULL OR state = 'pending'", name="begins_pending"),
    CheckConstraint(
        "(state = 'in_progress') = (holder IS NOT NULL AND lease_until IS NOT NULL)",
        name="held_while_in_progress",
    ),
    CheckConstraint("state <> 'in_progress' OR token IS NOT NULL", name="held_with_token"),
    CheckConstraint(
        "(state = 'completed') = (completed_at IS NOT NULL)", name="completed_has_time"
    ),
    CheckConstraint("(state = 'skipped') = (skip_reason IS NOT NULL)", name="skipped_has_reason"),
    CheckConstraint("selection_p BETWEEN 0 AND 1", name="probability_in_range"),
    CheckConstraint("labels_done >= 0 AND labels_wanted >= 1", name="labels_counted"),
)

_PENDING = ITEMS.c.state == word(ItemState.PENDING)
_HELD = ITEMS.c.state == word(ItemState.IN_PROGRESS)

CLAIM_INDEX = Index(
    "items_claim",
    ITEMS.c.queue_id,
    ITEMS.c.assignee,
    ITEMS.c.turn,
    ITEMS.c.priority.desc(),
    ITEMS.c.id,
    sqlite_where=_PENDING,
    postgresql_where=_PENDING,
)
LIST_INDEX = Index(
    "items_list", ITEMS.c.queue_id, ITEMS.c.state, ITEMS.c.priority.desc(), ITEMS.c.id
)
LEASE_INDEX = Index(
    "items_lease",
    ITEMS.c.queue_id,
    ITEMS.c.lease_until,
    sqlite_where=_HELD,
    postgresql_where=_HELD,
)
HOLDER_INDEX = Index(
    "items_holder",
    ITEMS.c.holder,
    ITEMS.c.queue_id,
    sqlite_where=_HELD,
    postgresql_where=_HELD,
)

RESPONSES = Table(
    "responses",
    METADATA,
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("reviewer", Text, primary_key=True),
    Column("round", Integer, primary_key=True, autoincrement=False),
    Column("queue_id", ForeignKey("queues.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text),
    Column("seconds", Float),
    Column("revision", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    CheckConstraint("kind IN ('submitted', 'skipped')", name="kind_known"),
    CheckConstraint("kind = 'submitted' OR reason IS NOT NULL", name="skip_has_reason"),
)
RESPONSES_INDEX = Index(
    "responses_by_reviewer", RESPONSES.c.queue_id, RESPONSES.c.reviewer, RESPONSES.c.at
)
