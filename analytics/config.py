"""The settings of this room."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisConfig:
    """Settings a user may write in the ``[analysis]`` section."""

    random_floor: float = field(
        default=0.01,
        metadata={"doc": "Share of unflagged traces that is always kept for people."},
    )
