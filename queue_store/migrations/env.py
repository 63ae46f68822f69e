"""Runs migrations on the connection that the store hands over."""

from __future__ import annotations

from alembic import context

from queue_store.tables.every import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA)
context.run_migrations()
