"""Every table, so that the metadata is complete."""

from __future__ import annotations

from queue_store.tables.annotations import ANNOTATIONS
from queue_store.tables.audit import AUDIT
from queue_store.tables.collections import (
    DATASET_ENTRIES,
    DATASET_VERSIONS,
    DATASETS,
    ISSUES,
    MEMBERS,
    OUTBOX,
    VIEWS,
    WEBHOOKS,
)
from queue_store.tables.fields import FIELDS
from queue_store.tables.items import ITEMS, LEASES, RESPONSES
from queue_store.tables.metadata import METADATA
from queue_store.tables.queues import QUEUE_COUNTERS, QUEUE_FIELDS, QUEUES

__all__ = [
    "ANNOTATIONS",
    "AUDIT",
    "DATASETS",
    "DATASET_ENTRIES",
    "DATASET_VERSIONS",
    "FIELDS",
    "ISSUES",
    "ITEMS",
    "LEASES",
    "MEMBERS",
    "METADATA",
    "OUTBOX",
    "QUEUES",
    "QUEUE_COUNTERS",
    "QUEUE_FIELDS",
    "RESPONSES",
    "VIEWS",
    "WEBHOOKS",
]
