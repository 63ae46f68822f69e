from __future__ import annotations

import polars as pl
import pytest

from span_store.schema import SPANS
from tests.review_app.conftest import model_call, said

FIRST = "a" * 32


def claim(client, reviewer="ann"):
    answer = client.post("/api/queues/doubts/next", json={"reviewer": reviewer})
    assert answer.status_code == 200, answer.text
    return answer.json()


def complete(client, claimed, values, **changes):
    body = {"token": claimed["token"], "revision": claimed["item"]["revision"], "values": values}
    return client.post(f"/api/items/{claimed['item']['item_id']}/complete", json=body | changes)


def test_the_item_of_highest_priority_comes_first_with_reason_and_conversation(client):
    claimed = claim(client)

    assert claimed["item"]["object_id"] == FIRST
    assert claimed["item"]["reason"] == "First."
    said = [(message["role"], message["parts"][0]["content"]) for message in claimed["messages"]]
    assert said == [
        ("user", "Where?"),
        ("assistant", "There."),
        ("user", "Sure?"),
        ("assistant", "Yes."),
    ]


def test_calls_of_unknown_start_are_shown_before_the_others(client, spans):
    untimed = model_call(FIRST, 3, [said("user", "Hello?")], said("assistant", "Hi."))
    untimed |= {"start_time": None, "end_time": None}
    spans.append("spans", pl.DataFrame([untimed], schema=SPANS.polars))

    shown = [message["parts"][0]["content"] for message in claim(client)["messages"]]

    assert shown == ["Hello?", "Hi.", "Where?", "There.", "Sure?", "Yes."]


def test_a_queue_shows_only_the_inputs_and_outputs_it_names(client, queues, clock):
    queues.update_queue(
        project="default",
        name="doubts",
        changes={"shown": ("output", "facts.name")},
        now=clock(),
        actor="lead",
    )

    claimed = claim(client)

    said = [message["parts"][0]["content"] for message in claimed["messages"]]
    assert said == ["There.", "Yes."]
    assert claimed["facts"] == {"name": "chat"}


def test_a_completed_item_holds_the_answers_and_the_next_comes(client, queues):
    outcome = complete(client, claim(client), {"verdict": "bad", "note": "why not"})

    assert outcome.json()["status"] == "completed"
    rows = queues.annotations(project="default")
    assert {(row.field, row.value, row.reviewer) for row in rows} == {
        ("verdict", "bad", "ann"),
        ("note", "why not", "ann"),
    }
    assert claim(client)["item"]["object_id"] != FIRST
    assert client.get("/api/queues").json()[0]["completed"] == 1


@pytest.mark.parametrize(
    ("values", "field"), [({"verdict": "fine"}, "verdict"), ({"note": "no verdict"}, "verdict")]
)
def test_a_wrong_or_missing_value_changes_nothing(client, queues, values, field):
    claimed = claim(client)

    outcome = complete(client, claimed, values)

    assert (outcome.status_code, outcome.json()["error"]) == (422, "InvalidValue")
    assert field in outcome.json()["message"]
    assert queues.annotations(project="default") == []
    assert complete(client, claimed, {"verdict": "good"}).status_code == 200


def test_a_stale_token_is_refused_and_told_who_holds_the_item(client, clock):
    mine = claim(client, "ann")
    clock.pass_time(days=1)
    claim(client, "ben")

    outcome = complete(client, mine, {"verdict": "good"})

    assert (outcome.status_code, outcome.json()["error"]) == (409, "ItemLocked")
    assert outcome.json()["holder"] == "ben"
    assert outcome.json()["until"].startswith("2026-11-23")


def test_an_answer_to_another_revision_is_refused(client):
    outcome = complete(client, claim(client), {"verdict": "good"}, revision=7)

    assert (outcome.status_code, outcome.json()["error"]) == (409, "StaleRevision")


def test_a_skip_keeps_its_reason_and_needs_one(client, queues):
    claimed = claim(client)
    path = f"/api/items/{claimed['item']['item_id']}/skip"

    without = client.post(path, json={"token": claimed["token"], "reason": " "})
    skipped = client.post(path, json={"token": claimed["token"], "reason": "not in English"})

    assert (without.status_code, without.json()["error"]) == (400, "BadRequest")
    assert skipped.json()["status"] == "skipped"
    item = queues.item(project="default", item_id=claimed["item"]["item_id"])
    assert item.skip_reason == "not in English"


def test_when_the_rest_is_held_the_answer_says_by_whom(client):
    claim(client, "ann")
    claim(client, "ben")

    outcome = client.post("/api/queues/doubts/next", json={"reviewer": "cem"})

    assert (outcome.status_code, outcome.json()["error"]) == (404, "NoItemsAvailable")
    assert outcome.json()["why"] == "held"
    assert "ann" in outcome.json()["message"]


def test_a_released_item_can_be_claimed_by_another(client):
    claimed = claim(client, "ann")

    client.post(
        f"/api/items/{claimed['item']['item_id']}/release", json={"token": claimed["token"]}
    )

    assert claim(client, "ben")["item"]["object_id"] == FIRST


def test_a_heartbeat_moves_the_lease(client, clock):
    claimed = claim(client)
    clock.pass_time(minutes=1)
    path = f"/api/items/{claimed['item']['item_id']}/heartbeat"

    moved = client.post(path, json={"token": claimed["token"]}).json()

    assert moved["lease_until"] > claimed["lease_until"]


def test_an_unknown_queue_is_answered_with_the_nearest(client):
    outcome = client.get("/api/queues/doubt")

    assert (outcome.status_code, outcome.json()["error"]) == (404, "NotFound")
    assert outcome.json()["nearest"] == ["doubts"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"reviewer=ann", "application/x-www-form-urlencoded"),
        (b'{"reviewer": "ann"}', "text/plain"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"{}", "application/json"),
        (b'{"reviewer": 1}', "application/json"),
        (b" " * (1 << 20) + b"{}", "application/json"),
    ],
)
def test_bodies_that_are_no_json_object_are_refused(client, content, kind):
    headers = {"content-type": kind}

    outcome = client.post("/api/queues/doubts/next", content=content, headers=headers)

    assert (outcome.status_code, outcome.json()["error"]) == (400, "BadRequest")


def test_other_host_names_are_refused(client):
    assert client.get("/api/queues", headers={"host": "evil.example"}).status_code == 400


def test_the_page_allows_no_script_of_others(client):
    page = client.get("/")

    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]


def test_facts_of_a_trace_are_summed_over_its_model_calls(client, spans):
    third = "c" * 32
    rows = [
        model_call(third, 1, [said("user", "Hi")], said("assistant", "Ho"))
        | {"parent_span_id": "f" * 16, "total_tokens": 10, "cost_usd": 0.25, "request_model": "m"},
        model_call(third, 2, [], said("assistant", "Ho"))
        | {"parent_span_id": "f" * 16, "total_tokens": 5, "cost_usd": None, "request_model": "m"},
        model_call(third, 3, [], said("assistant", "Ho"))
        | {"is_model_call": False, "total_tokens": 99, "attributes": '{"tag": "beta"}'},
    ]
    rows = [dict.fromkeys(SPANS.names) | row for row in rows]
    spans.append("spans", pl.DataFrame(rows, schema=SPANS.polars))
    body = {"items": [{"object_id": third, "priority": 9}]}
    client.post("/api/v1/queues/doubts/items", json=body, headers={"x-spandocket-person": "ann"})

    told = claim(client)

    facts = {
        name: told["facts"].get(name) for name in ("total_tokens", "cost_usd", "request_model")
    }
    assert facts == {"total_tokens": 15, "cost_usd": 0.25, "request_model": "m"}
    assert told["attributes"] == {"tag": "beta"}
