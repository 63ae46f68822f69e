"""Leases: one a reviewer, so that several may work on an item at the same time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEPT = (
    "id",
    "queue_id",
    "object_type",
    "object_id",
    "trace_id",
    "conversation_id",
    "state",
    "came_from",
    "priority",
    "priority_terms",
    "reason",
    "source",
    "detector",
    "metadata",
    "selection_rule",
    "selection_rule_version",
    "selection_p",
    "selection_u",
    "selection_salt",
    "selection_selected",
    "revision",
    "round",
    "turn",
    "labels_wanted",
    "labels_done",
    "has_response",
    "assignee",
    "claim_count",
    "skip_reason",
    "added_at",
    "added_by",
    "updated_at",
    "completed_at",
    "completed_by",
)
"""Columns of items that stay as they are."""

SEATS_COUNTED = (
    "CASE state WHEN 'pending' THEN open_seats = labels_wanted - labels_done "
    "WHEN 'in_progress' THEN open_seats >= 0 AND open_seats < labels_wanted - labels_done "
    "ELSE open_seats = 0 END"
)
OPEN_SEATS = (
    "CASE state WHEN 'pending' THEN labels_wanted - labels_done "
    "WHEN 'in_progress' THEN labels_wanted - labels_done - 1 ELSE 0 END"
)
MOVE_ALLOWED = (
    "came_from IS NULL"
    " OR (came_from = 'awaiting_adjudication' AND state = 'completed')"
    " OR (came_from = 'awaiting_adjudication' AND state = 'in_progress')"
    " OR (came_from = 'awaiting_adjudication' AND state = 'pending')"
    " OR (came_from = 'awaiting_adjudication' AND state = 'removed')"
    " OR (came_from = 'completed' AND state = 'in_progress')"
    " OR (came_from = 'completed' AND state = 'pending')"
    " OR (came_from = 'completed' AND state = 'removed')"
    " OR (came_from = 'in_progress' AND state = 'awaiting_adjudication')"
    " OR (came_from = 'in_progress' AND state = 'completed')"
    " OR (came_from = 'in_progress' AND state = 'pending')"
    " OR (came_from = 'in_progress' AND state = 'removed')"
    " OR (came_from = 'in_progress' AND state = 'skipped')"
    " OR (came_from = 'pending' AND state = 'in_progress')"
    " OR (came_from = 'pending' AND state = 'removed')"
    " OR (came_from = 'removed' AND state = 'pending')"
    " OR (came_from = 'skipped' AND state = 'in_progress')"
    " OR (came_from = 'skipped' AND state = 'pending')"
    " OR (came_from = 'skipped' AND state = 'removed')"
)
LEASES_FILLED = (
    "INSERT INTO leases (item_id, reviewer, queue_id, token, claimed_at, lease_until) "
    "SELECT id, claimed_by, queue_id, token, COALESCE(claimed_at, updated_at), lease_until "
    "FROM {items} WHERE token IS NOT NULL AND claimed_by IS NOT NULL "
    "AND state IN ('pending', 'in_progress')"
)


def upgrade() -> None:
    """Move the one holder of an item into a row of its own."""
    _create_leases()
    if op.get_context().dialect.name == "sqlite":
        _rebuild_items()
    else:
        _alter_items()
    op.create_index(
        "items_claim",
        "items",
        ["queue_id", "assignee", "turn", sa.literal_column("priority DESC"), "id"],
        unique=False,
        sqlite_where=sa.text("open_seats > 0"),
        postgresql_where=sa.text("open_seats > 0"),
    )


def _create_leases() -> None:
    op.create_table(
        "leases",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("queue_id", sa.Integer(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("leases_item_id_fkey")),
        sa.ForeignKeyConstraint(["queue_id"], ["queues.id"], name=op.f("leases_queue_id_fkey")),
        sa.PrimaryKeyConstraint("item_id", "reviewer", name=op.f("leases_pkey")),
    )
    for name, columns in (
        ("leases_ending", ["queue_id", "lease_until"]),
        ("leases_reviewer", ["reviewer", "queue_id"]),
    ):
        op.create_index(
            name,
            "leases",
            columns,
            unique=False,
            sqlite_where=sa.text("lease_until IS NOT NULL"),
            postgresql_where=sa.text("lease_until IS NOT NULL"),
        )


def _alter_items() -> None:
    """PostgreSQL changes a table in place."""
    op.execute(LEASES_FILLED.format(items="items"))
    for index in ("items_claim", "items_lease", "items_holder"):
        op.drop_index(index, table_name="items")
    for name in ("items_held_while_in_progress", "items_held_with_token"):
        op.drop_constraint(op.f(name), "items", type_="check")
    op.add_column(
        "items", sa.Column("open_seats", sa.Integer(), server_default="1", nullable=False)
    )
    op.execute(f"UPDATE items SET open_seats = {OPEN_SEATS}")
    op.create_check_constraint(op.f("items_seats_counted"), "items", SEATS_COUNTED)
    for name in ("holder", "token", "claimed_by", "claimed_at", "lease_until"):
        op.drop_column("items", name)


def _rebuild_items() -> None:
    """SQLite cannot change a CHECK: the table is made anew under its name and filled again.

    What points to items is looked at only at the end of the transaction, when they are all back.
    """
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TABLE items_before AS SELECT * FROM items")
    op.drop_table("items")
    _create_items()
    kept = ", ".join(KEPT)
    op.execute(
        f"INSERT INTO items ({kept}, open_seats) SELECT {kept}, {OPEN_SEATS} FROM items_before"
    )
    op.execute(LEASES_FILLED.format(items="items_before"))
    op.drop_table("items_before")
    op.create_index(
        "items_list",
        "items",
        ["queue_id", "state", sa.literal_column("priority DESC"), "id"],
        unique=False,
    )


def _create_items() -> None:
    op.create_table(
        "items",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("queue_id", sa.Integer(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.Column("conversation_id", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("came_from", sa.Text(), nullable=True),
        sa.Column("priority", sa.Float(), nullable=False),
        sa.Column("priority_terms", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("detector", sa.Text(), nullable=True),
        sa.Column("metadata", sa.Text(), nullable=True),
        sa.Column("selection_rule", sa.Text(), nullable=True),
        sa.Column("selection_rule_version", sa.Text(), nullable=True),
        sa.Column("selection_p", sa.Float(), nullable=True),
        sa.Column("selection_u", sa.Float(), nullable=True),
        sa.Column("selection_salt", sa.Text(), nullable=True),
        sa.Column("selection_selected", sa.Boolean(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), server_default="1", nullable=False),
        sa.Column("turn", sa.Integer(), server_default="0", nullable=False),
        sa.Column("labels_wanted", sa.Integer(), nullable=False),
        sa.Column("labels_done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("has_response", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("assignee", sa.Text(), server_default="", nullable=False),
        sa.Column("claim_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("skip_reason", sa.Text(), nullable=True),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("completed_by", sa.Text(), nullable=True),
        sa.Column("open_seats", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "(state = 'completed') = (completed_at IS NOT NULL)",
            name=op.f("items_completed_has_time"),
        ),
        sa.CheckConstraint(SEATS_COUNTED, name=op.f("items_seats_counted")),
        sa.CheckConstraint(
            "(state = 'skipped') = (skip_reason IS NOT NULL)", name=op.f("items_skipped_has_reason")
        ),
        sa.CheckConstraint(
            "came_from IS NOT NULL OR state = 'pending'", name=op.f("items_begins_pending")
        ),
        sa.CheckConstraint(
            MOVE_ALLOWED,
            name=op.f("items_move_allowed"),
        ),
        sa.CheckConstraint(
            "object_type IN ('trace', 'span', 'session')", name=op.f("items_object_type_known")
        ),
        sa.CheckConstraint(
            "source IN ('detector', 'rule', 'person')", name=op.f("items_source_known")
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'in_progress', 'awaiting_adjudication', 'completed', 'skipped', 'removed')",
            name=op.f("items_state_known"),
        ),
        sa.CheckConstraint(
            "labels_done >= 0 AND labels_wanted >= 1", name=op.f("items_labels_counted")
        ),
        sa.CheckConstraint("selection_p BETWEEN 0 AND 1", name=op.f("items_probability_in_range")),
        sa.ForeignKeyConstraint(["queue_id"], ["queues.id"], name=op.f("items_queue_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("items_pkey")),
        sa.UniqueConstraint(
            "queue_id",
            "object_type",
            "object_id",
            name=op.f("items_queue_id_object_type_object_id_key"),
        ),
    )
