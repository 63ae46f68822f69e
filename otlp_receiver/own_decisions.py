"""What was decided about a request, said on its span: the span that is current, if any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import StatusCode, get_current_span

from otlp_receiver.access import Access
from otlp_receiver.intake import Intake

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otlp_receiver.inspection import Inspected
    from otlp_receiver.status import Refusal

_SERVER_ERRORS = frozenset({"UNAVAILABLE", "UNIMPLEMENTED", "INTERNAL", "UNKNOWN", "DATA_LOSS"})
"""gRPC codes that the conventions count as errors of a server; any other is the caller's."""


class TracedAccess(Access):
    """Says on the request's span which project it belongs to."""

    def project_of(self, headers: Mapping[str, str | bytes]) -> str:
        """As :meth:`Access.project_of`."""
        project = super().project_of(headers)
        get_current_span().set_attribute("spandocket.project", project)
        return project


class TracedIntake(Intake):
    """Says on the request's span what was decided."""

    async def accept(
        self, signal: str, body: bytes, project: str, *, transport: str, began: float
    ) -> Inspected:
        """As :meth:`Intake.accept`."""
        span = get_current_span()
        span.set_attribute("spandocket.bytes", len(body))
        inspected = await super().accept(signal, body, project, transport=transport, began=began)
        span.set_attribute("spandocket.accepted", inspected.accepted)
        span.set_attribute("spandocket.rejected", len(inspected.rejected))
        return inspected

    def refused(self, transport: str, refusal: Refusal) -> None:
        """As :meth:`Intake.refused`."""
        super().refused(transport, refusal)
        span, answer = get_current_span(), refusal.answer
        span.set_attribute("error.type", refusal.reason.name.lower())
        if transport == "grpc":
            span.set_attribute("rpc.response.status_code", answer.grpc_code)
            is_ours = answer.grpc_code in _SERVER_ERRORS
        else:
            is_ours = answer.http_status >= 500
        if is_ours:
            span.set_status(StatusCode.ERROR, str(refusal))
