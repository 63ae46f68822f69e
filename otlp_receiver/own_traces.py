"""The receiver's own traces: a span for each export request, and for each batch that was loaded.

Imported only where they are wanted. The OpenTelemetry SDK sends them, and reads its standard
environment variables by itself: endpoint, headers, sampler, name of the service.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    INVALID_SPAN,
    Span,
    SpanKind,
    use_span,
)

from otlp_receiver.http_app import PATHS
from otlp_receiver.own_decisions import TracedAccess, TracedIntake
from otlp_receiver.own_exporter import AGENT, OwnExporter, complaints_raised

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from otlp_receiver.http_app import HttpApp, Receive, Send

    Export = Callable[[bytes, Any], Awaitable[bytes]]
    Reported = Callable[[dict[str, Any]], None]

_STOP_SECONDS = 2.0
_AGENT_LENGTH_MAX = 200
_OWN_WAITING_MAX = 10_000


class OwnTraces:
    """Makes spans of the receiver's work and hands them to the exporter, which has a thread.

    ``protocol`` is ``grpc`` or ``http/protobuf``; ``clock`` gives nanoseconds since 1970 UTC.
    Raises :class:`otlp_receiver.errors.InvalidOwnTracesError`. Lives on one event loop.
    """

    access = TracedAccess
    intake = TracedIntake

    def __init__(self, protocol: str, clock: Callable[[], int]) -> None:
        self._clock = clock
        resource = _resource()
        self._exporter = OwnExporter(protocol)
        with complaints_raised():
            # Importing it reads OTEL_PROPAGATORS.
            from opentelemetry.propagate import get_global_textmap

            self._propagator = get_global_textmap()
            self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
            self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("otlp_receiver", version("spandocket"))
        self._own_began: deque[int] = deque(maxlen=_OWN_WAITING_MAX)
        """When stored requests with spans of a receiver's own began, until they are loaded."""

    def over_grpc(self, service: str, signal: str, export: Export) -> Export:
        """The handler of ``Export`` with a span around each call."""
        method = f"{service}/Export"
        attributes = {"rpc.system.name": "grpc", "rpc.method": method, "spandocket.signal": signal}

        async def traced(sent: bytes, context: Any) -> bytes:
            headers = {
                name: value
                for name, value in context.invocation_metadata() or ()
                if isinstance(value, str)
            }
            began = self._clock()
            with self._span(method, headers, attributes) as span:
                answer = await export(sent, context)
                self._stored(headers, began)
                span.set_attribute("rpc.response.status_code", "OK")
                return answer

        return traced

    def over_http(self, app: HttpApp) -> Callable[..., Awaitable[None]]:
        """The application with a span around each export request."""

        async def traced(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
            path = scope["path"]
            if path not in PATHS or scope["method"] != "POST":
                await app(scope, receive, send)
                return
            headers = {
                name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
            }
            attributes = {
                "http.request.method": "POST",
                "http.route": path,
                "url.path": path,
                "url.scheme": scope["scheme"],
                "network.protocol.version": scope["http_version"],
                "spandocket.signal": PATHS[path],
            }
            began, status = self._clock(), 0

            async def answer(message: Mapping[str, Any]) -> None:
                nonlocal status
                # Only the first message has one.
                status = message.get("status", status)
                await send(message)

            with self._span(f"POST {path}", headers, attributes) as span:
                await app(scope, receive, answer)
                if status == HTTPStatus.OK:
                    self._stored(headers, began)
                if status:
                    span.set_attribute("http.response.status_code", status)
                else:
                    span.set_attribute("error.type", "disconnected")

        return traced

    def loaded(self, reported: Reported) -> Reported:
        """``reported`` with a span for each batch but those of a receiver's own spans.

        They would make the next ones for ever where a receiver sends its traces to itself.
        """

        def traced(report: dict[str, Any]) -> None:
            reported(report)
            own = 0
            while self._own_began and self._own_began[0] <= report["received_at"]:
                self._own_began.popleft()
                own += 1
            if report["records"] > own:
                self._batch(report)

        return traced

    def stop(self, seconds: float) -> None:
        """Send what is left, for so long and two seconds at most; blocks."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(max(0.0, min(seconds, _STOP_SECONDS)))
        self._exporter.shutdown()

    def _batch(self, report: Mapping[str, Any]) -> None:
        now = self._clock()
        attributes = {
            "spandocket.records": report["records"],
            "spandocket.bytes": report["body_bytes"],
            "spandocket.rows": sum(report["rows"].values()),
            "spandocket.quarantined": report["quarantined"],
        }
        began = now - int(report["seconds"] * 1e9)
        self._tracer.start_span(
            "load batch", Context(), attributes=attributes, start_time=began
        ).end(now)

    def _stored(self, headers: Mapping[str, str], began: int) -> None:
        if AGENT in headers.get("user-agent", ""):
            self._own_began.append(began)

    def _parent(self, headers: Mapping[str, str]) -> Context:
        """Where the caller stands; what it says of that must never fail its request."""
        try:
            return self._propagator.extract(headers, Context())
        except Exception:  # noqa: BLE001  # Propagators are whatever is installed.
            return Context()

    @contextlib.contextmanager
    def _span(
        self, name: str, headers: Mapping[str, str], attributes: Mapping[str, str]
    ) -> Iterator[Span]:
        """A span below the caller's; none about a request of a receiver's own exporter."""
        agent = headers.get("user-agent", "")
        span: Span = INVALID_SPAN
        if AGENT not in agent:
            parent = self._parent(headers)
            span = self._tracer.start_span(name, parent, SpanKind.SERVER, attributes)
            if agent:
                span.set_attribute("user_agent.original", agent[:_AGENT_LENGTH_MAX])
        with use_span(
            span, end_on_exit=True, record_exception=False, set_status_on_exception=False
        ):
            try:
                yield span
            except asyncio.CancelledError:
                span.set_attribute("error.type", "cancelled")
                raise


def _resource() -> Resource:
    """What the environment says of this service, and else what we know."""
    given = Resource.create()
    name = str(given.attributes.get(SERVICE_NAME, ""))
    ours = {"service.version": version("spandocket")}
    if name.startswith("unknown_service"):
        ours[SERVICE_NAME] = "spandocket"
    return given.merge(Resource(ours))
