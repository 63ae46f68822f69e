"""The review application: the page and the HTTP API behind it.

It has no login: it listens on this machine, refuses other host names, and takes writes as JSON
alone, which a page of another origin cannot send without being asked first.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from queue_store.errors import QueueStoreError
from review_app.answers import BadRequestError, answer_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.requests import Request

    from review_app.earlier import ReviewCalls

BODY_BYTES_MAX = 1 << 20
_SCRIPTS = ("page", "passages", "earlier", "review")
_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_HEADERS = {
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


def create_application(calls: ReviewCalls, hostnames: Sequence[str]) -> Starlette:
    """The application over these calls, reachable under these host names."""
    return Starlette(
        routes=[
            Route("/", _file("review.html")),
            Route("/review.css", _file("review.css")),
            *(Route(f"/{name}.js", _file(f"{name}.js")) for name in _SCRIPTS),
            Route("/api/queues", _get(lambda _: calls.list_queues())),
            Route("/api/queues/{queue}", _get(lambda path: calls.show_queue(path["queue"]))),
            _post("/api/queues/{queue}/next", lambda p, body: calls.claim_next(p["queue"], body)),
            _post("/api/items/{item:int}/heartbeat", lambda p, b: calls.heartbeat(p["item"], b)),
            _post("/api/items/{item:int}/complete", lambda p, b: calls.complete(p["item"], b)),
            _post("/api/items/{item:int}/skip", lambda p, b: calls.skip(p["item"], b)),
            _post("/api/items/{item:int}/release", lambda p, b: calls.release(p["item"], b)),
            *_going_back(calls),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hostnames))],
        exception_handlers={QueueStoreError: answer_error, BadRequestError: answer_error},
    )


def _going_back(calls: ReviewCalls) -> list[Route]:
    """The routes to what was done before."""
    return [
        Route("/api/issues", _get(lambda _: calls.issues())),
        Route(
            "/api/queues/{queue}/earlier/{reviewer}",
            _get(lambda path: calls.earlier(path["queue"], path["reviewer"])),
        ),
        Route(
            "/api/queues/{queue}/waiting/{reviewer}",
            _get(lambda path: calls.waiting(path["queue"], path["reviewer"])),
        ),
        Route(
            "/api/items/{item:int}/as/{reviewer}",
            _get(lambda path: calls.show_item(path["item"], path["reviewer"])),
        ),
        _post("/api/items/{item:int}/undo", lambda p, b: calls.undo(p["item"], b)),
        _post("/api/items/{item:int}/annotations", lambda p, b: calls.annotate(p["item"], b)),
        _post("/api/items/{item:int}/decide", lambda p, b: calls.decide(p["item"], b)),
        _post("/api/annotations/{id:int}/edit", lambda p, b: calls.edit(p["id"], b)),
        _post("/api/annotations/{id:int}/withdraw", lambda p, b: calls.withdraw(p["id"], b)),
    ]


def _file(name: str) -> Callable[[Request], Awaitable[Response]]:
    content = (files("review_app") / "page" / name).read_bytes()
    kind = _KINDS[name.rpartition(".")[2]]

    async def respond(_request: Request) -> Response:
        return Response(content, media_type=kind, headers=_HEADERS)

    return respond


def _get(call: Callable[[dict[str, Any]], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(call, request.path_params), headers=_HEADERS)

    return respond


def _post(path: str, call: Callable[[dict[str, Any], dict[str, Any]], Any]) -> Route:
    async def respond(request: Request) -> Response:
        body = await _body(request)
        result = await run_in_threadpool(call, request.path_params, body)
        return JSONResponse(result, headers=_HEADERS)

    return Route(path, respond, methods=["POST"])


async def _body(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise BadRequestError("send the body as application/json")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise BadRequestError(f"the body has more than {BODY_BYTES_MAX} bytes")
    try:
        value = json.loads(body)
    except ValueError as error:
        raise BadRequestError(f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadRequestError("the body must be an object")
    return value
