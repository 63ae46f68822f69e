"""Sends the receiver's own spans; says once when it cannot, and once when it can again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otlp_receiver.errors import InvalidOwnTracesError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

logger = logging.getLogger(__name__)

AGENT = "spandocket-own-traces"
"""The user agent of every request with own spans: by it receivers know what makes no span."""


def sdk_exporter(protocol: str) -> SpanExporter:
    """The SDK's exporter for ``grpc`` or ``http/protobuf``, set up by its environment variables.

    Raises :class:`InvalidOwnTracesError`.
    """
    try:
        match protocol:
            case "grpc":
                from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
                    OTLPSpanExporter as GrpcSpanExporter,
                )

                return GrpcSpanExporter(channel_options=(("grpc.primary_user_agent", AGENT),))
            case "http/protobuf":
                from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
                    OTLPSpanExporter as HttpSpanExporter,
                )

                return HttpSpanExporter(headers={"user-agent": AGENT})
    except ImportError as error:
        raise InvalidOwnTracesError(
            f"{protocol} needs {error.name or 'a package'}, which is not installed: "
            "pip install 'spandocket[traces]', or set OTEL_EXPORTER_OTLP_PROTOCOL=grpc"
        ) from error
    except Exception as error:  # The SDK has no base for what it says of its variables.
        raise InvalidOwnTracesError(str(error)) from error
    raise InvalidOwnTracesError(
        f"OTEL_EXPORTER_OTLP_PROTOCOL is grpc or http/protobuf, not {protocol!r}"
    )


class OwnExporter(SpanExporter):
    """What the SDK would log about each attempt is said once here, with the first of its reasons.

    Raises :class:`InvalidOwnTracesError`.
    """

    def __init__(self, protocol: str) -> None:
        self._inner = sdk_exporter(protocol)
        self._reasons = _Reasons()
        self._is_sending = True
        self._has_ended = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send, for as long as OTEL_EXPORTER_OTLP_TIMEOUT at most; never on a server's thread."""
        self._reasons.first = ""
        try:
            result = self._inner.export(spans)
        except Exception as error:  # noqa: BLE001  # No reason to end the thread.
            self._reasons.first = str(error)
            result = SpanExportResult.FAILURE
        is_sending = result is SpanExportResult.SUCCESS
        if is_sending != self._is_sending and not self._has_ended:
            self._is_sending = is_sending
            self._tell(is_sending=is_sending)
        return result

    def shutdown(self) -> None:
        """Give up what is under way."""
        if not self._has_ended:
            self._has_ended = True
            self._inner.shutdown()

    def _tell(self, *, is_sending: bool) -> None:
        if is_sending:
            logger.info("Own traces are sent again.", extra={"event": "own_traces_go_on"})
            return
        logger.warning(
            "Own traces cannot be sent and are lost: %s",
            self._reasons.first,
            extra={"event": "own_traces_have_a_problem"},
        )


class _Reasons(logging.Handler):
    """Takes what the SDK says from now on out of the log, and keeps why an export failed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first = ""
        sdk = logging.getLogger("opentelemetry")
        sdk.propagate = False
        sdk.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Take in one line."""
        if record.name.startswith("opentelemetry.exporter") and not self.first:
            self.first = record.getMessage()
