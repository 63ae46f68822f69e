from __future__ import annotations

import json
from contextlib import closing

import pytest

from analytics.job import run
from queue_store.config import QueueConfig
from queue_store.store import QueueStore
from span_store.store import SpanStore
from tests.analytics.contexts import one
from tests.analytics.spans import AS_OF, chat, frame, span

SCHEMA = {
    "type": "object",
    "properties": {"total": {"type": "number"}, "paid": {"type": "boolean"}},
    "required": ["total", "paid"],
}
GOOD = '{"total": 129.5, "paid": true}'
NAME = "output_schema_validation"


def kind_of(answer, **values):
    values = {"output_schema": SCHEMA} | values
    decision, row = one(NAME, [chat("t", answer=answer, **values)])
    return decision if decision != "matched" else row["evidence"].split('"kind":"')[1].split('"')[0]


def test_an_answer_that_meets_the_schema_passes():
    assert kind_of(GOOD) == "no_match"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ('{"total": "a lot", "paid": true}', "schema_violation"),
        ("The invoice is paid.", "parse_error"),
        (f"```json\n{GOOD}\n```", "code_fence"),
    ],
)
def test_each_defect_is_named(answer, kind):
    assert kind_of(answer) == kind


def test_an_answer_cut_off_at_the_length_limit_is_truncated():
    assert kind_of('{"total": 129.5, "pa', finish_reasons=["length"]) == "truncated"


def test_the_evidence_points_into_the_answer():
    _, row = one(NAME, [chat("t", answer='{"total": "x", "paid": true}', output_schema=SCHEMA)])

    assert '"pointer":"/total"' in row["evidence"]


@pytest.mark.parametrize(
    ("answer", "values"),
    [
        ("I'm sorry, I can't help with that.", {}),
        ("cut", {"finish_reasons": ["content_filter"]}),
        ("cut", {"content_truncated": True}),
        ("cut", {"is_error": True}),
    ],
)
def test_refusals_filters_errors_and_cut_content_are_not_judged(answer, values):
    assert kind_of(answer, **values) in ("no_match", "skipped")


def test_prose_that_looks_like_json_is_not_touched_without_a_declaration():
    assert kind_of("[see the table below", output_schema=None) == "no_match"


def test_json_without_a_schema_must_only_be_well_formed():
    assert kind_of('{"anything": 1}', output_schema=None, output_type="json") == "no_match"
    assert kind_of("prose", output_schema=None, output_type="json") == "parse_error"


def test_a_schema_declared_on_the_span_above_counts():
    outer = span("t", "generateObject", operation_name="invoke_agent", output_schema=SCHEMA)
    inner = chat("t", answer='{"total": 1}', parent=outer, at=0.1)

    assert one(NAME, [outer, inner])[0] == "matched"


def test_vendor_wrappings_around_the_schema_are_opened():
    wrapped = {"type": "json_schema", "json_schema": {"name": "invoice", "schema": SCHEMA}}

    assert kind_of('{"total": 1}', output_schema=wrapped) == "schema_violation"


@pytest.mark.parametrize(
    ("name", "parameters", "decision"),
    [
        ("final_result_invoice", None, "schema_violation"),
        ("Invoice", SCHEMA, "schema_violation"),
        ("Invoice", {"type": "object"}, "no_match"),
        ("Invoice", None, "no_match"),
        ("other", SCHEMA, "no_match"),
    ],
)
def test_the_arguments_of_the_tool_that_carries_the_schema_are_the_answer(
    name, parameters, decision
):
    called = {"type": "tool_call", "name": name, "arguments": {"total": 1}}
    offered = [{"type": "function", "name": "Invoice", "parameters": parameters}]
    messages = [{"role": "assistant", "parts": [called]}]

    assert kind_of(None, output_messages=messages, tool_definitions=offered) == decision


def test_what_is_wrong_in_an_answer_has_a_json_pointer():
    schema = {"type": "object", "properties": {"a/b": {"items": {"type": "integer"}}}}
    _, row = one(NAME, [chat("t", answer='{"a/b": [1, "x"]}', output_schema=schema)])

    assert '"pointer":"/a~1b/1"' in row["evidence"]


@pytest.mark.parametrize(
    "answer",
    [
        "Unfortunately, I cannot provide that.",
        "Es tut mir leid, dabei kann ich nicht helfen.",
        "Lo siento, no puedo ayudar con eso.",
        "Je suis désolé, je ne peux pas vous aider.",
        "抱歉 我无法协助。",
        "申し訳ありませんが、お手伝いできません。",
    ],
)
def test_a_refusal_in_words_is_skipped_and_says_so(answer):
    decision, row = one(NAME, [chat("t", answer=answer, output_schema=SCHEMA)])

    assert (decision, row["skip_reason"]) == ("skipped", "refusal")


def test_an_apology_before_the_json_is_no_refusal():
    assert kind_of(f"Sorry, here it is again: {GOOD}") == "parse_error"


@pytest.mark.parametrize("answer", [f"```json {GOOD}```", f"~~~json\n{GOOD}\n~~~"])
def test_every_kind_of_code_fence_is_named(answer):
    assert kind_of(answer) == "code_fence"


@pytest.mark.parametrize(
    "schema", [{"type": "objekt"}, {"$ref": "https://example.org/x.json"}, {"$ref": "#/$defs/no"}]
)
def test_a_schema_that_cannot_be_used_is_skipped_and_says_so(schema):
    decision, row = one(NAME, [chat("t", answer="{}", output_schema=schema)])

    assert (decision, row["skip_reason"]) == ("skipped", "schema_unusable")


def test_a_dialect_of_somebodys_own_is_read_as_the_newest_draft():
    schema = SCHEMA | {"$schema": "https://example.org/our-own"}

    assert kind_of('{"total": 1}', output_schema=schema) == "schema_violation"


def test_the_types_that_gemini_writes_in_capitals_are_checked():
    item = {"type": "STRING", "nullable": True}
    schema = {"type": "OBJECT", "properties": {"a": item}, "required": ["a"], "minProperties": "1"}

    assert kind_of('{"a": null}', output_schema=schema) == "no_match"
    assert kind_of('{"a": 1}', output_schema=schema) == "schema_violation"
    assert kind_of("{}", output_schema=schema) == "schema_violation"


def choices(*ends):
    """A call with several answers: their texts and how each ended."""
    messages = [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": text}],
            "finish_reason": finish,
        }
        for text, finish in ends
    ]
    reasons = [finish for _, finish in ends]
    return chat("t", output_messages=messages, finish_reasons=reasons, output_schema=SCHEMA)


def test_a_filter_over_one_answer_hides_no_defect_of_another():
    _, row = one(NAME, [choices(("not JSON", "stop"), ('{"total"', "content_filter"))])

    assert [piece["kind"] for piece in json.loads(row["evidence"])] == ["parse_error"]


def test_each_answer_of_several_is_judged_by_how_it_ended():
    _, row = one(NAME, [choices(('{"total"', "length"), ("not JSON", "stop"))])

    kinds = [(piece["kind"], piece["message"]) for piece in json.loads(row["evidence"])]
    assert kinds == [("truncated", 0), ("parse_error", 1)]


@pytest.mark.parametrize(
    ("schema", "answer", "kind"),
    [
        ({"properties": {"a": {"type": "string", "nullable": True}}}, {"a": None}, "no_match"),
        ({"properties": {"a": {"type": "string", "nullable": True}}}, {"a": 1}, "schema_violation"),
        ({"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}, 1.5, "schema_violation"),
        ({"properties": {"default": {"type": "STRING"}}}, {"default": 1}, "schema_violation"),
        ({"const": {"max": "5", "type": "STRING"}}, {"max": "5", "type": "STRING"}, "no_match"),
        (
            {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "properties": {"a": {"type": "string", "nullable": True}},
            },
            {"a": None},
            "schema_violation",
        ),
    ],
)
def test_openapis_words_mean_what_they_say_there(schema, answer, kind):
    assert kind_of(json.dumps(answer), output_schema=schema) == kind


def test_the_first_answer_in_time_leads_however_the_spans_lie_on_disk(tmp_path):
    wrong = [chat("t", at=at, answer=f"No {at}.", output_schema=SCHEMA) for at in (3, 1, 2)]
    skipped = [
        chat("s", at=1, answer=[], output_schema=SCHEMA),
        chat("s", at=2, answer="{}", output_schema={"type": 5}),
    ]
    told = []
    for place, rows in enumerate([wrong + skipped, (wrong + skipped)[::-1]]):
        store = SpanStore(tmp_path / str(place))
        store.append("spans", frame(rows))
        url = f"sqlite:///{tmp_path / str(place)}.sqlite3"
        with closing(QueueStore.open(url, QueueConfig())) as queues:
            run(store, queues, project="default", as_of=AS_OF)
        findings = store.scan("findings").collect().filter(detector=NAME)
        told.append((findings.rows(), sorted(store.scan("traces").collect()["decisions"])))

    assert told[0] == told[1]
    ((*_, evidence),) = findings.select("span_id", "reason", "evidence").rows()
    assert [piece["quote"] for piece in json.loads(evidence)] == ["No 1.", "No 2.", "No 3."]
