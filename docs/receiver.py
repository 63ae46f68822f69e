"""The tables of the receiver's README, from what the code itself uses."""

from __future__ import annotations

from cli.configuration import Configuration
from cli.settings import settings as all_settings
from otlp_receiver.status import Reason


def settings() -> str:
    """Every key of ``[receiver]`` with its default and sentence."""
    rows = ["| key | default | meaning |", "|---|---|---|"]
    rows += [
        f"| `{setting.key}` | `{setting.as_toml}` | {setting.doc} |"
        for setting in all_settings(Configuration())
        if setting.section == "receiver"
    ]
    return "\n".join(rows)


def answers() -> str:
    """Every reason why a request is not stored, and what the client reads."""
    rows = ["| the client reads | gRPC | HTTP | send again |", "|---|---|---|---|"]
    rows += [
        f"| {answer.sentence} | `{answer.grpc_code}` | {answer.http_status} "
        f"| {'yes, after the delay' if answer.is_retryable else 'no'} |"
        for answer in (reason.value for reason in Reason)
    ]
    return "\n".join(rows)
