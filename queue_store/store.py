"""The queue store as one object; each part of it has a file of its own."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from queue_store.changes import Changes
from queue_store.collections import Collections
from queue_store.database import Database
from queue_store.datasets import Datasets
from queue_store.edits import Edits
from queue_store.fields import Fields
from queue_store.importing import Importing
from queue_store.items import Items
from queue_store.members import Members
from queue_store.queues import Queues
from queue_store.reports import Reports
from queue_store.schema import bring_up_to_date
from queue_store.transfer import Transfer
from queue_store.webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from queue_store.config import QueueConfig


def random_token() -> str:
    """A claim token that nobody can guess."""
    return secrets.token_hex(12)


class QueueStore(
    Queues,
    Fields,
    Items,
    Changes,
    Edits,
    Importing,
    Collections,
    Datasets,
    Members,
    Webhooks,
    Transfer,
    Reports,
):
    """Queues, items, claims, fields, annotations and the audit log of one database.

    Every method takes ``project``; every write takes ``now`` and who writes. A write is one
    transaction. Safe to share between threads; any number of processes may open the same store.
    """

    @classmethod
    def open(
        cls, url: str, config: QueueConfig, *, new_token: Callable[[], str] = random_token
    ) -> QueueStore:
        """Open the store, creating its tables or bringing them up to date.

        Raises StoreUnavailableError when the place cannot be used, InvalidValueError for a URL
        of another engine.
        """
        database = Database(url, config)
        try:
            bring_up_to_date(database)
        except BaseException:
            database.close()
            raise
        return cls(database, config, new_token)

    def close(self) -> None:
        """Close every connection."""
        self.database.close()

    def annotation_frame_rows(self, **wanted: Any) -> list[dict[str, Any]]:
        """:meth:`annotations` as plain dicts, for building frames."""
        return [asdict(row) for row in self.annotations(**wanted)]
