from __future__ import annotations

import pytest

from queue_store.config import QueueConfig
from queue_store.store import QueueStore
from span_store.store import SpanStore


@pytest.fixture
def store(tmp_path):
    return SpanStore(tmp_path / "tables")


@pytest.fixture
def queues(tmp_path):
    store = QueueStore.open(f"sqlite:///{tmp_path / 'queue.sqlite3'}", QueueConfig())
    yield store
    store.close()
