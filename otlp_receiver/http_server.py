"""The HTTP endpoint: uvicorn with deadlines and limits on headers."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from otlp_receiver.addresses import bound, with_port
from otlp_receiver.errors import AddressInUseError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from otlp_receiver.config import ReceiverConfig
    from otlp_receiver.http_app import HttpApp
    from otlp_receiver.own_traces import OwnTraces

_KEEP_ALIVE_SECONDS = 75
_HEADER_BYTES_MAX = 64 * 2**10
_BACKLOG = 1024


def _protocol(  # noqa: C901  # many short methods, hardly a branch
    request_seconds: float, app: HttpApp
) -> type[HttpToolsProtocol]:
    """The protocol with a deadline for the head of every request; the app times the body."""

    class DeadlineProtocol(HttpToolsProtocol):
        deadline: asyncio.TimerHandle | None = None
        head_bytes = 0

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._arm()

        def connection_lost(self, exc: Exception | None) -> None:
            self._disarm()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self.head_bytes = 0
            self._arm()

        def on_url(self, url: bytes) -> None:
            self._count(len(url))
            super().on_url(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            self._count(len(name) + len(value))
            super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._disarm()
            super().on_headers_complete()

        def send_400_response(self, msg: str) -> None:
            self.transport.write(_not_http(app, msg))
            self.transport.close()

        def _count(self, size: int) -> None:
            self.head_bytes += size
            if self.head_bytes > _HEADER_BYTES_MAX:
                self.transport.abort()

        def _arm(self) -> None:
            self._disarm()
            self.deadline = self.loop.call_later(request_seconds, self.transport.abort)

        def _disarm(self) -> None:
            if self.deadline is not None:
                self.deadline.cancel()
                self.deadline = None

    return DeadlineProtocol


def _not_http(app: HttpApp, reason: str) -> bytes:
    """Bytes that are no HTTP are answered as any other bad data."""
    status, body, headers = app.malformed(reason)
    lines = [f"HTTP/1.1 {status} Bad Request", *(f"{k}: {v}" for k, v in headers.items())]
    lines += [f"content-length: {len(body)}", "connection: close", "\r\n"]
    return "\r\n".join(lines).encode("latin-1") + body


class _Server(uvicorn.Server):
    """Leaves the signals to the receiver."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """Serves the application on one port."""

    def __init__(
        self,
        config: ReceiverConfig,
        app: HttpApp,
        context: ssl.SSLContext | None,
        traces: OwnTraces | None = None,
    ) -> None:
        self._config = config
        settings = uvicorn.Config(
            app if traces is None else traces.over_http(app),
            http=_protocol(config.request_seconds, app),
            loop="none",
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            ssl_context_factory=None if context is None else (lambda _config, _default: context),
        )
        self._server = _Server(settings)
        connections = self._server.server_state.connections
        app.is_crowded = lambda: len(connections) > config.connections_max
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Bind and accept; returns ``HOST:PORT``."""
        host, port = self._config.host, self._config.http_port
        try:
            listener = bound(host, port)
        except OSError as error:
            reason = error.strerror or str(error)
            raise AddressInUseError(with_port(host, port), reason) from error
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        # uvicorn has no event for this; it takes a moment at most.
        while not self._server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return with_port(host, listener.getsockname()[1])

    async def stop(self, grace_seconds: float) -> None:
        """Accept nothing new, let requests in flight end; those that do not shall come back."""
        if self._task is None:
            return
        self._server.should_exit = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._task), grace_seconds)
        if not self._task.done():
            unfinished = list(self._server.server_state.tasks)
            for request in unfinished:
                request.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
            self._server.force_exit = True
            await self._task
