"""Sends the receiver's own spans; says once when it cannot, and once when it can again."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Self

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otlp_receiver.errors import InvalidOwnTracesError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

logger = logging.getLogger(__name__)

AGENT = "spandocket-own-traces"
"""The user agent of every request with own spans: by it receivers know what makes no span."""


def sdk_exporter(protocol: str) -> SpanExporter:
    """The SDK's exporter for ``grpc`` or ``http/protobuf``, set up by its environment variables.

    Raises :class:`InvalidOwnTracesError`.
    """
    with complaints_raised():
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
    raise InvalidOwnTracesError(
        f"OTEL_EXPORTER_OTLP_PROTOCOL is grpc or http/protobuf, not {protocol!r}"
    )


@contextlib.contextmanager
def complaints_raised() -> Iterator[None]:
    """Raise as :class:`InvalidOwnTracesError` what the SDK says of its variables.

    It has no base for that, and some of it is only logged.
    """
    with _SdkLog() as said:
        try:
            yield
        except InvalidOwnTracesError:
            raise
        except Exception as error:
            raise InvalidOwnTracesError(str(error)) from error
        if said.first:
            raise InvalidOwnTracesError(said.first)


class OwnExporter(SpanExporter):
    """What the SDK would log about each attempt is said once here, with the first of its reasons.

    Raises :class:`InvalidOwnTracesError`.
    """

    def __init__(self, protocol: str) -> None:
        self._inner = sdk_exporter(protocol)
        # For as long as the process lives: a thread of the SDK may outlive the exporter.
        self._said = _SdkLog().__enter__()
        self._is_sending = True
        self._has_ended = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send, for as long as OTEL_EXPORTER_OTLP_TIMEOUT at most; never on a server's thread."""
        self._said.first = ""
        try:
            result = self._inner.export(spans)
        except Exception as error:  # noqa: BLE001  # No reason to end the thread.
            self._said.first = str(error)
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
            self._said.first,
            extra={"event": "own_traces_have_a_problem"},
        )


class _SdkLog(logging.Handler):
    """What the SDK says while this is entered: kept out of the log, the first line remembered."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first = ""

    def __enter__(self) -> Self:
        sdk = logging.getLogger("opentelemetry")
        self._was_told = sdk.propagate
        sdk.propagate = False
        sdk.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        sdk = logging.getLogger("opentelemetry")
        sdk.removeHandler(self)
        sdk.propagate = self._was_told

    def emit(self, record: logging.LogRecord) -> None:
        """Take in one line; a queue that is full is the consequence of a reason, and none."""
        if not self.first and "Queue full" not in record.msg:
            self.first = record.getMessage()
