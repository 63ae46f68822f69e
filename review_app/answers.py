"""Which error becomes which HTTP answer: one table.

Every error body is ``{"error": NAME, "message": TEXT, "remedy": TEXT, …facts}``.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from queue_store import errors as queue_errors
from review_app import errors as own_errors
from review_app.requests import HEADERS
from span_store import errors as span_errors

if TYPE_CHECKING:
    from starlette.requests import Request


class Answer(NamedTuple):
    """The HTTP status of an error, and what helps."""

    status: int
    remedy: str


ANSWERS: dict[type[Exception], Answer] = {
    own_errors.BadRequestError: Answer(400, "send what the description of the call says"),
    own_errors.NotSignedInError: Answer(401, "use a reviewer's token that is live"),
    own_errors.ForeignPageError: Answer(403, "use the page of this address"),
    own_errors.OtherPersonError: Answer(403, "act as yourself"),
    queue_errors.NotPermittedError: Answer(403, "ask a manager for the role"),
    queue_errors.NotFoundError: Answer(404, "check the name; the nearest are named"),
    queue_errors.NoItemsAvailableError: Answer(404, "'why' says whether to wait or to be done"),
    queue_errors.AlreadyExistsError: Answer(409, "choose another name"),
    queue_errors.FieldImmutableError: Answer(409, "create a field of another name"),
    queue_errors.ItemLockedError: Answer(409, "wait until then, or take another item"),
    queue_errors.StaleRevisionError: Answer(409, "look at the item again"),
    queue_errors.InvalidValueError: Answer(422, "correct the value; nothing was changed"),
    span_errors.UnknownColumnError: Answer(422, "use a column that the table has"),
    span_errors.InvalidFilterError: Answer(422, "write a SQL condition over the columns"),
    queue_errors.StoreUnavailableError: Answer(503, "try again later"),
    span_errors.StoreUnavailableError: Answer(503, "try again later"),
    span_errors.SpanStoreError: Answer(500, "look at the server's log"),
    queue_errors.QueueStoreError: Answer(500, "look at the server's log"),
}
"""The most derived base counts."""
_UNKNOWN = Answer(500, "look at the server's log")


async def answer_error(_request: Request, error: Exception) -> JSONResponse:
    """The error as an HTTP answer with its facts."""
    bases = (base for base in type(error).__mro__ if base in ANSWERS)
    answer = ANSWERS.get(next(bases, Exception), _UNKNOWN)
    facts = {
        name: plain(value)
        for name, value in vars(error).items()
        if not name.startswith("_") and name != "value"
    }
    name = type(error).__name__.removesuffix("Error")
    told = {"error": name, "message": str(error), "remedy": answer.remedy}
    challenge = {"www-authenticate": "Bearer"} if answer.status == 401 else {}
    return JSONResponse(told | facts, status_code=answer.status, headers=HEADERS | challenge)


async def answer_no_call(_request: Request, error: Exception) -> JSONResponse:
    """What is asked for is no call, or not with this method."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    told = {"error": "NoSuchCall", "message": str(error), "remedy": "see /api/v1/openapi.json"}
    return JSONResponse(told, status_code=status, headers=HEADERS)


async def answer_defect(_request: Request, error: Exception) -> JSONResponse:
    """What nobody foresaw; the log has the rest."""
    told = {"error": "Internal", "message": f"{type(error).__name__} on the server"}
    return JSONResponse(
        told | {"remedy": _UNKNOWN.remedy}, status_code=_UNKNOWN.status, headers=HEADERS
    )


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
