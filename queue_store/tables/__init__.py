"""The tables, one module a noun; ``queue_store.tables.every`` holds them all."""
