"""The client as one object; each part of it has a file of its own."""

from __future__ import annotations

import os
from typing import Any, Self

from spandocket_client.items import ItemCalls
from spandocket_client.queues import QueueCalls
from spandocket_client.records import RecordCalls
from spandocket_client.tables import TableCalls
from spandocket_client.work import WorkCalls

DEFAULT_URL = "http://127.0.0.1:4380"


class Client(QueueCalls, ItemCalls, WorkCalls, RecordCalls, TableCalls):
    """Everything that the HTTP API of one project offers.

    ``Client(url, token=…)`` with a reviewer's token, or ``Client(url, person=…)`` while no
    reviewer has one. Use it as a context manager, or close it. Reads are tried again while the
    server cannot be reached; writes are sent once.
    """

    def __init__(self, url: str = DEFAULT_URL, **options: Any) -> None:
        super().__init__(url, **options)

    @classmethod
    def from_environment(cls) -> Self:
        """From ``SPANDOCKET_URL``, ``SPANDOCKET_TOKEN`` and ``SPANDOCKET_ACTOR``."""
        return cls(
            os.environ.get("SPANDOCKET_URL") or DEFAULT_URL,
            token=os.environ.get("SPANDOCKET_TOKEN") or None,
            person=os.environ.get("SPANDOCKET_ACTOR") or None,
        )
