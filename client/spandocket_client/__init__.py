"""Python client of spandocket.

>>> from spandocket_client import Client
>>> with Client("http://127.0.0.1:4380", person="ana") as client:
...     client.add_traces("spot_checks", ["4bf92f3577b34da6a3ce929d0e0e4736"], priority=5)
"""

from spandocket_client import errors, rows, table_rows
from spandocket_client.client import Client
from spandocket_client.errors import (
    AlreadyExistsError,
    BadRequestError,
    FieldImmutableError,
    InvalidFilterError,
    InvalidValueError,
    ItemLockedError,
    ItemNotFoundError,
    NoItemsAvailableError,
    NotFoundError,
    NotPermittedError,
    NotSignedInError,
    QueueNotFoundError,
    ServerError,
    SpandocketError,
    StaleRevisionError,
    UnavailableError,
    UnexpectedAnswerError,
    UnknownColumnError,
    UnreachableError,
)

__all__ = [
    "AlreadyExistsError",
    "BadRequestError",
    "Client",
    "FieldImmutableError",
    "InvalidFilterError",
    "InvalidValueError",
    "ItemLockedError",
    "ItemNotFoundError",
    "NoItemsAvailableError",
    "NotFoundError",
    "NotPermittedError",
    "NotSignedInError",
    "QueueNotFoundError",
    "ServerError",
    "SpandocketError",
    "StaleRevisionError",
    "UnavailableError",
    "UnexpectedAnswerError",
    "UnknownColumnError",
    "UnreachableError",
    "errors",
    "rows",
    "table_rows",
]
