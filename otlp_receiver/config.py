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
    request_bytes_max: int = field(
        default=64 * 2**20,
        metadata={
            "doc": "Largest request, before and after decompression; larger ones are refused.",
            "unit": "bytes",
        },
    )
    concurrent_streams_max: int = field(
        default=256,
        metadata={"doc": "Calls answered at the same time on one connection."},
    )
    spool_bytes_hard: int = field(
        default=8 * 2**30,
        metadata={
            "doc": "Spool size above which requests are refused, to be sent again later.",
            "unit": "bytes",
        },
    )
    segment_bytes: int = field(
        default=128 * 2**20,
        metadata={"doc": "Size at which a new spool file is begun.", "unit": "bytes"},
    )
    load_bytes: int = field(
        default=32 * 2**20,
        metadata={"doc": "Bytes of requests that are loaded in one go.", "unit": "bytes"},
    )
    load_interval_seconds: float = field(
        default=1.0,
        metadata={
            "doc": "Longest wait before what was acknowledged is loaded into the tables.",
            "unit": "duration",
        },
    )
    drain_seconds: float = field(
        default=30.0,
        metadata={
            "doc": "Longest stop: calls in flight end, and the spool is loaded into the tables.",
            "unit": "duration",
        },
    )
    retry_delay_seconds: float = field(
        default=1.0,
        metadata={
            "doc": "Delay that a client is told when it is refused for the moment.",
            "unit": "duration",
        },
    )
