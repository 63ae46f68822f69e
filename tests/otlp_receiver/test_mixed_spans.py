"""Spans that two libraries wrote upon, and scores among their attributes."""

from __future__ import annotations

import json

import pytest

from tests.otlp_receiver.otlp_requests import SPAN_ID, TRACE_ID, request, rows_of, span_of

PLAIN = [{"role": "assistant", "parts": [{"type": "text", "content": "by the convention"}]}]
CALLING = [{"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "f"}]}]
FLAT = {
    "openinference.span.kind": "LLM",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": "flattened",
}
FLAT_CALLING = FLAT | {
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "f",
}


@pytest.mark.parametrize(
    ("flat", "convention", "source"),
    [
        (FLAT, PLAIN, "gen_ai.output.messages"),
        (FLAT, CALLING, "gen_ai.output.messages"),
        (FLAT_CALLING, CALLING, "gen_ai.output.messages"),
        (FLAT_CALLING, PLAIN, "llm.output_messages.*"),
        (FLAT, [], "llm.output_messages.*"),
        (FLAT, '[{"role":"assis', "llm.output_messages.*"),
    ],
)
def test_of_two_forms_of_one_answer_the_richer_is_taken_else_the_conventions(
    flat, convention, source
):
    sent = convention if isinstance(convention, str) else json.dumps(convention)
    span = span_of(flat | {"gen_ai.output.messages": sent})

    assert json.loads(span["field_sources"])["output_messages"] == source


def test_a_span_of_two_libraries_takes_each_field_from_the_one_that_says_it():
    span = span_of(
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-4o-mini",
            "gen_ai.provider.name": "openai",
            "gen_ai.usage.input_tokens": 5,
            "llm.token_count.prompt": 7,
            "llm.token_count.completion": 3,
            "ai.response.msToFirstChunk": 250,
            "traceloop.association.properties.session_id": "s-1",
        }
    )

    assert (span["request_model"], span["provider_name"]) == ("gpt-4o-mini", "openai")
    assert (span["input_tokens"], span["output_tokens"]) == (5, 3)
    assert (span["time_to_first_chunk_ms"], span["conversation_id"]) == (250.0, "s-1")


@pytest.mark.parametrize(
    ("prefix", "object_type", "object_id"),
    [
        ("evaluations.0.evaluation.", "span", f"{TRACE_ID.hex()}:{SPAN_ID.hex()}"),
        ("annotations.0.annotation.", "span", f"{TRACE_ID.hex()}:{SPAN_ID.hex()}"),
        ("trace.evaluations.0.evaluation.", "trace", TRACE_ID.hex()),
        ("session.evaluations.0.evaluation.", "session", "conv-7"),
    ],
)
def test_openinferences_scores_are_evaluations(prefix, object_type, object_id):
    attributes = {
        "openinference.span.kind": "EVALUATOR",
        "session.id": "conv-7",
        f"{prefix}name": "correctness",
        f"{prefix}score": 0.75,
        f"{prefix}label": "good",
        f"{prefix}explanation": "short",
        f"{prefix}annotator_kind": "LLM",
    }

    score = rows_of(request({"attributes": attributes})).evaluations.row(0, named=True)

    assert (score["object_type"], score["object_id"]) == (object_type, object_id)
    assert (score["evaluator"], score["score"], score["label"]) == ("correctness", 0.75, "good")
    assert score["explanation"] == "short"
    assert json.loads(score["attributes"])["annotator_kind"] == "LLM"


@pytest.mark.parametrize(
    "attributes",
    [
        {"evaluations.0.evaluation.score": 1.0},
        {"evaluations.0.evaluation.name": None},
        {"evaluations.99999999999999999999.evaluation.name": "x"},
        {"evaluations.x.evaluation.name": "x"},
    ],
)
def test_a_score_without_a_name_is_none(attributes):
    assert rows_of(request({"attributes": attributes})).evaluations.is_empty()


@pytest.mark.parametrize("value", [[1], {"a": 1}, b"x", float("nan"), True, "many", ""])
def test_a_score_of_a_wrong_type_is_kept_and_read_as_nothing(value):
    attributes = {"evaluations.0.evaluation.name": "n", "evaluations.0.evaluation.score": value}

    scores = rows_of(request({"attributes": attributes})).evaluations

    assert scores["evaluator"].to_list() == ["n"]
    assert scores["score"].to_list() in ([None], [1.0])


def test_of_an_agents_many_messages_openinference_flattens_the_first_alone():
    turns = ["How?", "So.", "No!"]
    kinds = ["human", "ai", "human"]
    messages = [
        {"type": kind, "data": {"content": text, "type": kind}}
        for kind, text in zip(kinds, turns, strict=True)
    ]
    sent = {
        "openinference.span.kind": "AGENT",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "How?",
        "input.value": json.dumps({"messages": messages}),
        "input.mime_type": "application/json",
    }

    span = span_of(sent, scope="openinference.instrumentation.langchain")

    told = json.loads(span["input_messages"])
    assert [message["parts"][0]["content"] for message in told] == turns
    assert [message["role"] for message in told] == ["user", "assistant", "user"]


def test_a_calls_own_flattened_messages_stand():
    sent = {
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "How?",
        "input.value": json.dumps({"messages": [{"role": "user", "content": "How?"}] * 2}),
    }

    assert len(json.loads(span_of(sent)["input_messages"])) == 1
