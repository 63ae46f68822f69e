"""OTLP over HTTP as an ASGI application, with health, readiness and metrics beside it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from otlp_receiver.answers import response, status_message
from otlp_receiver.otlp_json import json_to_protobuf, message_to_json
from otlp_receiver.status import Reason, Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from otlp_receiver.access import Access
    from otlp_receiver.config import ReceiverConfig
    from otlp_receiver.intake import Intake

    Receive = Callable[[], Awaitable[Mapping[str, Any]]]
    Send = Callable[[Mapping[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)

PATHS = {"/v1/traces": "traces", "/v1/logs": "logs", "/v1/metrics": "metrics"}
PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_THREAD_BYTES = 2**20
"""JSON from this size on is read on a thread, so that other calls are answered meanwhile."""
_DISCARD_SECONDS = 10.0
_DISCARDED_TIMES_MAX = 4
"""How long, and for how many times the limit, the rest of an oversize body is read and dropped."""


class _Disconnected(Exception):  # noqa: N818
    """The client went away in the middle of its request."""


class HttpApp:
    """Answers ``POST /v1/{traces,logs,metrics}``; ``GET /healthz``, ``/readyz``, ``/metrics``."""

    def __init__(
        self,
        config: ReceiverConfig,
        intake: Intake,
        access: Access,
        exposition: Callable[[], str],
    ) -> None:
        self._config = config
        self._intake = intake
        self._access = access
        self._exposition = exposition
        self.is_crowded: Callable[[], bool] = lambda: False
        self._arriving_bytes = 0
        """Of all bodies that are being received."""

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """One request."""
        headers = {name.decode("latin-1"): _header_text(value) for name, value in scope["headers"]}
        content_type = _media_type(headers)
        cors = self._cors(headers)
        try:
            status, body, extra = await self._answer(scope, headers, receive)
        except _Disconnected:
            return
        except Refusal as refusal:
            status, body, extra = self._refusal(refusal, content_type)
        except asyncio.CancelledError:
            # By an orderly stop that lasts no longer.
            unfinished = Refusal(Reason.STOPPING, "the request was not finished in time")
            status, body, extra = self._refusal(unfinished, content_type)
        except Exception as error:
            logger.exception("A request failed.", extra={"event": "request_failed"})
            defect = Refusal(Reason.DEFECT, type(error).__name__)
            status, body, extra = self._refusal(defect, content_type)
        listed = [(name.encode(), value.encode()) for name, value in {**extra, **cors}.items()]
        listed.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": listed})
        await send({"type": "http.response.body", "body": body})

    def malformed(self, reason: str) -> tuple[int, bytes, dict[str, str]]:
        """The answer to bytes that are no HTTP: status, body and headers."""
        return self._refusal(Refusal(Reason.BAD_DATA, reason), PROTOBUF)

    async def _answer(
        self, scope: Mapping[str, Any], headers: Mapping[str, str], receive: Receive
    ) -> tuple[int, bytes, dict[str, str]]:
        path, method = scope["path"], scope["method"]
        if path in PATHS:
            if method == "OPTIONS" and self._cors(headers):
                return 204, b"", _preflight(headers)
            if method != "POST":
                raise Refusal(Reason.WRONG_METHOD, f"{method} {path}")
            return await self._export(PATHS[path], headers, receive)
        if method not in {"GET", "HEAD"}:
            raise Refusal(Reason.UNKNOWN_PATH, f"{path}; post to {', '.join(PATHS)}")
        match path:
            case "/healthz":
                return 200, b"ok\n", {"content-type": "text/plain"}
            case "/readyz":
                is_ready, sentence = self._intake.readiness()
                body = f"{sentence}\n".encode()
                return 200 if is_ready else 503, body, {"content-type": "text/plain"}
            case "/metrics":
                return 200, self._exposition().encode(), {"content-type": _TEXT}
            case _:
                raise Refusal(Reason.UNKNOWN_PATH, f"{path}; post to {', '.join(PATHS)}")

    async def _export(
        self, signal: str, headers: Mapping[str, str], receive: Receive
    ) -> tuple[int, bytes, dict[str, str]]:
        if self.is_crowded():
            raise Refusal(Reason.OVERLOADED, "too many connections")
        project = self._access.project_of(headers)
        content_type = _media_type(headers)
        if content_type not in {PROTOBUF, JSON}:
            raise Refusal(
                Reason.UNSUPPORTED,
                f"content type {content_type or '(none)'!r}; use {PROTOBUF} or {JSON}",
            )
        sent = await self._body(headers, receive)
        began = time.perf_counter()
        encoding = headers.get("content-encoding", "").strip().lower()
        body = await self._intake.decompressed(sent, encoding)
        with self._intake.holding(len(body)):
            if content_type == JSON:
                body = await self._from_json(signal, body)
            inspected = await self._intake.accept(
                signal, body, project, transport="http", began=began
            )
        message = response(signal, inspected)
        if content_type == JSON:
            return 200, message_to_json(message), {"content-type": JSON}
        return 200, message.SerializeToString(), {"content-type": PROTOBUF}

    async def _from_json(self, signal: str, text: bytes) -> bytes:
        """The same request in protobuf."""
        transcode = partial(json_to_protobuf, signal, text, slots_max=self._config.slots_max)
        if len(text) < _THREAD_BYTES:
            return transcode()
        return await self._intake.aside.run(transcode)

    async def _body(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        """The body as sent, within the limits of size and time."""
        announced = headers.get("content-length", "")
        if announced.isdigit() and int(announced) > self._config.request_bytes_max:
            await self._discard(receive)
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        most_bytes = max(self._config.waiting_bytes_max, self._config.request_bytes_max)
        try:
            async with asyncio.timeout(self._config.request_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Disconnected
                    part = message.get("body", b"")
                    size += len(part)
                    self._arriving_bytes += len(part)
                    if self._arriving_bytes > most_bytes:
                        raise Refusal(Reason.OVERLOADED, "too much is arriving at the same time")
                    if size > self._config.request_bytes_max:
                        parts.clear()
                        await self._discard(receive)
                        raise self._too_large()
                    parts.append(part)
                    if not message.get("more_body", False):
                        break
        except TimeoutError as error:
            seconds = f"{self._config.request_seconds:g}"
            raise Refusal(Reason.TOO_SLOW, f"longer than {seconds} s") from error
        finally:
            self._arriving_bytes -= size
        return b"".join(parts)

    async def _discard(self, receive: Receive) -> None:
        """Throw away the rest of a body, within limits.

        A client that is still sending when the connection closes sees a reset, not the answer,
        and would send the same again.
        """
        left = _DISCARDED_TIMES_MAX * self._config.request_bytes_max
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DISCARD_SECONDS):
                while left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return

    def _too_large(self) -> Refusal:
        return Refusal(Reason.TOO_LARGE, f"more than {self._config.request_bytes_max} bytes")

    def _refusal(self, refusal: Refusal, content_type: str) -> tuple[int, bytes, dict[str, str]]:
        """Count it, and answer ``google.rpc.Status`` in the request's own content type."""
        self._intake.refused("http", refusal)
        message = status_message(refusal, self._config.retry_delay_seconds)
        form = JSON if content_type == JSON else PROTOBUF
        body = message_to_json(message) if form == JSON else bytes(message.SerializeToString())
        headers = {"content-type": form}
        if refusal.answer.is_retryable:
            headers["retry-after"] = str(math.ceil(self._config.retry_delay_seconds))
        if refusal.reason is Reason.UNAUTHENTICATED:
            headers["www-authenticate"] = "Bearer"
        if refusal.reason is Reason.WRONG_METHOD:
            headers["allow"] = "POST"
        if refusal.reason in {Reason.TOO_LARGE, Reason.TOO_SLOW}:
            headers["connection"] = "close"
        return refusal.answer.http_status, body, headers

    def _cors(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Allow the page's origin when the settings do; nothing by default."""
        origin = headers.get("origin", "")
        allowed = self._config.cors_origins
        if not origin or ("*" not in allowed and origin not in allowed):
            return {}
        return {"access-control-allow-origin": origin, "vary": "origin"}


def _preflight(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": headers.get(
            "access-control-request-headers", "content-type"
        ),
        "access-control-max-age": "7200",
    }


def _header_text(value: bytes) -> str:
    """UTF-8, as clients write names that are not ASCII; anything else byte by byte."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()
