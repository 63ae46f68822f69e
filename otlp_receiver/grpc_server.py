"""OTLP over gRPC: raw bytes in, one shared path, answers by the status table."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
from grpc_health.v1 import health_pb2_grpc

from otlp_receiver.addresses import why_not, with_port
from otlp_receiver.answers import response, retry_info, status_message
from otlp_receiver.errors import AddressInUseError
from otlp_receiver.health import Health
from otlp_receiver.limits import encoding_of
from otlp_receiver.status import Reason, Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from otlp_receiver.access import Access
    from otlp_receiver.config import ReceiverConfig
    from otlp_receiver.intake import Intake
    from otlp_receiver.own_traces import OwnTraces
    from otlp_receiver.tls import Certificates

logger = logging.getLogger(__name__)

SERVICES = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "metrics",
}
_UNLIMITED = -1
_OFF = 0
_COUNTED_TIMES_MAX = 2
"""gRPC itself refuses messages this many times too large; smaller ones we do, and count them."""
_INTEGER_MAX = 2**31 - 1
"""The largest number that gRPC's options take; for it, a time of that many milliseconds is endless.
"""
_METADATA_BYTES_MAX = 64 * 2**10
_AGE_GRACE_MILLISECONDS = 60_000
_KEEPALIVE_ANSWER_MILLISECONDS = 20_000
_PING_MILLISECONDS_MIN = 5_000


class GrpcServer:
    """The gRPC endpoint: trace, logs, metrics and health services."""

    def __init__(
        self,
        config: ReceiverConfig,
        intake: Intake,
        access: Access,
        certificates: Certificates | None,
        traces: OwnTraces | None = None,
    ) -> None:
        self._config = config
        self._intake = intake
        self._access = access
        self._certificates = certificates
        self._health = Health(SERVICES)
        self._server = grpc.aio.server(options=self._options())
        for service, signal in SERVICES.items():
            export = self._export(signal)
            if traces is not None:
                export = traces.over_grpc(service, signal, export)
            handler = grpc.unary_unary_rpc_method_handler(export)
            self._server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(service, {"Export": handler}),)
            )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)

    async def start(self) -> str:
        """Bind and accept; returns ``HOST:PORT``."""
        host, wanted = self._config.host, self._config.grpc_port
        address = with_port(host, wanted)
        try:
            if self._certificates is None:
                port = self._server.add_insecure_port(address)
            else:
                credentials = self._certificates.grpc_credentials()
                port = self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise AddressInUseError(address, why_not(host, wanted)) from error
        await self._server.start()
        return with_port(host, port)

    async def stop(self, grace_seconds: float) -> None:
        """Accept nothing new, let calls in flight end."""
        self._health.end()
        await self._server.stop(grace_seconds)

    def tell(self, *, is_ready: bool) -> None:
        """Say to the health service's clients whether requests would be stored."""
        self._health.tell(is_ready=is_ready)

    def _options(self) -> list[tuple[str, Any]]:
        return [
            (
                "grpc.max_receive_message_length",
                min(_COUNTED_TIMES_MAX * self._config.request_bytes_max, _INTEGER_MAX),
            ),
            # It knows no bound on the ratio: that is the shared path's.
            ("grpc.per_message_decompression", _OFF),
            ("grpc.max_send_message_length", _UNLIMITED),
            ("grpc.max_concurrent_streams", self._config.concurrent_streams_max),
            ("grpc.so_reuseport", 0),
            ("grpc.max_metadata_size", _METADATA_BYTES_MAX),
            ("grpc.max_connection_age_ms", _milliseconds(self._config.connection_age_seconds)),
            ("grpc.max_connection_age_grace_ms", _AGE_GRACE_MILLISECONDS),
            ("grpc.keepalive_time_ms", _milliseconds(self._config.keepalive_seconds)),
            ("grpc.keepalive_timeout_ms", _KEEPALIVE_ANSWER_MILLISECONDS),
            ("grpc.keepalive_permit_without_calls", 1),
            # Clients may ping this often without being sent away for it.
            ("grpc.http2.min_ping_interval_without_data_ms", _PING_MILLISECONDS_MIN),
        ]

    def _export(self, signal: str) -> Callable[[bytes, Any], Awaitable[bytes]]:
        async def export(sent: bytes, context: Any) -> bytes:
            began = time.perf_counter()
            try:
                project = self._access.project_of(_headers(context))
                body = await self._intake.decompressed(sent, encoding_of(sent))
                with self._intake.holding(len(body)):
                    inspected = await self._intake.accept(
                        signal, body, project, transport="grpc", began=began
                    )
            except Refusal as refusal:
                await self._refuse(context, refusal)
            except Exception as error:
                # Anything else would surface as UNKNOWN, and clients would drop the data.
                logger.exception(
                    "A request failed.", extra={"event": "request_failed", "signal": signal}
                )
                await self._refuse(context, Refusal(Reason.DEFECT, type(error).__name__))
            if not inspected.rejected:
                return b""
            return bytes(response(signal, inspected).SerializeToString())

        return export

    async def _refuse(self, context: Any, refusal: Refusal) -> NoReturn:
        """Count and end the call; RetryInfo goes where Go reads it and where Python reads it."""
        self._intake.refused("grpc", refusal)
        delay = self._config.retry_delay_seconds
        status = status_message(refusal, delay)
        trailers: list[tuple[str, bytes]] = [
            ("grpc-status-details-bin", status.SerializeToString())
        ]
        if refusal.answer.is_retryable:
            trailers.append(("google.rpc.retryinfo-bin", retry_info(delay).SerializeToString()))
        await context.abort(
            grpc.StatusCode[refusal.answer.grpc_code], str(refusal), tuple(trailers)
        )
        raise AssertionError("abort raises")


def _milliseconds(seconds: float) -> int:
    return int(min(seconds * 1000, _INTEGER_MAX))


def _headers(context: Any) -> dict[str, str | bytes]:
    """The call's metadata; keys are lower case by the protocol."""
    return dict(context.invocation_metadata() or ())
