"""The stores: whether they open, and whether their columns are the ones that this version reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.checks.model import failed, good
from queue_store.errors import QueueStoreError
from queue_store.inspection import inspect_store
from span_store.errors import SpanStoreError
from span_store.schema import TABLES
from span_store.statistics import damaged_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.checks.model import Check
    from queue_store.config import QueueConfig
    from span_store.store import SpanStore


_DAMAGED_SHOWN_MAX = 3


def check_tables(store: SpanStore) -> Iterator[Check]:
    """Every table that exists opens, has every file and column; nothing is made."""
    present = []
    for name, schema in TABLES.items():
        try:
            table = store.open_table(name)
        except SpanStoreError as error:
            remedy = "Look at the folder: is it readable, and was every file restored?"
            yield failed(f"table {name}", str(error), remedy)
            continue
        if table is None:
            continue
        present.append(name)
        damaged = damaged_files(store, name)
        if damaged:
            shown = ", ".join(damaged[:_DAMAGED_SHOWN_MAX])
            yield failed(
                f"table {name}",
                f"{len(damaged)} of its files are missing or cut short: {shown}",
                f"Restore {store.table_uri(name)} from a backup, or move it away to begin anew.",
            )
        columns = {field.name for field in table.schema().fields}
        missing = [column for column in schema.names if column not in columns]
        if missing:
            yield failed(
                f"table {name}",
                f"lacks {', '.join(missing)}",
                "The table was written by an older version: receive or import once with this one.",
            )
    found = ", ".join(present) if present else "none yet; the first spans make them"
    yield good("tables", f"{store.place}: {found}")


def check_queue_store(url: str, config: QueueConfig) -> Check:
    """Whether the queue store opens, and whether its schema is this version's."""
    try:
        found = inspect_store(url, config)
    except QueueStoreError as error:
        remedy = "Correct queue.url, start the database, or give yourself the right to read it."
        return failed("queue store", str(error), remedy)
    if found.version is None:
        return good(
            "queue store", f"{found.place}: empty; the first command that needs it fills it"
        )
    if found.version < found.current:
        known = f"schema {found.version} becomes {found.current} with the next command"
        return good("queue store", f"{found.place}: {known}")
    if found.version > found.current:
        return failed(
            "queue store",
            f"{found.place}: schema {found.version}; this version knows {found.current}",
            "Install the version of spandocket that wrote it.",
        )
    return good("queue store", f"{found.place}: schema {found.version}")
