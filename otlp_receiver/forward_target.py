"""Where requests are forwarded to: another OTLP endpoint, over gRPC or HTTP, as raw bytes."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otlp_receiver.errors import InvalidForwardError

if TYPE_CHECKING:
    from email.message import Message

    from otlp_receiver.config import ForwardConfig
    from otlp_receiver.record import Signal

_METHODS: dict[Signal, str] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
_PATHS: dict[Signal, str] = {"traces": "/v1/traces", "logs": "/v1/logs"}

_REFUSED_FOR_GOOD = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.OUT_OF_RANGE,
}
"""Codes that speak of the request. What speaks of the endpoint or of our rights is tried again:
an operator will mend it, and nothing must be lost until then."""

_REASON_LENGTH_MAX = 500
_HTTP_REFUSED_FOR_GOOD = {400, 404, 405, 413, 415, 422}


class Outcome(Enum):
    """What became of a request."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    """For good: the same request will never be taken."""
    LATER = "later"
    """Not now; send the same request again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The endpoint's answer."""

    outcome: Outcome
    reason: str = ""
    delay_seconds: float | None = None
    """How long the endpoint asked us to wait."""
    rejected_items: int = 0
    """Spans or log records that the endpoint took the request without."""


class Target(Protocol):
    """An endpoint."""

    def send(self, signal: Signal, body: bytes) -> Delivery:
        """Send one request and wait for the answer; never raises."""

    def close(self) -> None:
        """Close the connection."""


def open_target(config: ForwardConfig) -> Target:
    """The endpoint that the settings name.

    Raises :class:`InvalidForwardError` when it cannot be one.
    """
    try:
        return GrpcTarget(config) if config.protocol == "grpc" else HttpTarget(config)
    except OSError as error:
        raise _unusable(error) from error


def check_target(config: ForwardConfig) -> None:
    """Tell settings that can never work; connects to nothing.

    Raises :class:`InvalidForwardError`.
    """
    try:
        if config.protocol == "http":
            HttpTarget(config)
            return
        _grpc_address(config.endpoint)
        for path in (config.tls_ca_file, config.tls_cert_file, config.tls_key_file):
            _read(path)
    except OSError as error:
        raise _unusable(error) from error


def _unusable(error: OSError) -> InvalidForwardError:
    files = error.filename or "tls_ca_file, tls_cert_file or tls_key_file"
    return InvalidForwardError(f"{files}: {error.strerror or error}")


class GrpcTarget:
    """OTLP over gRPC."""

    def __init__(self, config: ForwardConfig) -> None:
        address, is_secure = _grpc_address(config.endpoint)
        options = [
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", -1),
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.initial_reconnect_backoff_ms", 500),
            ("grpc.max_reconnect_backoff_ms", 5_000),
        ]
        gzipped = config.compression == "gzip"
        compression = grpc.Compression.Gzip if gzipped else grpc.Compression.NoCompression
        if is_secure:
            credentials = grpc.ssl_channel_credentials(
                root_certificates=_read(config.tls_ca_file),
                private_key=_read(config.tls_key_file),
                certificate_chain=_read(config.tls_cert_file),
            )
            channel = grpc.secure_channel(address, credentials, options, compression)
        else:
            channel = grpc.insecure_channel(address, options, compression)
        self._channel = channel
        self._calls = {signal: channel.unary_unary(path) for signal, path in _METHODS.items()}
        self._metadata = tuple((name.lower(), value) for name, value in config.headers.items())
        self._timeout_seconds = config.timeout_seconds

    def send(self, signal: Signal, body: bytes) -> Delivery:
        """Send one request and wait for the answer."""
        try:
            answer = self._calls[signal](
                body, timeout=self._timeout_seconds, metadata=self._metadata
            )
        except grpc.RpcError as error:
            return _refusal(error)
        return delivered(signal, answer)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()


class HttpTarget:
    """OTLP over HTTP with protobuf bodies, one connection kept open."""

    def __init__(self, config: ForwardConfig) -> None:
        parts = urlsplit(config.endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidForwardError(f"{config.endpoint!r} is not http://HOST:PORT or https://…")
        self._base = parts.path.rstrip("/")
        self._host, self._port = (
            parts.hostname,
            parts.port or (443 if parts.scheme == "https" else 80),
        )
        self._timeout_seconds = config.timeout_seconds
        self._context: ssl.SSLContext | None = None
        if parts.scheme == "https":
            self._context = ssl.create_default_context(cafile=config.tls_ca_file or None)
            if config.tls_cert_file:
                self._context.load_cert_chain(config.tls_cert_file, config.tls_key_file or None)
        self._is_compressed = config.compression == "gzip"
        self._headers = {**config.headers, "Content-Type": "application/x-protobuf"}
        if self._is_compressed:
            self._headers["Content-Encoding"] = "gzip"
        self._connection: http.client.HTTPConnection | None = None

    def send(self, signal: Signal, body: bytes) -> Delivery:
        """Send one request and wait for the answer."""
        if self._is_compressed:
            body = gzip.compress(body, 1, mtime=0)
        try:
            status, reason, headers, content = self._ask(signal, body)
        except (OSError, http.client.HTTPException) as error:
            return Delivery(outcome=Outcome.LATER, reason=f"{type(error).__name__}: {error}")
        if 200 <= status < 300:
            # OTLP says 200; endpoints that queue what they take say 202, and some 204.
            return delivered(signal, content)
        said = _short(f"HTTP {status} {reason}{_status_message(content)}")
        if status in _HTTP_REFUSED_FOR_GOOD:
            return Delivery(outcome=Outcome.REFUSED, reason=said)
        return Delivery(outcome=Outcome.LATER, reason=said, delay_seconds=_retry_after(headers))

    def _ask(self, signal: Signal, body: bytes) -> tuple[int, str, Message, bytes]:
        """Status, its words, headers and content of the answer.

        An endpoint ends connections that were idle, which is only noticed when one is used again.
        """
        is_old = self._connection is not None
        try:
            connection = self._open()
            connection.request("POST", self._base + _PATHS[signal], body, self._headers)
            response = connection.getresponse()
            return response.status, response.reason, response.headers, response.read()
        except (ConnectionError, http.client.RemoteDisconnected):
            self.close()
            if not is_old:
                raise
        except BaseException:
            self.close()
            raise
        return self._ask(signal, body)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> http.client.HTTPConnection:
        if self._connection is None:
            if self._context is None:
                self._connection = http.client.HTTPConnection(
                    self._host, self._port, timeout=self._timeout_seconds
                )
            else:
                self._connection = http.client.HTTPSConnection(
                    self._host, self._port, timeout=self._timeout_seconds, context=self._context
                )
        return self._connection


def delivered(signal: Signal, answer: bytes) -> Delivery:
    """A success, perhaps a partial one."""
    response: ExportTraceServiceResponse | ExportLogsServiceResponse
    rejected = 0
    try:
        if signal == "traces":
            response = ExportTraceServiceResponse.FromString(answer)
            rejected = response.partial_success.rejected_spans
        else:
            response = ExportLogsServiceResponse.FromString(answer)
            rejected = response.partial_success.rejected_log_records
        reason = response.partial_success.error_message
    except DecodeError:
        reason = "the answer is no OTLP"
    return Delivery(outcome=Outcome.DELIVERED, reason=_short(reason), rejected_items=rejected)


def _refusal(error: grpc.RpcError) -> Delivery:
    """What a gRPC error means for the request."""
    code = error.code()
    delay = _retry_delay(error)
    reason = _short(f"{code.name}: {error.details() or ''}")
    if code in _REFUSED_FOR_GOOD or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and delay is None):
        return Delivery(outcome=Outcome.REFUSED, reason=reason)
    return Delivery(outcome=Outcome.LATER, reason=reason, delay_seconds=delay)


def _retry_delay(error: grpc.RpcError) -> float | None:
    """The delay of a RetryInfo, from the status details or its own trailer."""
    try:
        status = rpc_status.from_call(error)
        for detail in status.details if status is not None else ():
            found = RetryInfo()
            if detail.Unpack(found):
                return _seconds(found)
    except (ValueError, DecodeError):
        # Whatever stands between may have spoilt them.
        pass
    for name, value in error.trailing_metadata() or ():
        if name == "google.rpc.retryinfo-bin":
            with contextlib.suppress(DecodeError):
                return _seconds(RetryInfo.FromString(value))
    return None


def _seconds(info: RetryInfo) -> float:
    return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)


def _retry_after(headers: Message) -> float | None:
    """Seconds, or a time beside the endpoint's own clock."""
    told = headers.get("Retry-After", "").strip()
    if told.isdigit():
        return float(told)
    try:
        later, now = parsedate_to_datetime(told), parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, (later - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _short(reason: str) -> str:
    """Endpoints may answer with whole pages."""
    return reason if len(reason) <= _REASON_LENGTH_MAX else f"{reason[:_REASON_LENGTH_MAX]}…"


def _grpc_address(endpoint: str) -> tuple[str, bool]:
    """``host:port`` and whether it is encrypted; a bare address is not."""
    for scheme, is_secure in (("http://", False), ("https://", True)):
        if endpoint.startswith(scheme):
            address, _, path = endpoint.removeprefix(scheme).partition("/")
            if path or not address:
                raise InvalidForwardError(
                    f"{endpoint!r} is not {scheme}HOST:PORT, as grpc needs it"
                )
            return address, is_secure
    return endpoint, False


def _read(path: str) -> bytes | None:
    return Path(path).read_bytes() if path else None


def _status_message(content: bytes) -> str:
    try:
        message = Status.FromString(content).message
    except DecodeError:
        return ""
    return f": {message}" if message else ""
