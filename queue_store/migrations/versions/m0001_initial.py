"""Queues, fields, items, responses, annotations, counters and the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and the triggers that keep the audit log append-only."""
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("queue_id", sa.Integer(), nullable=True),
        sa.Column("item_id", sa.Integer(), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_pkey")),
    )
    op.create_index("audit_item", "audit", ["item_id", "id"], unique=False)
    op.create_table(
        "fields",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("multiple", sa.Boolean(), nullable=False),
        sa.Column("minimum", sa.Float(), nullable=True),
        sa.Column("maximum", sa.Float(), nullable=True),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("positive", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('feedback', 'expectation')", name=op.f("fields_purpose_known")
        ),
        sa.CheckConstraint(
            "type IN ('boolean', 'integer', 'number', 'string', 'categorical')",
            name=op.f("fields_type_known"),
        ),
        sa.CheckConstraint("minimum <= maximum", name=op.f("fields_range_not_empty")),
        sa.PrimaryKeyConstraint("id", name=op.f("fields_pkey")),
        sa.UniqueConstraint(
            "project", "name", "version", name=op.f("fields_project_name_version_key")
        ),
    )
    op.create_table(
        "queues",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detector", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("instructions", sa.Text(), nullable=False),
        sa.Column("assignees", sa.Text(), nullable=False),
        sa.Column("filter_sql", sa.Text(), nullable=True),
        sa.Column("sample_rate", sa.Float(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("labels_wanted", sa.Integer(), nullable=False),
        sa.Column("overlap_share", sa.Float(), nullable=False),
        sa.Column("extra_reviewers_max", sa.Integer(), nullable=False),
        sa.Column("adjudicate", sa.Boolean(), nullable=False),
        sa.Column("blind", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("lease_seconds", sa.Float(), nullable=True),
        sa.Column("assignment", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "assignment IN ('self_claim', 'round_robin', 'load_balance')",
            name=op.f("queues_assignment_known"),
        ),
        sa.CheckConstraint(
            "kind = 'live' OR filter_sql IS NULL", name=op.f("queues_only_live_filters")
        ),
        sa.CheckConstraint("kind IN ('system', 'live', 'manual')", name=op.f("queues_kind_known")),
        sa.CheckConstraint(
            "state IN ('draft', 'active', 'paused', 'archived')", name=op.f("queues_state_known")
        ),
        sa.CheckConstraint("labels_wanted >= 1", name=op.f("queues_labels_wanted_positive")),
        sa.CheckConstraint(
            "overlap_share BETWEEN 0 AND 1", name=op.f("queues_overlap_share_in_range")
        ),
        sa.CheckConstraint("sample_rate BETWEEN 0 AND 1", name=op.f("queues_sample_rate_in_range")),
        sa.PrimaryKeyConstraint("id", name=op.f("queues_pkey")),
        sa.UniqueConstraint("link", name=op.f("queues_link_key")),
        sa.UniqueConstraint("project", "name", name=op.f("queues_project_name_key")),
    )
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
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("token", sa.Text(), nullable=True),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("claimed_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("claim_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("skip_reason", sa.Text(), nullable=True),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("completed_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state = 'completed') = (completed_at IS NOT NULL)",
            name=op.f("items_completed_has_time"),
        ),
        sa.CheckConstraint(
            "(state = 'in_progress') = (holder IS NOT NULL AND lease_until IS NOT NULL)",
            name=op.f("items_held_while_in_progress"),
        ),
        sa.CheckConstraint(
            "(state = 'skipped') = (skip_reason IS NOT NULL)", name=op.f("items_skipped_has_reason")
        ),
        sa.CheckConstraint(
            "came_from IS NOT NULL OR state = 'pending'", name=op.f("items_begins_pending")
        ),
        sa.CheckConstraint(
            "came_from IS NULL OR (came_from = 'awaiting_adjudication' AND state = 'completed') OR (came_from = 'awaiting_adjudication' AND state = 'in_progress') OR (came_from = 'awaiting_adjudication' AND state = 'pending') OR (came_from = 'awaiting_adjudication' AND state = 'removed') OR (came_from = 'completed' AND state = 'in_progress') OR (came_from = 'completed' AND state = 'pending') OR (came_from = 'completed' AND state = 'removed') OR (came_from = 'in_progress' AND state = 'awaiting_adjudication') OR (came_from = 'in_progress' AND state = 'completed') OR (came_from = 'in_progress' AND state = 'pending') OR (came_from = 'in_progress' AND state = 'removed') OR (came_from = 'in_progress' AND state = 'skipped') OR (came_from = 'pending' AND state = 'in_progress') OR (came_from = 'pending' AND state = 'removed') OR (came_from = 'removed' AND state = 'pending') OR (came_from = 'skipped' AND state = 'in_progress') OR (came_from = 'skipped' AND state = 'pending') OR (came_from = 'skipped' AND state = 'removed')",
            name=op.f("items_move_allowed"),
        ),
        sa.CheckConstraint(
            "object_type IN ('trace', 'span', 'session')", name=op.f("items_object_type_known")
        ),
        sa.CheckConstraint(
            "source IN ('detector', 'rule', 'person')", name=op.f("items_source_known")
        ),
        sa.CheckConstraint(
            "state <> 'in_progress' OR token IS NOT NULL", name=op.f("items_held_with_token")
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
    op.create_index(
        "items_claim",
        "items",
        ["queue_id", "assignee", "turn", sa.literal_column("priority DESC"), "id"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "items_holder",
        "items",
        ["holder", "queue_id"],
        unique=False,
        sqlite_where=sa.text("state = 'in_progress'"),
        postgresql_where=sa.text("state = 'in_progress'"),
    )
    op.create_index(
        "items_lease",
        "items",
        ["queue_id", "lease_until"],
        unique=False,
        sqlite_where=sa.text("state = 'in_progress'"),
        postgresql_where=sa.text("state = 'in_progress'"),
    )
    op.create_index(
        "items_list",
        "items",
        ["queue_id", "state", sa.literal_column("priority DESC"), "id"],
        unique=False,
    )
    op.create_table(
        "queue_counters",
        sa.Column("queue_id", sa.Integer(), nullable=False),
        sa.Column("stripe", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pending", sa.Integer(), server_default="0", nullable=False),
        sa.Column("in_progress", sa.Integer(), server_default="0", nullable=False),
        sa.Column("awaiting_adjudication", sa.Integer(), server_default="0", nullable=False),
        sa.Column("completed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("skipped", sa.Integer(), server_default="0", nullable=False),
        sa.Column("removed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("with_responses", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["queue_id"], ["queues.id"], name=op.f("queue_counters_queue_id_fkey")
        ),
        sa.PrimaryKeyConstraint("queue_id", "stripe", name=op.f("queue_counters_pkey")),
    )
    op.create_table(
        "queue_fields",
        sa.Column("queue_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("field_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["field_id"], ["fields.id"], name=op.f("queue_fields_field_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["queue_id"], ["queues.id"], name=op.f("queue_fields_queue_id_fkey")
        ),
        sa.PrimaryKeyConstraint("queue_id", "position", name=op.f("queue_fields_pkey")),
    )
    op.create_table(
        "annotations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.Column("queue_id", sa.Integer(), nullable=True),
        sa.Column("item_id", sa.Integer(), nullable=True),
        sa.Column("item_revision", sa.Integer(), nullable=True),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("field_id", sa.Integer(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("corrected_output", sa.Text(), nullable=True),
        sa.Column("also_acceptable", sa.Text(), nullable=True),
        sa.Column("anchor", sa.Text(), nullable=True),
        sa.Column("issue_id", sa.Integer(), nullable=True),
        sa.Column("blind", sa.Boolean(), nullable=False),
        sa.Column("adjudicated", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("seconds_spent", sa.Float(), nullable=True),
        sa.Column("inclusion_probability", sa.Float(), nullable=True),
        sa.Column("cluster", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("supersedes", sa.Integer(), nullable=True),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "object_type IN ('trace', 'span', 'session')",
            name=op.f("annotations_object_type_known"),
        ),
        sa.CheckConstraint("source IN ('person', 'import')", name=op.f("annotations_source_known")),
        sa.CheckConstraint(
            "state IN ('draft', 'submitted', 'withdrawn', 'superseded')",
            name=op.f("annotations_state_known"),
        ),
        sa.CheckConstraint(
            "inclusion_probability BETWEEN 0 AND 1", name=op.f("annotations_probability_in_range")
        ),
        sa.ForeignKeyConstraint(
            ["field_id"], ["fields.id"], name=op.f("annotations_field_id_fkey")
        ),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("annotations_item_id_fkey")),
        sa.ForeignKeyConstraint(
            ["queue_id"], ["queues.id"], name=op.f("annotations_queue_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("annotations_pkey")),
        sa.UniqueConstraint("fingerprint", name=op.f("annotations_fingerprint_key")),
    )
    op.create_index("annotations_item", "annotations", ["item_id", "reviewer"], unique=False)
    op.create_index(
        "annotations_object", "annotations", ["project", "object_id", "id"], unique=False
    )
    op.create_index(
        "annotations_slot",
        "annotations",
        ["slot"],
        unique=True,
        sqlite_where=sa.text("state IN ('draft', 'submitted')"),
        postgresql_where=sa.text("state IN ('draft', 'submitted')"),
    )
    op.create_table(
        "responses",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("queue_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind = 'submitted' OR reason IS NOT NULL", name=op.f("responses_skip_has_reason")
        ),
        sa.CheckConstraint("kind IN ('submitted', 'skipped')", name=op.f("responses_kind_known")),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("responses_item_id_fkey")),
        sa.ForeignKeyConstraint(["queue_id"], ["queues.id"], name=op.f("responses_queue_id_fkey")),
        sa.PrimaryKeyConstraint("item_id", "reviewer", "round", name=op.f("responses_pkey")),
    )
    op.create_index(
        "responses_by_reviewer", "responses", ["queue_id", "reviewer", "at"], unique=False
    )
    for statement in _APPEND_ONLY[op.get_context().dialect.name]:
        op.execute(statement)


_APPEND_ONLY = {
    "sqlite": [
        (
            "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        ),
        (
            "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        ),
    ],
    "postgresql": [
        (
            "CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$"
        ),
        (
            "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit "
            "FOR EACH ROW EXECUTE FUNCTION audit_append_only()"
        ),
    ],
}
