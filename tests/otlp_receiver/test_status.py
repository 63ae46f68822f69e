"""The table of answers agrees with the OTLP specification and with what clients do."""

from __future__ import annotations

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.exporter import _RETRYABLE_ERROR_CODES

from otlp_receiver.answers import status_message
from otlp_receiver.status import Reason, Refusal

RETRYABLE_OVER_HTTP = {429, 502, 503, 504}
NEVER_RETRIED = {"INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED"}


@pytest.mark.parametrize("reason", Reason)
def test_what_may_be_sent_again_has_a_code_that_clients_send_again(reason: Reason) -> None:
    answer = reason.value
    code = grpc.StatusCode[answer.grpc_code]

    assert answer.is_retryable == (answer.http_status in RETRYABLE_OVER_HTTP)
    if answer.is_retryable:
        assert code in _RETRYABLE_ERROR_CODES
    assert code is not grpc.StatusCode.UNKNOWN


@pytest.mark.parametrize("reason", Reason)
def test_only_what_may_be_sent_again_carries_a_delay(reason: Reason) -> None:
    status = status_message(Refusal(reason, "details"), 1.5)

    assert status.code == grpc.StatusCode[reason.value.grpc_code].value[0]
    assert status.message == f"{reason.value.sentence}: details"
    carried = {detail.TypeName() for detail in status.details}
    assert ("google.rpc.RetryInfo" in carried) == reason.value.is_retryable
    is_bad = reason.value.grpc_code == "INVALID_ARGUMENT"
    assert ("google.rpc.BadRequest" in carried) == is_bad


def test_every_code_that_must_not_be_retried_is_not() -> None:
    for reason in Reason:
        if reason.value.grpc_code in NEVER_RETRIED:
            assert not reason.value.is_retryable
