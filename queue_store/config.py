"""The settings of this room."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueConfig:
    """Settings a user may write in the ``[queue]`` section."""

    url: str = field(
        default="",
        metadata={"doc": "SQLAlchemy URL; empty for queue.sqlite3 in the data directory."},
    )
