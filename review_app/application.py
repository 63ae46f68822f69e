"""The review application: the page and the HTTP API behind it.

Without reviewers' tokens it has no login and listens on this machine. It refuses other host names,
and takes writes as JSON alone, which a page of another origin cannot send unasked.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from queue_store.errors import QueueStoreError
from review_app.answers import answer_defect, answer_error, answer_no_call
from review_app.api.routes import api_routes
from review_app.errors import OtherPersonError, ReviewError
from review_app.requests import HEADERS, json_body
from review_app.session import session_routes
from span_store.errors import SpanStoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.requests import Request

    from review_app.access import Access
    from review_app.browsing import PageCalls

_SCRIPTS = (
    "page", "forms", "keeping", "passages", "earlier", "browse", "queues", "review", "queue",
    "traces",
)  # fmt: skip
_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript"}


def create_application(calls: PageCalls, hostnames: Sequence[str], access: Access) -> Starlette:
    """The application over these calls, reachable under these host names."""
    return Starlette(
        routes=[
            Route("/", _file("review.html")),
            Route("/queue", _file("queue.html")),
            Route("/traces", _file("traces.html")),
            Route("/sessions", _file("traces.html")),
            Route("/review.css", _file("review.css")),
            *(Route(f"/{name}.js", _file(f"{name}.js")) for name in _SCRIPTS),
            *session_routes(access),
            *api_routes(calls, access),
            *_PageRoutes(calls, access).routes(),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hostnames))],
        exception_handlers={
            QueueStoreError: answer_error,
            SpanStoreError: answer_error,
            ReviewError: answer_error,
            HTTPException: answer_no_call,
            Exception: answer_defect,
        },
    )


class _PageRoutes:
    """The calls of the page: not the documented API, and free to change with the page."""

    def __init__(self, calls: PageCalls, access: Access) -> None:
        self._calls = calls
        self._access = access

    def routes(self) -> list[Route]:
        get, post = self._get, self._post
        return [
            get("/api/queues", lambda calls, _: calls.list_queues()),
            get("/api/queues/{queue}", lambda calls, p: calls.show_queue(p["queue"])),
            get("/api/queues/{queue}/rows", lambda calls, p: calls.rows(p["queue"], p)),
            get("/api/items/{item:int}/place", lambda calls, p: calls.place(p["item"])),
            post("/api/items/{item:int}/claim", lambda c, p, b: c.claim(p["item"], b)),
            post("/api/queues/{queue}/next", lambda c, p, b: c.claim_next(p["queue"], b)),
            post("/api/items/{item:int}/heartbeat", lambda c, p, b: c.heartbeat(p["item"], b)),
            post("/api/items/{item:int}/complete", lambda c, p, b: c.complete(p["item"], b)),
            post("/api/items/{item:int}/skip", lambda c, p, b: c.skip(p["item"], b)),
            post("/api/items/{item:int}/release", lambda c, p, b: c.release(p["item"], b)),
            get("/api/issues", lambda calls, _: calls.issues()),
            get(
                "/api/queues/{queue}/earlier/{reviewer}",
                lambda calls, p: calls.earlier(p["queue"], p["reviewer"]),
            ),
            get(
                "/api/queues/{queue}/waiting/{reviewer}",
                lambda calls, p: calls.waiting(p["queue"], p["reviewer"]),
            ),
            get(
                "/api/items/{item:int}/as/{reviewer}",
                lambda calls, p: calls.show_item(p["item"], p["reviewer"]),
            ),
            post("/api/items/{item:int}/undo", lambda c, p, b: c.undo(p["item"], b)),
            post("/api/items/{item:int}/annotations", lambda c, p, b: c.annotate(p["item"], b)),
            post("/api/items/{item:int}/decide", lambda c, p, b: c.decide(p["item"], b)),
            post("/api/annotations/{id:int}/edit", lambda c, p, b: c.edit(p["id"], b)),
            post("/api/annotations/{id:int}/withdraw", lambda c, p, b: c.withdraw(p["id"], b)),
        ]

    def _get(self, path: str, call: Callable[[PageCalls, dict[str, Any]], Any]) -> Route:
        def answer(request: Request) -> Any:
            named = dict(request.query_params) | request.path_params
            return call(self._allowed(request, named), named)

        async def respond(request: Request) -> Response:
            return JSONResponse(await run_in_threadpool(answer, request), headers=HEADERS)

        return Route(path, respond)

    def _post(
        self, path: str, call: Callable[[PageCalls, dict[str, Any], dict[str, Any]], Any]
    ) -> Route:
        def answer(request: Request, body: dict[str, Any]) -> Any:
            return call(self._allowed(request, body), request.path_params, body)

        async def respond(request: Request) -> Response:
            body = await json_body(request)
            return JSONResponse(await run_in_threadpool(answer, request, body), headers=HEADERS)

        return Route(path, respond, methods=["POST"])

    def _allowed(self, request: Request, named: dict[str, Any]) -> PageCalls:
        """The calls as who is signed in may read; ``reviewer`` must be them, and is filled in."""
        person = self._access.person_of(request)
        if not self._access.is_guarded or person is None:
            return self._calls
        if named.setdefault("reviewer", person) != person:
            raise OtherPersonError(person, str(named["reviewer"]))
        return self._calls.read_by(person)


def _file(name: str) -> Callable[[Request], Awaitable[Response]]:
    content = (files("review_app") / "page" / name).read_bytes()
    kind = _KINDS[name.rpartition(".")[2]]

    async def respond(_request: Request) -> Response:
        return Response(content, media_type=kind, headers=HEADERS)

    return respond
