"""The settings of this room."""

from __future__ import annotations

from dataclasses import dataclass, field

COMPACT_BYTES = 16 * 2**20
"""What :attr:`StoreConfig.compact_bytes` is when nobody says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """Settings a user may write in the ``[store]`` section."""

    url: str = field(
        default="",
        metadata={"doc": "Where the tables lie; empty for the data directory, or an s3:// URL."},
    )
    storage_options: dict[str, str] = field(
        default_factory=dict,
        metadata={
            "doc": "Options of the object store, such as region and endpoint_url; "
            "credentials come from the environment."
        },
    )
    compact_bytes: int = field(
        default=COMPACT_BYTES,
        metadata={
            "doc": "Size of the groups of files that compaction merges into one; it takes about "
            "ten times as much memory, and 120MiB.",
            "unit": "bytes",
        },
    )
    compact_files_min: int = field(
        default=8,
        metadata={"doc": "Small files of one day that must have come together to be merged."},
    )
    maintenance_interval_seconds: float = field(
        default=300.0,
        metadata={
            "doc": "How often serve compacts the tables and applies retention; 0 for never.",
            "unit": "duration",
        },
    )
    keep_seconds: float = field(
        default=0.0,
        metadata={
            "doc": "Age above which traces leave the tables, unless an item refers to them; "
            "0 for never.",
            "unit": "duration",
        },
    )
    keep_bytes: int = field(
        default=0,
        metadata={
            "doc": "Size of the tables above which the oldest traces leave, unless an item "
            "refers to them; 0 for no limit.",
            "unit": "bytes",
        },
    )
    vacuum_grace_seconds: float = field(
        default=86_400.0,
        metadata={
            "doc": "How long files that were replaced stay for readers that started before; "
            "whole hours, rounded up.",
            "unit": "duration",
        },
    )

    def __post_init__(self) -> None:
        if self.compact_files_min < 2:
            raise ValueError("compact_files_min must be at least 2")
        if self.compact_bytes < 2**20:
            raise ValueError("compact_bytes must be at least 1MiB")
        for name in ("maintenance_interval_seconds", "keep_seconds", "vacuum_grace_seconds"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")
        if self.keep_bytes < 0:
            raise ValueError("keep_bytes must not be negative")
