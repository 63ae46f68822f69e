"""The messages that clients read: success, partial success, and refusals with their delay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import code_pb2, error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

if TYPE_CHECKING:
    from otlp_receiver.inspection import Inspected
    from otlp_receiver.status import Refusal


def response(signal: str, inspected: Inspected) -> Any:
    """The answer to a stored request; ``partial_success`` only where something was rejected."""
    match signal:
        case "traces":
            answer = ExportTraceServiceResponse()
            if inspected.rejected:
                answer.partial_success.rejected_spans = len(inspected.rejected)
                answer.partial_success.error_message = inspected.message()
            return answer
        case "logs":
            stored = ExportLogsServiceResponse()
            if inspected.rejected:
                stored.partial_success.rejected_log_records = len(inspected.rejected)
                stored.partial_success.error_message = inspected.message()
            return stored
        case _:
            return ExportMetricsServiceResponse()


def status_message(refusal: Refusal, retry_delay_seconds: float) -> status_pb2.Status:
    """The refusal as ``google.rpc.Status``.

    Carries RetryInfo when it may be sent again, BadRequest when the content is at fault.
    """
    status = status_pb2.Status(
        code=code_pb2.Code.Value(refusal.answer.grpc_code), message=str(refusal)
    )
    if refusal.answer.is_retryable:
        status.details.append(_packed(retry_info(retry_delay_seconds)))
    if refusal.answer.grpc_code == "INVALID_ARGUMENT":
        fault = error_details_pb2.BadRequest()
        fault.field_violations.add(field="request", description=refusal.details)
        status.details.append(_packed(fault))
    return status


def _packed(message: Any) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed


def retry_info(seconds: float) -> error_details_pb2.RetryInfo:
    """How long a client should wait before it sends again."""
    info = error_details_pb2.RetryInfo()
    info.retry_delay.FromNanoseconds(int(seconds * 1e9))
    return info
