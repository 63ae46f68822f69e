"""Hostile content: never a crash, never a lost span; a field is null or marked, the raw stays."""

from __future__ import annotations

import json
from math import isnan

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from otlp_receiver.dialects.mapping import shipped_mapping
from span_store.schema import SPANS, Form
from tests.otlp_receiver.otlp_requests import logs, request, rows_of, span_of

JSON_COLUMNS = SPANS.of_form(Form.JSON)
KNOWN_KEYS = sorted({rule.key for rules in shipped_mapping().rules.values() for rule in rules})
FLATTENED_KEYS = [
    "gen_ai.prompt.0.content",
    "gen_ai.prompt.1.tool_calls.0.name",
    "gen_ai.completion.0.finish_reason",
    "llm.input_messages.0.message.contents.0.message_content.type",
    "llm.input_messages.7.message.role",
    "llm.tools.0.tool.json_schema",
    "llm.request.functions.0.name",
    "ai.response.toolCalls",
    "ai.response.text",
    "code.function.parameters.x.value",
    "gcp.gen_ai.operation.config.response_schema.type",
    "logfire.span_type",
    "langfuse.observation.level",
]


def readable(span: dict) -> dict:
    """The span with its JSON columns read; fails when one is not JSON."""
    return span | {name: json.loads(span[name]) for name in JSON_COLUMNS if span[name] is not None}


def test_ten_thousand_flattened_messages():
    attributes = {"openinference.span.kind": "LLM"}
    for number in range(10_000):
        attributes[f"llm.input_messages.{number}.message.role"] = "user"
        attributes[f"llm.input_messages.{number}.message.content"] = f"turn {number}"

    span = readable(span_of(attributes))

    assert len(span["input_messages"]) == 10_000
    assert span["input_messages"][9_999]["parts"] == [{"type": "text", "content": "turn 9999"}]
    assert span["attributes"] == {"openinference.span.kind": "LLM"}


def test_ten_thousand_messages_as_json():
    turns = [{"role": "user", "content": f"turn {number}"} for number in range(10_000)]

    span = readable(span_of({"gen_ai.input.messages": json.dumps(turns)}))

    assert len(span["input_messages"]) == 10_000


def test_a_message_of_five_megabytes():
    text = 'a"\\\n' * 1_250_000
    messages = [{"role": "user", "parts": [{"type": "text", "content": text}]}]

    span = readable(span_of({"gen_ai.input.messages": json.dumps(messages)}))

    assert span["input_messages"][0]["parts"][0]["content"] == text


def test_keys_that_contradict_each_other_stay_raw():
    attributes = {"gen_ai.prompt.0.content": "x", "gen_ai.prompt.0.content.deeper": "y"}

    span = readable(span_of(attributes))

    assert span["input_messages"][0]["parts"] == [{"type": "text", "content": "x"}]
    assert span["attributes"] == attributes


@pytest.mark.parametrize(
    "text",
    [
        '[{"',
        '[{"role":',
        '[{"role":"user","parts":[{"type":"text","content":"cut',
        "[" * 5_000,
        '{"a":' * 5_000 + "1" + "}" * 5_000,
        "[" * 100_000 + "]" * 100_000,
    ],
)
def test_json_that_is_cut_or_too_deep_keeps_the_raw_attribute(text):
    span = readable(span_of({"gen_ai.input.messages": text}))

    assert span["input_messages"] is None
    assert span["attributes"]["gen_ai.input.messages"] == text
    assert span["content_truncated"] is True


def test_lone_surrogates_become_the_replacement_character():
    text = r'[{"role":"user","parts":[{"type":"text","content":"a\ud800b"}]}]'

    span = readable(span_of({"gen_ai.input.messages": text}))

    assert span["input_messages"][0]["parts"][0]["content"] == "a�b"


def test_numbers_that_json_does_not_know_become_words():
    text = '[{"role":"user","parts":[{"type":"tool_call","name":"f","arguments":{"x":NaN}}]}]'

    span = readable(span_of({"gen_ai.input.messages": text}))

    assert span["input_messages"][0]["parts"][0]["arguments"] == {"x": "NaN"}


@pytest.mark.parametrize(
    "value", ["many", "", -5, 2**63 - 1, 1.5, float("nan"), [1], {"a": 1}, True]
)
def test_a_token_count_of_a_wrong_type_is_null_and_stays(value):
    span = readable(span_of({"gen_ai.usage.input_tokens": value, "gen_ai.system": "openai"}))

    assert span["input_tokens"] is None
    assert "gen_ai.usage.input_tokens" in span["attributes"]


def test_a_count_in_a_text_is_a_count():
    assert span_of({"gen_ai.usage.input_tokens": "12"})["input_tokens"] == 12


def test_the_next_key_is_asked_when_the_first_does_not_fit():
    span = span_of({"gen_ai.usage.input_tokens": "many", "gen_ai.usage.prompt_tokens": 7})

    assert span["input_tokens"] == 7


def test_of_equal_keys_the_last_wins_everywhere():
    span = readable(
        span_of(
            [
                ("gen_ai.request.model", "first"),
                ("other", 1),
                ("gen_ai.request.model", "last"),
                ("other", 2),
            ]
        )
    )

    assert span["request_model"] == "last"
    assert span["attributes"] == {"other": 2}


def test_values_that_are_not_set_are_null():
    span = readable(span_of({"gen_ai.request.model": None, "other": None}, name="chat"))

    assert span["request_model"] is None
    assert span["attributes"] == {"gen_ai.request.model": None, "other": None}


def test_a_prompt_where_a_provider_is_expected_is_no_provider():
    span = readable(span_of({"gen_ai.system": "You are a helpful assistant."}))

    assert span["provider_name"] is None
    assert span["attributes"]["gen_ai.system"] == "You are a helpful assistant."


def test_times_that_run_backwards_have_no_duration():
    span = span_of({}, start=5, end=3)

    assert span["duration_ms"] is None


def test_counts_beyond_reason_never_wrap_around():
    span = span_of(
        {"gen_ai.usage.input_tokens": 2**63 - 1, "gen_ai.usage.output_tokens": 2**63 - 1}
    )

    assert span["total_tokens"] is None


TEXTS = st.text(max_size=40) | st.sampled_from(
    [
        "null",
        '"',
        '""',
        "[]",
        "{}",
        "[null]",
        '[{"parts":5}]',
        '[{"role":{"a":1},"parts":[[]]}]',
        '{"messages":{"messages":{"messages":1}}}',
        '[[[[{"type":"tool_use"}]]]]',
        '{"choices":[{"message":null},{"message":{"tool_calls":{"0":1}}}]}',
        '{"generations":[[{"message":{"lc":1,"kwargs":[]}}]]}',
        '{"content":{"parts":[{"functionCall":5}]}}',
        "{'a': (1, 2)}",
        '{"role":"tool","content":[{"toolResult":[]}]}',
        '[{"type":"image_url","image_url":{"url":5}}]',
        "1e999",
        '{"type":"function","function":{"name":{},"parameters":"{"}}',
    ]
)
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.binary(max_size=4)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
SCOPES = [
    "ai",
    "gen_ai",
    "litellm",
    "pydantic-ai",
    "logfire.openai",
    "langsmith",
    "gcp.vertex.agent",
    "strands.telemetry.tracer",
    "openinference.instrumentation.openai",
    "opentelemetry.instrumentation.openai.v1",
    "com.anthropic.claude_code.tracing",
    "semantic_kernel.x",
    "mlflow.tracing.provider",
    "langfuse-sdk",
    "",
]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(KNOWN_KEYS + FLATTENED_KEYS), ANY, max_size=12),
    st.sampled_from(SCOPES),
    st.sampled_from(["chat", "execute_tool", "x", None]),
)
@example({"gen_ai.input.messages": '[{"role":"user","parts":{}}]'}, "gen_ai", "chat")
def test_any_value_under_any_known_key_gives_a_span(attributes, scope, operation):
    if operation is not None:
        attributes = attributes | {"gen_ai.operation.name": operation}

    rows = rows_of(request({"attributes": attributes}, {}, scope=scope))

    placeholder = attributes.get("logfire.span_type") == "pending_span"
    assert len(rows.spans) == (1 if placeholder else 2)
    for span in rows.spans.iter_rows(named=True):
        whole = readable(span)
        for name in ("input_tokens", "output_tokens", "cost_usd", "time_to_first_chunk_ms"):
            assert whole[name] is None or whole[name] >= 0
        for name in ("input_messages", "output_messages"):
            for message in whole[name] or []:
                assert isinstance(message["role"], str)
                assert all(isinstance(part, dict) for part in message["parts"])


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(
        [
            "gen_ai.user.message",
            "gen_ai.tool.message",
            "gen_ai.choice",
            "gen_ai.client.inference.operation.details",
            "gen_ai.evaluation.result",
            "gen_ai.content.prompt",
        ]
    ),
    ANY,
    st.dictionaries(
        st.sampled_from(
            [
                "gen_ai.input.messages",
                "gen_ai.event.content",
                "content",
                "message",
                "index",
                "gen_ai.evaluation.name",
                "gen_ai.evaluation.score.value",
                "gen_ai.response.id",
                "event.name",
            ]
        ),
        ANY,
        max_size=5,
    ),
)
def test_any_event_as_log_record_or_span_event_is_survived(name, body, attributes):
    rows = rows_of(
        logs({"event_name": name, "body": body, "attributes": attributes}), signal="logs"
    )
    spans = rows_of(request({"events": [{"name": name, "attributes": attributes}]}))

    assert rows.failed == []
    assert len(spans.spans) == 1
    for text, is_fragment in rows.contents.select("fragment", "is_fragment").iter_rows():
        json.loads(f"[{text}]" if is_fragment else text)
    for score in rows.evaluations["score"]:
        assert score is None or not isnan(score)
    if name == "gen_ai.evaluation.result":
        assert len(rows.evaluations) == 1


def test_times_and_indexes_beyond_a_column_are_cut_to_it():
    message = {"role": "assistant", "content": "hello"}
    choices = [
        {
            "event_name": "gen_ai.choice",
            "time": 2**64 - 1,
            "body": {"index": index, "finish_reason": "stop", "message": message},
        }
        for index in (2**63 - 1, -(2**63))
    ]
    score = {"event_name": "gen_ai.evaluation.result", "time": 2**64 - 1}

    rows = rows_of(logs(*choices, score), signal="logs")

    assert rows.failed == []
    assert rows.contents["time"].to_list() == [2**63 - 1] * 2
    assert rows.contents["position"].to_list() == [10**15, 1]
    assert rows.evaluations["time"].to_list() == [2**63 - 1]
