"""The settings of this room."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverConfig:
    """Settings a user may write in the ``[receiver]`` section."""

    host: str = field(default="127.0.0.1", metadata={"doc": "Address to listen on."})
    grpc_port: int = field(
        default=4317, metadata={"doc": "Port for OTLP over gRPC; 0 for any free one."}
    )
