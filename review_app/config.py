"""The settings of this room."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewConfig:
    """Settings a user may write in the ``[review]`` section."""

    host: str = field(
        default="127.0.0.1",
        metadata={
            "doc": "Address to serve the review page on; another than this machine's needs tokens."
        },
    )
    port: int = field(
        default=4380, metadata={"doc": "Port of the review page; 0 for any free one."}
    )
    hostnames: tuple[str, ...] = field(
        default=("127.0.0.1", "localhost"),
        metadata={"doc": "Names under which browsers may reach the page; others are refused."},
    )
    allow_anonymous: bool = field(
        default=False,
        metadata={"doc": "Whether to listen beyond this machine although nobody has a token."},
    )
    session_seconds: float = field(
        default=43_200.0,
        metadata={"doc": "How long signing in on the page lasts.", "unit": "duration"},
    )

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port lies between 0 and 65535, not {self.port}")
