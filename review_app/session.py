"""Signing in and out on the page: a token becomes a session cookie that no script can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from review_app.access import COOKIE
from review_app.errors import NotSignedInError
from review_app.requests import HEADERS, json_body

if TYPE_CHECKING:
    from starlette.requests import Request

    from review_app.access import Access


def session_routes(access: Access) -> list[Route]:
    """``GET``, ``POST`` and ``DELETE /api/session``."""

    async def show(request: Request) -> JSONResponse:
        try:
            person = await run_in_threadpool(access.person_of, request)
        except NotSignedInError:
            person = None
        told = {"needs_token": access.is_guarded, "person": person}
        return JSONResponse(told, headers=HEADERS)

    async def sign_in(request: Request) -> JSONResponse:
        body = await json_body(request)
        secret, person = await run_in_threadpool(access.sign_in, str(body.get("token", "")))
        response = JSONResponse({"needs_token": True, "person": person}, headers=HEADERS)
        response.set_cookie(
            COOKIE,
            secret,
            max_age=int(access.session_seconds),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    async def sign_out(request: Request) -> JSONResponse:
        access.sign_out(request)
        response = JSONResponse({"needs_token": access.is_guarded, "person": None}, headers=HEADERS)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response

    return [
        Route("/api/session", show),
        Route("/api/session", sign_in, methods=["POST"]),
        Route("/api/session", sign_out, methods=["DELETE"]),
    ]
