"""What is answered when a request is not stored: the one table of reasons.

Follows the OTLP specification, https://opentelemetry.io/docs/specs/otlp/ ("Failures"), and what
real clients do with each code. Whether a client may send the same request again is part of the
table: an answer that is not retryable makes well-behaved clients drop the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of the table."""

    grpc_code: str
    """Name of the gRPC status code."""
    http_status: int
    is_retryable: bool
    """Whether the client is told to send the same request again, and when."""
    sentence: str
    """What the client reads in front of the details."""


class Reason(Enum):
    """Why a request was not stored."""

    BAD_DATA = Answer("INVALID_ARGUMENT", 400, False, "the request cannot be decoded")
    UNAUTHENTICATED = Answer("UNAUTHENTICATED", 401, False, "a valid token is needed")
    FORBIDDEN = Answer("PERMISSION_DENIED", 403, False, "this token may not do that")
    UNKNOWN_PATH = Answer("UNIMPLEMENTED", 404, False, "there is nothing here")
    WRONG_METHOD = Answer("UNIMPLEMENTED", 405, False, "only POST is understood here")
    TOO_SLOW = Answer("CANCELLED", 408, False, "the request took too long to arrive")
    TOO_LARGE = Answer("RESOURCE_EXHAUSTED", 413, False, "the request is too large")
    UNSUPPORTED = Answer("INVALID_ARGUMENT", 415, False, "this content cannot be read")
    OVERLOADED = Answer("UNAVAILABLE", 503, True, "too much is waiting")
    SPOOL_FULL = Answer("UNAVAILABLE", 503, True, "the spool is full")
    NOT_DURABLE = Answer("UNAVAILABLE", 503, True, "the spool cannot be written")
    STARTING = Answer("UNAVAILABLE", 503, True, "the receiver is starting")
    STOPPING = Answer("UNAVAILABLE", 503, True, "the receiver is stopping")
    DEFECT = Answer("UNAVAILABLE", 503, True, "the receiver failed")


class Refusal(Exception):  # noqa: N818  # It is an answer, not a defect.
    """A request is not stored, and the client is told why."""

    def __init__(self, reason: Reason, details: str) -> None:
        self.reason = reason
        self.details = details
        super().__init__(f"{reason.value.sentence}: {details}")

    @property
    def answer(self) -> Answer:
        """The line of the table."""
        return self.reason.value
