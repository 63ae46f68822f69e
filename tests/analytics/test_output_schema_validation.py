from __future__ import annotations

import pytest

from tests.analytics.contexts import one
from tests.analytics.spans import chat, span

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
