"""audit: one row a write, appended and never touched again."""

from __future__ import annotations

from sqlalchemy import DDL, Column, Index, Integer, Table, event

from queue_store.column_types import JsonText, Moment, PlainText
from queue_store.tables.metadata import METADATA

AUDIT = Table(
    "audit",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("time", Moment, nullable=False),
    Column("project", PlainText, nullable=False),
    Column("actor", PlainText, nullable=False),
    Column("action", PlainText, nullable=False),
    Column("queue_id", Integer),
    Column("item_id", Integer),
    Column("details", JsonText, nullable=False),
)
Index("audit_item", AUDIT.c.item_id, AUDIT.c.id)

APPEND_ONLY: dict[str, tuple[str, ...]] = {
    "sqlite": tuple(
        f"CREATE TRIGGER audit_no_{verb} BEFORE {verb.upper()} ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        for verb in ("update", "delete")
    ),
    "postgresql": (
        (
            "CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$"
        ),
        (
            "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit "
            "FOR EACH ROW EXECUTE FUNCTION audit_append_only()"
        ),
    ),
}
"""The triggers that refuse to change the log, by engine."""

for _engine, _statements in APPEND_ONLY.items():
    for _statement in _statements:
        event.listen(
            AUDIT,
            "after_create",
            DDL(_statement).execute_if(dialect=_engine),  # type: ignore[no-untyped-call]
        )
