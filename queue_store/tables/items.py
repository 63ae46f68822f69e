"""items: one row an object in a queue; leases: who holds it; responses: who answered it."""

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
    UniqueConstraint,
    false,
    literal_column,
)

from queue_store.column_types import JsonText, Moment, PlainText
from queue_store.model import ItemSource, ItemState, ObjectType, allowed_moves
from queue_store.tables.metadata import METADATA, one_of

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
    Column("object_type", PlainText, nullable=False),
    Column("object_id", PlainText, nullable=False),
    Column("trace_id", PlainText),
    Column("conversation_id", PlainText),
    Column("state", PlainText, nullable=False, server_default=ItemState.PENDING.value),
    Column("came_from", PlainText),
    Column("priority", Float, nullable=False),
    Column("priority_terms", JsonText),
    Column("reason", PlainText, nullable=False, server_default=""),
    Column("source", PlainText, nullable=False),
    Column("detector", PlainText),
    Column("metadata", JsonText),
    Column("selection_rule", PlainText),
    Column("selection_rule_version", PlainText),
    Column("selection_p", Float),
    Column("selection_u", Float),
    Column("selection_salt", PlainText),
    Column("selection_selected", Boolean),
    Column("revision", Integer, nullable=False),
    Column("round", Integer, nullable=False, server_default="1"),
    Column("turn", Integer, nullable=False, server_default="0"),
    Column("labels_wanted", Integer, nullable=False),
    Column("labels_done", Integer, nullable=False, server_default="0"),
    Column("has_response", Boolean, nullable=False, server_default=false()),
    Column("assignee", PlainText, nullable=False, server_default=NOBODY),
    Column("claim_count", Integer, nullable=False, server_default="0"),
    Column("skip_reason", PlainText),
    Column("added_at", Moment, nullable=False),
    Column("added_by", PlainText, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("completed_at", Moment),
    Column("completed_by", PlainText),
    Column("open_seats", Integer, nullable=False, server_default="1"),
    UniqueConstraint("queue_id", "object_type", "object_id"),
    one_of("object_type", ObjectType, "object_type_known"),
    one_of("source", ItemSource, "source_known"),
    one_of("state", ItemState, "state_known"),
    CheckConstraint(f"came_from IS NULL OR {_MOVES}", name="move_allowed"),
    CheckConstraint("came_from IS NOT NULL OR state = 'pending'", name="begins_pending"),
    CheckConstraint(
        "CASE state WHEN 'pending' THEN open_seats = labels_wanted - labels_done "
        "WHEN 'in_progress' THEN open_seats >= 0 AND open_seats < labels_wanted - labels_done "
        "ELSE open_seats = 0 END",
        name="seats_counted",
    ),
    CheckConstraint(
        "(state = 'completed') = (completed_at IS NOT NULL)", name="completed_has_time"
    ),
    CheckConstraint("(state = 'skipped') = (skip_reason IS NOT NULL)", name="skipped_has_reason"),
    CheckConstraint("selection_p BETWEEN 0 AND 1", name="probability_in_range"),
    CheckConstraint("labels_done >= 0 AND labels_wanted >= 1", name="labels_counted"),
)

_CLAIMABLE = ITEMS.c.open_seats > literal_column("0")

CLAIM_INDEX = Index(
    "items_claim",
    ITEMS.c.queue_id,
    ITEMS.c.assignee,
    ITEMS.c.turn,
    ITEMS.c.priority.desc(),
    ITEMS.c.id,
    sqlite_where=_CLAIMABLE,
    postgresql_where=_CLAIMABLE,
)
LIST_INDEX = Index(
    "items_list", ITEMS.c.queue_id, ITEMS.c.state, ITEMS.c.priority.desc(), ITEMS.c.id
)

LEASES = Table(
    "leases",
    METADATA,
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("reviewer", PlainText, primary_key=True),
    Column("queue_id", ForeignKey("queues.id"), nullable=False),
    Column("token", PlainText, nullable=False),
    Column("claimed_at", Moment, nullable=False),
    Column("lease_until", Moment),
)
"""One row a seat that is taken. Without ``lease_until`` the lease has run out: the seat is open
again, and the token stays good while there is one."""

_LIVE = LEASES.c.lease_until.is_not(None)

LEASE_INDEX = Index(
    "leases_ending",
    LEASES.c.queue_id,
    LEASES.c.lease_until,
    sqlite_where=_LIVE,
    postgresql_where=_LIVE,
)
HOLDER_INDEX = Index(
    "leases_reviewer",
    LEASES.c.reviewer,
    LEASES.c.queue_id,
    sqlite_where=_LIVE,
    postgresql_where=_LIVE,
)

RESPONSES = Table(
    "responses",
    METADATA,
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("reviewer", PlainText, primary_key=True),
    Column("round", Integer, primary_key=True, autoincrement=False),
    Column("queue_id", ForeignKey("queues.id"), nullable=False),
    Column("kind", PlainText, nullable=False),
    Column("reason", PlainText),
    Column("seconds", Float),
    Column("revision", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    CheckConstraint("kind IN ('submitted', 'skipped')", name="kind_known"),
    CheckConstraint("kind = 'submitted' OR reason IS NOT NULL", name="skip_has_reason"),
)
RESPONSES_INDEX = Index(
    "responses_by_reviewer", RESPONSES.c.queue_id, RESPONSES.c.reviewer, RESPONSES.c.at
)
