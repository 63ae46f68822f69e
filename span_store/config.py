"""The settings of this room."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """Settings a user may write in the ``[store]`` section."""

    url: str = field(
        default="",
        metadata={"doc": "Where the tables lie; empty for the data directory, or an s3:// URL."},
    )
