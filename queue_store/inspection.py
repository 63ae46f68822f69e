"""Looks at a queue store without making or changing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from queue_store.database import Database
from queue_store.schema import SCHEMA_VERSION, schema_version

if TYPE_CHECKING:
    from queue_store.config import QueueConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What lies at a URL."""

    place: str
    """The URL without its password."""
    version: str | None
    """The schema's version; None for a database without one."""
    current: str
    """The version that this product works with."""


def inspect_store(url: str, config: QueueConfig) -> Inspection:
    """Open the database and read its version; nothing is migrated.

    Raises StoreUnavailableError when it cannot be opened, InvalidValueError for a bad URL.
    """
    database = Database(url, config)
    try:
        with database.reading() as connection:
            version = schema_version(connection)
        return Inspection(place=database.place, version=version, current=SCHEMA_VERSION)
    finally:
        database.close()
