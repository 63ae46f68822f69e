"""What the environment says of the receiver's own traces, as far as the SDK does not read it."""

from __future__ import annotations

import os


def traces_protocol() -> str:
    """How they are sent: ``grpc`` unless the standard variables name another one."""
    names = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    said = (os.environ.get(name, "").strip() for name in names)
    return next(filter(None, said), "grpc")
