"""Reading requests: JSON bodies within a size, sent as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from review_app.errors import BadRequestError

if TYPE_CHECKING:
    from starlette.requests import Request

BODY_BYTES_MAX = 1 << 20
"""Of the page's calls."""
HEADERS = {
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
"""Of every answer."""


async def json_body(request: Request, bytes_max: int = BODY_BYTES_MAX) -> dict[str, Any]:
    """The body as an object; raises :class:`BadRequestError` for anything else.

    Bodies must be sent as JSON: a page of another origin cannot do that without being asked first.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise BadRequestError("send the body as application/json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            raise BadRequestError(f"the body has more than {bytes_max} bytes")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadRequestError("the body must be an object")
    return value
