"""One acknowledged request, as it lies in the spool and as the loader hands it on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Signal = Literal["traces", "logs"]
"""What a request carries; metrics are counted and never stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolRecord:
    """One request that was acknowledged."""

    number: int
    """Grows by at least one a record, for the life of the spool; never used twice."""

    project: str
    """The project whose token or setting the request came with."""

    signal: Signal
    """Which request type ``body`` is."""

    received_at: int
    """Nanoseconds since 1970 UTC by the receiver's clock, taken before the durable write."""

    body: bytes
    """An OTLP protobuf ``Export*ServiceRequest``, uncompressed, bad spans already taken out."""
