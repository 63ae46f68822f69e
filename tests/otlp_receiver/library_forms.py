"""What the tests of libraries' own forms share."""

from __future__ import annotations

import json

from tests.otlp_receiver.otlp_requests import span_of

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}}


def messages(span: dict, name: str) -> list:
    return json.loads(span[name])


def inference(attributes: dict) -> dict:
    kind = {"openinference.span.kind": "LLM"}
    return span_of(kind | attributes, scope="openinference.instrumentation.openai_agents")
