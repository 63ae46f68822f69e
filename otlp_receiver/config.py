"""The settings of this room."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


def _setting(default: Any, doc: str, unit: str | None = None) -> Any:
    metadata = {"doc": doc} if unit is None else {"doc": doc, "unit": unit}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverConfig:
    """Settings a user may write in the ``[receiver]`` section."""

    host: str = _setting("127.0.0.1", "Address to listen on.")
    grpc_port: int = _setting(4317, "Port for OTLP over gRPC; 0 for any free one.")
    http_port: int = _setting(
        4318, "Port for OTLP over HTTP, health and metrics; 0 for any free one, -1 for none."
    )
    allow_anonymous: bool = _setting(
        default=False, doc="Whether to listen beyond this machine although there are no tokens."
    )
    accept_metrics: bool = _setting(
        default=True,
        doc="Whether OTLP metrics are answered with success and only counted, or refused.",
    )
    cors_origins: tuple[str, ...] = _setting(
        (), "Origins whose pages may send over HTTP, such as https://app.example; * for any."
    )
    own_traces: bool = _setting(
        default=False,
        doc="Whether the receiver sends traces of its own work; where to, say the standard"
        " variables OTEL_EXPORTER_OTLP_ENDPOINT and others.",
    )
    tls_certificate: str = _setting(
        "", "PEM file of the server's certificate chain; empty: no TLS."
    )
    tls_key: str = _setting("", "PEM file of the certificate's key.")
    tls_client_ca: str = _setting(
        "", "PEM file of the authorities whose client certificates are required; empty: none."
    )
    request_bytes_max: int = _setting(
        64 * 2**20,
        "Largest request, before and after decompression; larger ones are refused.",
        "bytes",
    )
    compression_ratio_max: int = _setting(
        500, "How many times larger than sent a request over 1 MiB may be once decompressed."
    )
    slots_max: int = _setting(
        2_000_000, "Messages (spans, attributes, values) in one request; more are refused."
    )
    request_seconds: float = _setting(
        30.0, "Longest time that a request over HTTP may take to arrive.", "duration"
    )
    concurrent_streams_max: int = _setting(256, "Calls answered at the same time per connection.")
    connections_max: int = _setting(1024, "Connections over HTTP at the same time.")
    waiting_bytes_max: int = _setting(
        512 * 2**20,
        "Bytes of requests in memory, decompressed, until they are stored; more are refused.",
        "bytes",
    )
    connection_age_seconds: float = _setting(
        1800.0,
        "Age at which a gRPC connection is ended gracefully, so that load balancers can spread.",
        "duration",
    )
    keepalive_seconds: float = _setting(
        60.0, "Silence after which a gRPC connection is probed.", "duration"
    )
    spool_bytes_soft: int = _setting(
        4 * 2**30, "Spool size above which answers are delayed more and more.", "bytes"
    )
    spool_bytes_hard: int = _setting(
        8 * 2**30, "Spool size above which requests are refused, to be sent again later.", "bytes"
    )
    spool_age_soft_seconds: float = _setting(
        3600.0, "Age of the oldest waiting request above which answers are delayed.", "duration"
    )
    spool_age_hard_seconds: float = _setting(
        86400.0, "Age of the oldest waiting request above which requests are refused.", "duration"
    )
    forward_bytes_max: int = _setting(
        64 * 2**30,
        "Bytes that may wait for [forward] alone; above it requests are refused.",
        "bytes",
    )
    disk_free_bytes_min: int = _setting(
        256 * 2**20,
        "Free bytes on the spool's disk below which requests are refused: the loader needs room.",
        "bytes",
    )
    segment_bytes: int = _setting(128 * 2**20, "Size at which a new spool file is begun.", "bytes")
    load_bytes: int = _setting(32 * 2**20, "Bytes of requests that are loaded in one go.", "bytes")
    load_interval_seconds: float = _setting(
        1.0, "Longest wait before what was acknowledged is loaded into the tables.", "duration"
    )
    drain_seconds: float = _setting(
        30.0,
        "Longest stop: calls in flight end, and the spool is loaded into the tables.",
        "duration",
    )
    retry_delay_seconds: float = _setting(
        1.0, "Delay that a client is told when it is refused for the moment.", "duration"
    )
    prices: str = _setting(
        "", "CSV file of your own model prices, which come before the shipped ones."
    )
    attributes: dict[str, Any] = field(
        default_factory=dict,
        metadata={
            "doc": "Your own attribute keys by canonical field, asked before the known ones,"
            ' such as conversation_id = "shop.session" or a list of keys.'
        },
    )

    def __post_init__(self) -> None:
        """Refuse settings with which nothing could be received, or that contradict each other."""
        for name, (least, most) in _BOUNDS.items():
            if not least <= getattr(self, name) <= most:
                raise ValueError(
                    f"{name} lies between {least} and {most}, not {getattr(self, name)}"
                )
        if self.grpc_port == self.http_port > 0:
            raise ValueError(f"grpc_port and http_port are both {self.grpc_port}")
        if not self.request_seconds > 0:
            raise ValueError("request_seconds must be above 0")
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key go together")
        if self.tls_client_ca and not self.tls_certificate:
            raise ValueError("tls_client_ca needs tls_certificate and tls_key")
        if self.spool_bytes_soft > self.spool_bytes_hard:
            raise ValueError("spool_bytes_soft is above spool_bytes_hard")
        if self.spool_age_soft_seconds > self.spool_age_hard_seconds:
            raise ValueError("spool_age_soft_seconds is above spool_age_hard_seconds")
        if self.attributes:
            # Reads the mapping table only when a user adds to it; names the nearest fields.
            from otlp_receiver.dialects.mapping import shipped_mapping

            shipped_mapping().with_keys(self.attributes)


_COUNT_MAX = 2**31 - 1
"""The largest number that gRPC takes."""
_BOUNDS = {
    "grpc_port": (0, 65535),
    "http_port": (-1, 65535),
    # Protobuf reads no message of 2 GiB.
    "request_bytes_max": (1, 2**31 - 1),
    "compression_ratio_max": (1, _COUNT_MAX),
    "slots_max": (1, _COUNT_MAX),
    "concurrent_streams_max": (1, _COUNT_MAX),
    "connections_max": (1, _COUNT_MAX),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardConfig:
    """Settings a user may write in the ``[forward]`` section."""

    endpoint: str = field(
        default="",
        metadata={
            "doc": "OTLP endpoint that every accepted request also goes to, such as "
            "http://collector:4317; https:// encrypts; empty turns forwarding off."
        },
    )
    protocol: Literal["grpc", "http"] = field(
        default="grpc", metadata={"doc": "grpc, or http for OTLP/HTTP with protobuf bodies."}
    )
    mode: Literal["faithful", "enriched"] = field(
        default="faithful",
        metadata={
            "doc": "faithful sends the bytes as they came; enriched adds the attributes "
            "spandocket.findings and spandocket.severity to spans with findings."
        },
    )
    headers: dict[str, str] = field(
        default_factory=dict, metadata={"doc": "Headers of each request, such as a token."}
    )
    compression: Literal["none", "gzip"] = field(
        default="none", metadata={"doc": "How requests are compressed."}
    )
    tls_ca_file: str = field(
        default="",
        metadata={"doc": "Certificates to trust for https://; empty for the system's."},
    )
    tls_cert_file: str = field(
        default="", metadata={"doc": "Our certificate, where the endpoint asks for one."}
    )
    tls_key_file: str = field(default="", metadata={"doc": "The key of our certificate."})
    timeout_seconds: float = field(
        default=10.0,
        metadata={"doc": "Longest wait for one answer of the endpoint.", "unit": "duration"},
    )
    batch_bytes: int = field(
        default=2**20,
        metadata={
            "doc": "Neighbouring requests are joined up to this size; many endpoints refuse "
            "more than 4MiB.",
            "unit": "bytes",
        },
    )
    retry_initial_seconds: float = field(
        default=1.0,
        metadata={"doc": "First wait before a request is sent again.", "unit": "duration"},
    )
    retry_max_seconds: float = field(
        default=30.0,
        metadata={
            "doc": "Longest wait before a request is sent again; it is tried for ever.",
            "unit": "duration",
        },
    )

    def __post_init__(self) -> None:
        if self.protocol == "http" and self.endpoint and "://" not in self.endpoint:
            raise ValueError(f"endpoint: {self.endpoint!r} needs http:// or https:// for http")
        for name in ("timeout_seconds", "retry_initial_seconds", "retry_max_seconds"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0")
        if bool(self.tls_cert_file) != bool(self.tls_key_file):
            raise ValueError("tls_cert_file and tls_key_file belong together")
        for name, value in self.headers.items():
            is_name = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
            if not is_name or not (value.isascii() and value.isprintable()):
                # The value may be a secret.
                raise ValueError(f"headers: no header may look like {name!r} or its value")
