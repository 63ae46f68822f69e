"""The type of an error that only its description names."""

from __future__ import annotations

import polars as pl

_CLASS = (
    r"^\s*\(?((?:[A-Za-z_]\w*\.)*[A-Z]\w*"
    r"(?:Error|Exception|Timeout|Interrupt|Failure|Aborted|Cancelled))(?:\s*[:(]|\s*$)"
)
"""``openai.RateLimitError: …``, ``ValueError(…)``: how descriptions of exceptions begin."""

_HTTP_CODE = (
    r"(?i)(?:\berror code|\bstatus[ _]?code|\bstatus|\bhttp(?:/[\d.]+)?(?: error)?)"
    r"\s*[:=]?\s*\(?([45]\d\d)\b"
)
"""``Error code: 429 - …``, ``status_code=503``, ``HTTP/1.1 404``."""


def error_type_of(message: pl.Expr) -> pl.Expr:
    """The exception's class at the beginning of a message, else the HTTP code in it."""
    return pl.coalesce(message.str.extract(_CLASS), message.str.extract(_HTTP_CODE))
