"""gRPC's health service: says over gRPC what ``/readyz`` says over HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Iterable

_States = health_pb2.HealthCheckResponse


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # generated without types
    """One state for every service; the empty name stands for the server. Lives on one loop.

    The library's own servicer keeps watchers to the end of an orderly stop, which then takes as
    long as it may.
    """

    def __init__(self, services: Iterable[str]) -> None:
        self._services = frozenset({"", *services})
        self._state = _States.NOT_SERVING
        self._changed = asyncio.Event()
        self._is_ending = False

    def tell(self, *, is_ready: bool) -> None:
        """Say from now on whether requests would be stored."""
        state = _States.SERVING if is_ready else _States.NOT_SERVING
        if state != self._state and not self._is_ending:
            self._state = state
            self._wake()

    def end(self) -> None:
        """Tell those who watch that nothing is served any more, and let them go."""
        self._state = _States.NOT_SERVING
        self._is_ending = True
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The state of a service now."""
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no service {request.service!r}")
        return _States(status=self._state)

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802
        """The state of a service now and after each change."""
        told = None
        while True:
            changed = self._changed
            is_known = request.service in self._services
            state = self._state if is_known else _States.SERVICE_UNKNOWN
            if state != told:
                told = state
                await context.write(_States(status=state))
            if self._is_ending:
                return
            await changed.wait()
