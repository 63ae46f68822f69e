"""Runs migrations on the connection that the store hands over, or writes them as SQL."""

from __future__ import annotations

from alembic import context

from queue_store.tables.every import METADATA

attributes = context.config.attributes
if context.is_offline_mode():
    context.configure(dialect_name=attributes["dialect"], target_metadata=METADATA)
    with context.begin_transaction():
        context.run_migrations()
else:
    context.configure(connection=attributes["connection"], target_metadata=METADATA)
    context.run_migrations()
