"""The receiver's numbers as another process sees them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from otlp_receiver.quarantine import Quarantine
from otlp_receiver.spool_folder import owner_pid
from otlp_receiver.spool_level import spool_bytes

if TYPE_CHECKING:
    from pathlib import Path

STATS_FILE = "receiver-stats.json"
"""Written by the receiver every second, replaced whole."""


def read_stats(data_dir: Path) -> dict[str, Any]:
    """The last numbers that a receiver wrote, corrected by what lies on disk now."""
    found: dict[str, Any] = {"running": False, "pid": None, "grpc": None, "http": None}
    path = data_dir / STATS_FILE
    # Not synced when it is written: after a loss of power it may be empty.
    with suppress(OSError, ValueError, TypeError):
        found |= json.loads(path.read_text(encoding="utf-8"))
    spool = data_dir / "spool"
    pid = owner_pid(spool)
    found |= {"running": pid is not None, "pid": pid}
    if pid is None:
        found |= {"grpc": None, "http": None}
    found["spool_bytes"] = spool_bytes(spool) if spool.is_dir() else 0
    found["quarantined_requests"] = Quarantine(data_dir / "quarantine").count()
    return found
