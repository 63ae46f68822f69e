"""Which error becomes which HTTP answer: one table.

Every error body is ``{"error": NAME, "message": TEXT, …facts}``.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from queue_store.errors import (
    AlreadyExistsError,
    FieldImmutableError,
    InvalidValueError,
    ItemLockedError,
    NoItemsAvailableError,
    NotFoundError,
    NotPermittedError,
    QueueStoreError,
    StaleRevisionError,
    StoreUnavailableError,
)

if TYPE_CHECKING:
    from starlette.requests import Request

STATUS: dict[type[Exception], int] = {
    NotFoundError: 404,
    NoItemsAvailableError: 404,
    InvalidValueError: 422,
    NotPermittedError: 403,
    ItemLockedError: 409,
    StaleRevisionError: 409,
    AlreadyExistsError: 409,
    FieldImmutableError: 409,
    StoreUnavailableError: 503,
    QueueStoreError: 500,
}
"""The most derived base counts."""


class BadRequestError(Exception):
    """The body is not what the call takes."""


async def answer_error(_request: Request, error: Exception) -> JSONResponse:
    """The error as an HTTP answer with its facts."""
    bases = (base for base in type(error).__mro__ if base in STATUS)
    status = STATUS[next(bases)] if not isinstance(error, BadRequestError) else 400
    facts = {
        name: plain(value)
        for name, value in vars(error).items()
        if not name.startswith("_") and name != "value"
    }
    name = type(error).__name__.removesuffix("Error")
    return JSONResponse({"error": name, "message": str(error)} | facts, status_code=status)


def plain(value: Any) -> Any:
    """The value as JSON has it."""
    match value:
        case datetime():
            return value.isoformat()
        case dict():
            return {str(key): plain(entry) for key, entry in value.items()}
        case list() | tuple():
            return [plain(entry) for entry in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)
