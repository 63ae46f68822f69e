"""Answers of LangChain's models that only the chain around the call tells whole."""

from __future__ import annotations

import json

import polars as pl
import pytest

from otlp_receiver.record import SpoolRecord
from otlp_receiver.rows import to_rows
from span_store.contents import with_contents
from tests.otlp_receiver.otlp_requests import request

CHAIN, CALL, PARSER, OTHER = (bytes(7) + bytes([number]) for number in (1, 2, 3, 4))


def ai(refusal: str | None = None, content: str = "", identity: str = "r-1") -> dict:
    return {
        "type": "ai",
        "content": content,
        "additional_kwargs": {"refusal": refusal},
        "response_metadata": {
            "id": identity,
            "model_name": "gpt-4o-mini-2024-07-18",
            "finish_reason": "stop",
        },
    }


def mlflow(name: str, identity: bytes, above: bytes = b"", **attributes) -> dict:
    return {
        "name": name,
        "span_id": identity,
        "parent_span_id": above,
        "attributes": {f"mlflow.{key}": json.dumps(value) for key, value in attributes.items()},
    }


def call(identity: bytes = CALL, above: bytes = CHAIN, **attributes) -> dict:
    return mlflow("ChatOpenAI", identity, above, spanType="CHAT_MODEL", **attributes)


def seen(*spans: dict, scope: str = "mlflow.tracing.provider") -> dict[str, dict]:
    """Calls by span id, each span having arrived in a request of its own, last first."""
    rows = [
        to_rows(
            [
                SpoolRecord(
                    number=1,
                    project="p",
                    signal="traces",
                    received_at=1,
                    body=request(span, scope=scope),
                )
            ]
        )
        for span in reversed(spans)
    ]
    frames = [
        pl.concat([getattr(one, name) for one in rows]).lazy() for name in ("spans", "contents")
    ]
    frame = with_contents(*frames).filter("is_model_call").collect()
    return {row["span_id"]: row for row in frame.iter_rows(named=True)}


def parts(row: dict) -> list:
    return json.loads(row["output_messages"])[0]["parts"]


def test_the_next_step_of_a_chain_tells_the_refusal_beside_it():
    parser = mlflow("StrOutputParser", PARSER, CHAIN, spanType="PARSER", spanInputs=ai("No."))

    row = seen(call(), parser)[CALL.hex()]

    assert parts(row) == [{"type": "refusal", "content": "No."}]
    assert (row["response_id"], row["response_model"]) == ("r-1", "gpt-4o-mini-2024-07-18")
    assert row["finish_reasons"] == ["stop"]
    assert json.loads(row["field_sources"])["response_id"].endswith(":mlflow.spanInputs")


@pytest.mark.parametrize(
    "output",
    [
        {"messages": [ai("No.")]},
        [{"graph": None, "update": {"messages": [ai("No.")]}}],
        {"raw": ai("No."), "parsed": None},
        ai("No."),
    ],
)
def test_the_node_around_a_call_tells_its_answer(output):
    node = mlflow("model", CHAIN, spanType="CHAIN", spanOutputs=output)

    assert parts(seen(call(), node)[CALL.hex()]) == [{"type": "refusal", "content": "No."}]


def test_an_answer_of_a_known_id_reaches_its_own_call_alone():
    llm = {"gen_ai.operation.name": "chat", "traceloop.entity.name": "ChatOpenAI"}
    calls = [
        {
            "name": "ChatOpenAI.chat",
            "span_id": identity,
            "parent_span_id": CHAIN,
            "attributes": llm | {"gen_ai.response.id": response},
        }
        for identity, response in ((CALL, "r-1"), (OTHER, "r-2"))
    ]
    step = {
        "name": "StrOutputParser.task",
        "span_id": PARSER,
        "parent_span_id": CHAIN,
        "attributes": {
            "traceloop.span.kind": "task",
            "traceloop.entity.input": json.dumps({"inputs": ai("No.", identity="r-2")}),
        },
    }

    rows = seen(*calls, step, scope="opentelemetry.instrumentation.langchain")

    assert parts(rows[OTHER.hex()]) == [{"type": "refusal", "content": "No."}]
    assert rows[CALL.hex()]["output_messages"] is None


def test_an_answer_that_may_be_of_two_calls_is_given_to_none():
    parser = mlflow("StrOutputParser", PARSER, CHAIN, spanType="PARSER", spanInputs=ai("No."))

    rows = seen(call(), call(OTHER), parser)

    assert {row["response_id"] for row in rows.values()} == {None}


def test_a_conversation_that_went_through_is_no_answer():
    agent = mlflow("agent", CHAIN, spanType="AGENT", spanOutputs={"messages": [ai(), ai()]})

    assert seen(call(), agent)[CALL.hex()]["response_id"] is None


def test_an_empty_answer_is_told_as_one():
    parser = mlflow("StrOutputParser", PARSER, CHAIN, spanType="PARSER", spanInputs=ai())

    assert parts(seen(call(), parser)[CALL.hex()]) == []


def test_what_the_call_says_itself_is_never_replaced():
    own = {"choices": [{"message": {"role": "assistant", "content": "mine"}}]}
    parser = mlflow("StrOutputParser", PARSER, CHAIN, spanType="PARSER", spanInputs=ai("No."))

    row = seen(call(spanOutputs=own), parser)[CALL.hex()]

    assert parts(row) == [{"type": "text", "content": "mine"}]
    assert row["response_id"] == "r-1"


@pytest.mark.parametrize(
    "value",
    [
        {"response_metadata": 5},
        {"response_metadata": {"id": {"a": 1}, "finish_reason": 7, "model_name": []}},
        [{"update": {"messages": [{"response_metadata": {"id": "x"}, "additional_kwargs": 5}]}}],
        {"raw": {"response_metadata": None}},
    ],
)
def test_hostile_answers_tell_nothing_wrong(value):
    node = mlflow("model", CHAIN, spanType="CHAIN", spanInputs=value, spanOutputs=value)

    row = seen(call(), node)[CALL.hex()]

    assert row["finish_reasons"] is None
    assert row["response_model"] is None
