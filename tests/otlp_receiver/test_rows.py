"""Spool records to rows: what a newcomer asks first."""

from __future__ import annotations

import json
import math

import polars as pl
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_receiver.dialects.prices import PriceTable, load_prices
from otlp_receiver.record import SpoolRecord
from otlp_receiver.rows import to_rows
from span_store.schema import CONTENTS, EVALUATIONS, SPANS
from tests.otlp_receiver.otlp_requests import logs, request, rows_of, span_of

CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
    "gen_ai.response.finish_reasons": ["tool_calls"],
    "gen_ai.request.temperature": 0.5,
}


def test_rows_have_exactly_the_columns_of_the_tables():
    rows = rows_of(request({"attributes": CHAT}))

    assert rows.spans.schema == SPANS.polars
    assert rows.contents.schema == CONTENTS.polars
    assert rows.evaluations.schema == EVALUATIONS.polars


def test_nothing_in_gives_empty_tables():
    rows = to_rows([])

    assert (len(rows.spans), len(rows.contents), len(rows.evaluations)) == (0, 0, 0)
    assert rows.spans.schema == SPANS.polars


def test_canonical_fields_come_from_the_convention():
    span = span_of(CHAT)

    assert span["operation_name"] == "chat"
    assert span["provider_name"] == "openai"
    assert (span["input_tokens"], span["output_tokens"], span["total_tokens"]) == (10, 5, 15)
    assert span["finish_reasons"] == ["tool_call"]
    assert span["duration_ms"] == 2000.0
    assert span["service_name"] == "shop"
    assert span["is_model_call"] is True
    assert span["dialect"] == "A"


def test_what_no_column_took_stays_in_attributes():
    kept = json.loads(span_of(CHAT)["attributes"])

    assert kept == {
        "gen_ai.request.temperature": 0.5,
        "gen_ai.response.finish_reasons": ["tool_calls"],
    }


def test_sources_name_the_attribute_of_each_field():
    sources = json.loads(span_of(CHAT)["field_sources"])

    assert sources["input_tokens"] == "gen_ai.usage.input_tokens"
    assert sources["request_model"] == "gen_ai.request.model"


def test_a_users_own_key_comes_first():
    body = request({"attributes": CHAT | {"shop.session": "s-1", "session.id": "other"}})

    span = rows_of(body, mapping={"conversation_id": "shop.session"}).spans.row(0, named=True)

    assert span["conversation_id"] == "s-1"


def test_flattened_messages_are_put_together_in_numeric_order():
    attributes = {"llm.request.type": "chat", "gen_ai.system": "OpenAI"}
    for number in range(12):
        attributes[f"gen_ai.prompt.{number}.role"] = "user"
        attributes[f"gen_ai.prompt.{number}.content"] = f"turn {number}"

    span = span_of(attributes)

    turns = [message["parts"][0]["content"] for message in json.loads(span["input_messages"])]
    assert turns == [f"turn {number}" for number in range(12)]
    assert span["dialect"] == "C1"
    assert span["provider_name"] == "openai"
    assert json.loads(span["attributes"])["gen_ai.system"] == "OpenAI"


def test_an_index_bomb_is_one_more_message_and_marks_the_gap():
    span = span_of(
        {
            "gen_ai.prompt.0.content": "first",
            "gen_ai.prompt.999999999.content": "last",
            "gen_ai.prompt.999999999999999999999.content": "beyond counting",
        }
    )

    assert len(json.loads(span["input_messages"])) == 2
    assert span["content_truncated"] is True


def test_content_logs_become_fragments_of_their_span():
    body = logs(
        {"event_name": "gen_ai.user.message", "body": {"content": "hi"}},
        {
            "event_name": "gen_ai.choice",
            "body": {"index": 0, "finish_reason": "stop", "message": {"content": "hello"}},
        },
    )

    contents = rows_of(body, signal="logs").contents

    assert contents["field"].to_list() == ["input_messages", "output_messages"]
    assert json.loads(contents["fragment"][1]) == {
        "role": "assistant",
        "parts": [{"type": "text", "content": "hello"}],
        "finish_reason": "stop",
    }


def test_one_score_sent_as_event_and_as_log_is_one_evaluation():
    score = {
        "gen_ai.evaluation.name": "helpfulness",
        "gen_ai.evaluation.score.value": 0.8,
        "rater": "r-1",
    }
    name = "gen_ai.evaluation.result"
    traces = request({"attributes": {}, "events": [{"name": name, "attributes": score}]})
    records = [
        SpoolRecord(number=1, project="p", signal="traces", received_at=1, body=traces),
        SpoolRecord(
            number=2,
            project="p",
            signal="logs",
            received_at=1,
            body=logs({"event_name": name, "attributes": score}),
        ),
    ]

    evaluations = to_rows(records).evaluations

    assert len(evaluations) == 1
    row = evaluations.row(0, named=True)
    assert (row["object_type"], row["evaluator"], row["score"]) == ("span", "helpfulness", 0.8)
    assert row["object_id"] == "0" * 31 + "1:" + "0" * 15 + "1"
    assert json.loads(row["attributes"]) == {"rater": "r-1"}


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("score.value", {"excellent": "excellent", "poor": "poor", "NaN": math.nan}),
        ("score.label", {"yes": True, "no": False}),
        ("explanation", {"long": ["too", "long"], "short": ["too", "short"]}),
    ],
)
def test_what_no_column_of_a_score_takes_is_kept_and_tells_scores_apart(key, values):
    key = f"gen_ai.evaluation.{key}"
    evaluator = {"gen_ai.evaluation.name": "tone"}
    records = [
        {"event_name": "gen_ai.evaluation.result", "attributes": evaluator | {key: value}}
        for value in values.values()
    ]
    record = SpoolRecord(number=1, project="p", signal="logs", received_at=1, body=logs(*records))

    kept = [json.loads(text)[key] for text in to_rows([record]).evaluations["attributes"]]

    assert kept == [name if isinstance(value, float) else value for name, value in values.items()]


def test_a_broken_request_is_reported_and_the_others_are_read():
    good = request({"attributes": CHAT})

    rows = rows_of(good, b"\x0a\xff\xff", good[:-3])

    assert [number for number, _ in rows.failed] == [1, 2]
    assert len(rows.spans) == 1


def test_spans_without_whole_ids_are_left_out():
    rows = rows_of(request({"trace_id": b"short"}, {"span_id": bytes(8)}, {"attributes": CHAT}))

    assert len(rows.spans) == 1


def test_placeholders_of_running_spans_are_dropped():
    rows = rows_of(request({"attributes": {"logfire.span_type": "pending_span"}}))

    assert rows.spans.is_empty()


def test_what_the_protocol_writes_as_zero_or_nothing_is_null():
    event = {"name": "gen_ai.evaluation.result", "time": 0}
    event["attributes"] = {"gen_ai.evaluation.name": "tone", "gen_ai.evaluation.score.value": 1.0}
    timed = event | {"time": 1_000_000_007}
    spans = [
        {"start": 0, "end": 0, "name": "", "events": [event, timed]},
        {"start": 0},
        {"end": 0},
        {"start": 2**63, "end": 2**64 - 1},
        {"start": 2**63 - 1, "end": 2**63 - 1},
    ]
    rows = rows_of(request(*spans))
    found = rows.spans.select("name", "start_time", "end_time", "duration_ms").rows()

    assert found == [
        (None, None, None, None),
        ("chat m", None, 3_000_000_000, None),
        ("chat m", 1_000_000_000, None, None),
        ("chat m", None, None, None),
        ("chat m", 2**63 - 1, 2**63 - 1, 0.0),
    ]
    told = json.loads(rows.spans["events"][0])
    assert [one["time"] for one in told] == [None, "1970-01-01T00:00:01.000000007Z"]
    assert rows.evaluations["time"].to_list() == [None]


def test_a_stream_of_unknown_start_has_no_time_to_its_first_chunk():
    chunk = {"name": "gen_ai.content.chunk", "time": 2_000_000_000}
    attributes = CHAT | {"gen_ai.request.stream": True}
    known = rows_of(request({"attributes": attributes, "events": [chunk]})).spans
    untimed = rows_of(request({"attributes": attributes, "events": [chunk], "start": 0})).spans

    assert (known["time_to_first_chunk_ms"][0], untimed["time_to_first_chunk_ms"][0]) == (
        1000.0,
        None,
    )


def test_broken_json_keeps_the_span_and_the_raw_attribute():
    cut = '[{"role":"user","parts":[{"type":"te'

    span = span_of(CHAT | {"gen_ai.input.messages": cut})

    assert span["input_messages"] is None
    assert span["content_truncated"] is True
    assert json.loads(span["attributes"])["gen_ai.input.messages"] == cut


class Defective(PriceTable):
    """A price table with a defect that some content meets."""

    def model(self, name):
        if name == "meets-the-defect":
            raise ZeroDivisionError(name)
        return super().model(name)


def test_a_request_that_meets_a_defect_has_failed_and_no_other(caplog):
    bodies = [
        request({"attributes": CHAT | {"gen_ai.request.model": model}, "span_id": bytes([n] * 8)})
        for n, model in enumerate(["gpt-4o"] * 5 + ["meets-the-defect"] + ["gpt-4o"] * 4, start=1)
    ]
    records = [
        SpoolRecord(number=n, project="p", signal="traces", received_at=42, body=body)
        for n, body in enumerate(bodies)
    ]

    rows = to_rows(records, prices=Defective(load_prices().prices))

    assert len(rows.spans) == 9
    assert rows.spans.schema == SPANS.polars
    ((number, reason),) = rows.failed
    assert number == 5
    assert "ZeroDivisionError: meets-the-defect" in reason
    assert len(caplog.records) == 1


ALIKE = (
    {"service.name": "a", "n": 1},
    {"service.name": "a", "n": 2},
    {"service.name": "a", "n": 1.0},
    {"service.name": "a", "n": True},
    {"service.name": "a", "n": "1"},
    {"service.name": "a", "n": [1]},
    {"service.name": "a", "n": None},
    {"n": 1, "service.name": "a"},
    {"service.name": "a", "m": 1},
    {"service.name": "b", "n": 1},
    {"service.name": "a"},
    {"service.name": "a", "n": 1},
)


def test_each_span_has_its_own_resource_however_alike_they_are():
    sent = ALIKE * 2
    rows = rows_of(*(request({"attributes": CHAT}, resource=resource) for resource in sent))

    told = rows.spans["resource_attributes"].to_list()
    assert [json.loads(text) for text in told] == list(sent)
    assert rows.spans["service_name"].to_list() == [entry["service.name"] for entry in sent]
    assert len(set(told)) == len(ALIKE) - 1


def test_resources_that_say_nothing_are_empty():
    message = ExportTraceServiceRequest.FromString(request({"attributes": CHAT}))
    message.resource_spans[0].ClearField("resource")

    rows = rows_of(*[message.SerializeToString()] * 20)

    assert rows.spans["resource_attributes"].to_list() == ["{}"] * 20
    assert rows.spans["service_name"].null_count() == 20


@pytest.mark.parametrize("are_told_apart", [True, False])
def test_each_span_keeps_its_own_attributes_however_alike_they_are(are_told_apart, monkeypatch):
    if not are_told_apart:
        same = pl.Series([7], dtype=pl.UInt64)
        monkeypatch.setattr(
            pl.DataFrame, "hash_rows", lambda frame, _: same.new_from_index(0, len(frame))
        )
    left = [{f"own.{key}": value for key, value in entry.items()} for entry in (*ALIKE, {})] * 3

    rows = rows_of(request(*({"attributes": entry} for entry in left)))

    kept = [json.loads(text) for text in rows.spans["attributes"].to_list()]
    assert [[*entry.items()] for entry in kept] == [[*entry.items()] for entry in left]
    assert [[*map(type, entry.values())] for entry in kept] == [
        [*map(type, entry.values())] for entry in left
    ]
