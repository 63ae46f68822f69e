"""What is acknowledged and not loaded yet: how many, and since when.

Kept in buckets of half a second, so that hours of backlog stay small in memory.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

_BUCKET_NANOSECONDS = 500_000_000


@dataclass(slots=True)
class _Bucket:
    received_at: int
    last_number: int
    requests: int
    items: int


class Backlog:
    """Written by the spool's writer, shortened by the loader's reports."""

    def __init__(self) -> None:
        self._buckets: deque[_Bucket] = deque()
        self._loaded_number = -1
        self._lock = threading.Lock()

    def add(self, number: int, received_at: int, *, requests: int = 1, items: int = 0) -> None:
        """Requests up to this record number were received; ``items`` are spans or log records.

        The loader reads what is written before it is synced, so its report may come first.
        """
        with self._lock:
            if number <= self._loaded_number:
                return
            last = self._buckets[-1] if self._buckets else None
            if last is not None and received_at - last.received_at < _BUCKET_NANOSECONDS:
                last.last_number = number
                last.requests += requests
                last.items += items
            else:
                self._buckets.append(_Bucket(received_at, number, requests, items))

    def loaded(self, number: int) -> None:
        """Everything up to this record number is in the tables."""
        with self._lock:
            self._loaded_number = max(self._loaded_number, number)
            while self._buckets and self._buckets[0].last_number <= number:
                self._buckets.popleft()

    def oldest(self) -> int | None:
        """When the oldest bucket was received, in nanoseconds; None when nothing waits."""
        with self._lock:
            return self._buckets[0].received_at if self._buckets else None

    def size(self) -> tuple[int, int]:
        """Requests and items that wait."""
        with self._lock:
            requests = sum(bucket.requests for bucket in self._buckets)
            return requests, sum(bucket.items for bucket in self._buckets)
