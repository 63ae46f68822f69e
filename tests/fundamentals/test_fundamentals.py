"""Ten tests that say what the product does. Read them first; edges are tested elsewhere."""

from __future__ import annotations

import json

TRACE = "5b8efff798038103d269b633813fc60c"


def test_a_span_becomes_one_row_with_names_that_do_not_depend_on_the_sender(product, send, chat):
    send(chat)

    (row,) = product("spans", "list")
    assert row["trace_id"] == TRACE
    assert row["request_model"] == "gpt-4o"
    assert (row["input_tokens"], row["output_tokens"], row["total_tokens"]) == (12, 5, 17)
    assert row["output_messages"][0]["parts"][0]["content"] == "Yes, from ten to four."
    assert row["start_time"] == "2026-09-21T14:13:20.000000000Z"


def test_another_dialect_gives_the_same_row(product, send, chat, openinference_chat):
    send(chat)
    (first,) = product("spans", "list")

    send(openinference_chat)

    second = next(row for row in product("spans", "list") if row["span_id"] != first["span_id"])
    for name in ("operation_name", "request_model", "input_tokens", "output_tokens"):
        assert second[name] == first[name], name
    answers = [row["output_messages"][0]["parts"] for row in (first, second)]
    assert answers[0] == answers[1]
    assert (first["dialect"], second["dialect"]) == ("A", "D")


def test_what_no_column_takes_is_kept(product, send, chat):
    send(chat)

    (row,) = product("spans", "list", "--where", "service_name = 'shop'")
    assert row["attributes"] == {"shop.basket": "b-17"}


def test_a_span_that_is_sent_twice_is_one_span(product, send, chat):
    send(chat)
    send(chat, chat)

    assert product("spans", "count") == [{"count": 1}]


def test_unknown_is_null_and_never_zero(product, send, failing_agent):
    send(*failing_agent)

    for row in product("spans", "list"):
        assert row["input_tokens"] is None
        assert row["cost_usd"] is None


def test_a_trace_that_deserves_a_person_stands_in_a_queue_with_the_reason(
    product, send, failing_agent
):
    send(*failing_agent)

    product("analyze")

    (item,) = product("items", "list", "tool_call_errors")
    assert (item["object_type"], item["object_id"]) == ("trace", TRACE)
    assert "find_order" in item["reason"]
    assert item["priority"] > 0
    assert item["selection"]["p"] == 1.0


def test_analysing_again_changes_nothing(product, send, failing_agent):
    send(*failing_agent)
    product("analyze")
    before = [product("findings", "list"), product("items", "list", "tool_call_errors")]

    (report,) = product("analyze")

    assert report["traces_evaluated"] == 0
    assert [product("findings", "list"), product("items", "list", "tool_call_errors")] == before


def test_one_reviewer_holds_an_item_and_only_their_token_finishes_it(product, send, failing_agent):
    send(*failing_agent)
    product("analyze")

    (claim,) = product("items", "next", "tool_call_errors", "--reviewer", "ann")

    assert "held by ann" in product(
        "items", "next", "tool_call_errors", "--reviewer", "ben", fails=True
    )
    assert "held by ann" in product(
        "items", "complete", claim["id"], "--token", "guess", fails=True
    )
    (done,) = product("items", "complete", claim["id"], "--token", claim["token"])
    assert done["status"] == "completed"
    (progress,) = product("queues", "progress", "tool_call_errors")
    assert (progress["state"], progress["completed_percent"]) == ("completed", 100.0)


def test_an_answer_outside_its_field_is_refused_and_nothing_changes(product, send, failing_agent):
    send(*failing_agent)
    product("analyze")
    product("fields", "create", "severity", "--type", "integer", "--min", 1, "--max", 5)
    (item,) = product("items", "list", "tool_call_errors")

    refusal = product(
        "annotations", "add", item["id"], "--reviewer", "ann", "--field", "severity=9", fails=True
    )

    assert "severity" in refusal
    assert product("annotations", "list") == []


def test_an_evaluator_is_compared_with_people(product, tmp_path):
    people = {f"{n:032x}": n % 2 == 0 for n in range(1, 41)}
    judge = people | {f"{n:032x}": True for n in (1, 3)}
    answers = [
        {
            "object_type": "trace",
            "object_id": key,
            "reviewer": "ann",
            "field": "bad",
            "value": value,
        }
        for key, value in people.items()
    ]
    scores = [
        {"object_type": "trace", "object_id": key, "evaluator": "judge", "score": float(value)}
        for key, value in judge.items()
    ]
    for name, rows in (("answers", answers), ("scores", scores)):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    product("fields", "create", "bad", "--type", "boolean")
    product("annotations", "import", tmp_path / "answers.jsonl")
    product("evaluations", "import", tmp_path / "scores.jsonl")

    (report,) = product("alignment", "report", "--evaluator", "judge", "--field", "bad")

    assert report["confusion"]["counts"] == [[18, 2], [0, 20]]
    raw = report["raw"]
    assert raw["tpr"]["value"] == 1.0
    assert raw["tnr"]["value"] == 0.9
    assert raw["cohen_kappa"]["value"] == 0.9
    assert raw["cohen_kappa"]["n"] == 40
    assert raw["cohen_kappa"]["ci_low"] < 0.9 < raw["cohen_kappa"]["ci_high"]
