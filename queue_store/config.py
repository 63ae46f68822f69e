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
    lease_seconds: float = field(
        default=900.0,
        metadata={
            "doc": "How long a claimed item stays with its reviewer without a heartbeat, "
            "unless the queue says otherwise.",
            "unit": "duration",
        },
    )
    busy_timeout_seconds: float = field(
        default=30.0,
        metadata={
            "doc": "How long a write waits for another writer before it gives up.",
            "unit": "duration",
        },
    )
    connections_max: int = field(
        default=32,
        metadata={"doc": "Most connections that one process holds open at a time."},
    )
    undo_seconds: float = field(
        default=3600.0,
        metadata={
            "doc": "How long after a submit or a skip its reviewer may undo it.",
            "unit": "duration",
        },
    )

    def __post_init__(self) -> None:
        """Refuse settings with which nothing would work."""
        if self.lease_seconds <= 0:
            raise ValueError("lease_seconds must be more than 0")
        if self.connections_max < 1:
            raise ValueError("connections_max must be at least 1")
