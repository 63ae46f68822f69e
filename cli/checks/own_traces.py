"""Whether the receiver could send its own traces; nothing is sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cli.checks.model import failed, good
from cli.own_traces import traces_protocol

if TYPE_CHECKING:
    from cli.checks.model import Check

_NAME = "own traces"


def check_own_traces() -> Check:
    """Whether what the environment says of them can be, and its packages are there."""
    from otlp_receiver.errors import InvalidOwnTracesError
    from otlp_receiver.own_traces import OwnTraces

    protocol = traces_protocol()
    try:
        OwnTraces(protocol, time.time_ns).stop(0.0)
    except InvalidOwnTracesError as error:
        remedy = "Correct the variables OTEL_*, or set receiver.own_traces = false."
        return failed(_NAME, error.reason, remedy)
    return good(_NAME, f"can be sent over {protocol}")
