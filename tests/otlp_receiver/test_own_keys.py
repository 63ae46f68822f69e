"""A user's own attribute keys, named in the settings."""

from __future__ import annotations

import json

import pytest

from otlp_receiver.dialects.mapping import shipped_mapping
from tests.otlp_receiver.otlp_requests import request, rows_of


def span_with(attributes: dict, keys: dict) -> dict:
    return rows_of(request({"attributes": attributes}), mapping=keys).spans.row(0, named=True)


@pytest.mark.parametrize(
    ("field", "value", "seen"),
    [
        ("conversation_id", "c-1", "c-1"),
        ("user_id", 42, "42"),
        ("time_to_first_chunk_ms", 250, 250.0),
        ("tool_name", "search-orders", "search-orders"),
        ("operation_name", "LLM", "chat"),
        ("provider_name", "azure_openai", "azure.ai.openai"),
        ("input_tokens", "12", 12),
        ("cost_usd", 0.25, 0.25),
        ("is_streaming", "True", True),
        ("finish_reasons", '["tool-calls"]', ["tool_call"]),
        ("error_type", "Late", "Late"),
        ("input_tokens", "many", 7),
    ],
)
def test_every_field_may_have_a_key_of_ones_own(field, value, seen):
    shipped = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7}

    span = span_with(shipped | {"shop.own": value}, {field: ["shop.none", "shop.own"]})

    assert span[field] == seen
    if value != "many":
        assert json.loads(span["field_sources"])[field] == "shop.own"


def test_messages_under_a_key_of_ones_own_are_read_in_any_librarys_form():
    own = {"shop.prompt": json.dumps([{"role": "user", "content": "hi"}])}

    span = span_with(own, {"input_messages": "shop.prompt"})

    assert json.loads(span["input_messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "hi"}]}
    ]


@pytest.mark.parametrize("keys", [5, True, "", " ", ["a", 3], [["a"]], {"a": 1}, None])
def test_keys_that_are_none_are_refused_by_the_fields_name(keys):
    with pytest.raises(ValueError, match=r"attributes\.user_id: expected an attribute's key"):
        shipped_mapping().with_keys({"user_id": keys})


def test_a_field_that_does_not_exist_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean conversation_id"):
        shipped_mapping().with_keys({"conversationid": "a"})
