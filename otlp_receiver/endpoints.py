"""Both servers as one: they start together, and stop together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from otlp_receiver.grpc_server import GrpcServer
from otlp_receiver.http_app import HttpApp
from otlp_receiver.http_server import HttpServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from otlp_receiver.access import Access
    from otlp_receiver.config import ReceiverConfig
    from otlp_receiver.intake import Intake
    from otlp_receiver.own_traces import OwnTraces
    from otlp_receiver.tls import Certificates

Addresses = dict[str, str | None]


class Endpoints:
    """The gRPC server and, unless switched off, the HTTP server."""

    def __init__(
        self,
        config: ReceiverConfig,
        intake: Intake,
        access: Access,
        certificates: Certificates | None,
        exposition: Callable[[], str],
        traces: OwnTraces | None = None,
    ) -> None:
        self._grpc = GrpcServer(config, intake, access, certificates, traces)
        self._http: HttpServer | None = None
        if config.http_port >= 0:
            app = HttpApp(config, intake, access, exposition)
            context = None if certificates is None else certificates.http_context()
            self._http = HttpServer(config, app, context, traces)

    async def start(self) -> Addresses:
        """Bind and accept; raises :class:`otlp_receiver.errors.AddressInUseError`."""
        try:
            addresses: Addresses = {"grpc": await self._grpc.start(), "http": None}
            if self._http is not None:
                addresses["http"] = await self._http.start()
        except BaseException:
            await self.stop(0.0)
            raise
        return addresses

    def tell(self, *, is_ready: bool) -> None:
        """Say over gRPC whether requests would be stored; over HTTP they ask the intake."""
        self._grpc.tell(is_ready=is_ready)

    async def stop(self, grace_seconds: float) -> None:
        """Accept nothing new, let what is in flight end."""
        stopping = [self._grpc.stop(grace_seconds)]
        if self._http is not None:
            stopping.append(self._http.stop(grace_seconds))
        await asyncio.gather(*stopping)
