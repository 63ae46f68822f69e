"""The HTTP API for programs: every answer has the shape that its description promises."""

from __future__ import annotations

import json

import jsonschema_rs
import polars as pl
import pytest

from queue_store.model import Role
from review_app.api.description import ENDPOINTS, description
from span_store.schema import TRACES
from tests.review_app.conftest import FIRST, SECOND

BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}
DOCUMENT = description()
ANN = {"x-spandocket-person": "ann"}


def ask(client, name, body=None, headers=ANN, status=200, query=None, **path):
    """One call by its operation's id; the answer is checked against the description."""
    endpoint = BY_NAME[name]
    address = "/api/v1" + endpoint.path.replace(":int", "").format(**path)
    answer = client.request(endpoint.method, address, json=body, headers=headers, params=query)
    assert answer.status_code == status, answer.text
    written = DOCUMENT["paths"]["/api/v1" + endpoint.path.replace(":int", "")]
    responses = written[endpoint.method.lower()]["responses"]
    (content,) = responses["200" if status == 200 else "default"]["content"].values()
    schema = content["schema"] | {"components": DOCUMENT["components"]}
    values = [json.loads(line) for line in answer.text.splitlines()]
    for value in values:
        jsonschema_rs.validate(schema, value)
    return values if endpoint.is_lines and status == 200 else values[0]


def test_the_description_is_served_and_names_every_call(client):
    served = client.get("/api/v1/openapi.json").json()

    assert served == json.loads(json.dumps(DOCUMENT))
    found = {entry["operationId"] for path in served["paths"].values() for entry in path.values()}
    assert found == set(BY_NAME)
    references = set(json.dumps(served).split('"#/components/schemas/')[1:])
    names = {reference.partition('"')[0] for reference in references}
    assert names <= set(served["components"]["schemas"])


def test_spans_are_listed_page_by_page(client):
    pages, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        found = ask(client, "list_spans", query=query)
        pages.append([(span["trace_id"], span["span_id"][-1]) for span in found["spans"]])
        cursor = found["cursor"]
        if cursor is None:
            break

    assert pages == [[(FIRST, "1"), (SECOND, "1")], [(FIRST, "2")]]


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ({"where": "nam = 'chat'"}, 422, "UnknownColumn"),
        ({"where": "name = "}, 422, "InvalidFilter"),
        ({"limit": 0}, 400, "BadRequest"),
        ({"limit": "many"}, 400, "BadRequest"),
        ({"cursor": "e30"}, 400, "BadRequest"),
        ({"cursor": "WzEsMl0"}, 400, "BadRequest"),
        ({"cursor": "WzFlOTk5LCJhIiwiYiJd"}, 400, "BadRequest"),
        ({"wher": "is_error"}, 400, "BadRequest"),
    ],
)
def test_what_a_listing_does_not_take_is_refused(client, query, status, error):
    assert ask(client, "list_spans", query=query, status=status)["error"] == error


def test_conditions_select_spans(client):
    found = ask(client, "list_spans", query={"where": "start_time > '1970-01-01T00:00:01.5Z'"})

    assert [span["span_id"][-1] for span in found["spans"]] == ["2"]


def test_traces_are_selected_by_queue_and_by_answer(client, traces, queues, clock):
    assert [t["trace_id"] for t in ask(client, "list_traces")["traces"]] == [SECOND, FIRST]
    first = ask(client, "list_traces", query={"limit": 1})
    rest = ask(client, "list_traces", query={"limit": 1, "cursor": first["cursor"]})
    assert [t["trace_id"] for t in rest["traces"]] == [FIRST]
    in_queue = {"queue": "doubts", "where": f"trace_id = '{FIRST}'"}
    assert len(ask(client, "list_traces", query=in_queue)["traces"]) == 1
    assert ask(client, "list_traces", query={"answered": "verdict"})["traces"] == []
    claim = ask(client, "claim_next", {}, queue="doubts")
    body = {"token": claim["token"], "values": {"verdict": "good"}}
    ask(client, "complete", body, item=claim["item"]["id"])
    answered = ask(client, "list_traces", query={"queue": "doubts", "answered": "verdict"})
    assert [t["trace_id"] for t in answered["traces"]] == [FIRST]
    missing = ask(client, "list_traces", query={"answered": "verdit"}, status=404)
    assert missing["nearest"] == ["verdict"]


def test_sessions_are_listed_and_kept_whole(client, traces):
    rows = [
        dict.fromkeys(TRACES.names)
        | {"project": "default", "trace_id": str(n) * 32, "revision": 1, "start_time": n}
        | {"conversation_id": conversation, "end_time": n + 1, "error_count": n}
        for n, conversation in ((3, "talk"), (4, "talk"), (5, "other"))
    ]
    traces.append("traces", pl.DataFrame(rows, schema=TRACES.polars))
    first = ask(client, "list_sessions", query={"limit": 1})
    rest = ask(client, "list_sessions", query={"cursor": first["cursor"]})
    told = [(s["conversation_id"], s["trace_count"]) for s in first["sessions"] + rest["sessions"]]
    assert told == [("other", 1), ("talk", 2)]
    many = ask(client, "list_sessions", query={"where": "error_count > 6"})
    assert [session["conversation_id"] for session in many["sessions"]] == ["talk"]
    ask(client, "create_dataset", {"name": "kept"})
    body = {"objects": [{"object_id": FIRST, "object_type": "session"}]}
    missing = ask(client, "add_entries", body, dataset="kept", status=404)
    assert missing["noun"] == "session"
    assert ask(client, "add_entries", {"objects": [FIRST]}, dataset="kept")["entries"] == 1


def test_a_queue_is_made_changed_shown_and_listed(client):
    made = ask(
        client,
        "create_queue",
        {"name": "slow", "live": True, "filter": "duration_ms > 5", "fields": ["verdict"]},
    )
    assert (made["kind"], made["sample"], made["fields"]) == ("live", 0.1, ["verdict"])
    changed = ask(client, "change_queue", {"name": "slower", "status": "paused"}, queue="slow")
    assert (changed["name"], changed["status"]) == ("slower", "paused")
    assert ask(client, "show_queue", queue=made["link"])["name"] == "slower"
    names = [queue["name"] for queue in ask(client, "list_queues")["queues"]]
    assert {"slower", "doubts", "refusal"} <= set(names)
    live = ask(client, "list_queues", query={"kind": "live"})["queues"]
    assert [queue["name"] for queue in live] == ["slower"]
    assert ask(client, "create_queue", {"name": "slower"}, status=409)["noun"] == "queue"
    refused = ask(client, "create_queue", {"name": "x", "filter": "is_error"}, status=400)
    assert "live" in refused["message"]
    body = {"name": "x", "live": True, "filter": "durtion_ms > 5"}
    assert "duration_ms" in ask(client, "create_queue", body, status=422)["nearest"]
    assert ask(client, "create_queue", {"nme": "x"}, status=400)["error"] == "BadRequest"


def test_items_of_every_kind_are_added_and_the_unknown_named(client):
    ask(client, "create_queue", {"name": "mixed"})
    body = {
        "items": [
            {"object_id": FIRST, "object_type": "trace", "priority": 5},
            {"object_id": f"{SECOND}:{1:016x}", "priority": 10, "metadata": {"urgent": True}},
            {"object_id": f"{2:016x}", "object_type": "span"},
            {"object_id": f"{1:016x}", "object_type": "span"},
            {"object_id": "c" * 32},
        ]
    }

    added = ask(client, "add_items", body, queue="mixed")
    again = ask(client, "add_items", body, queue="mixed")

    # Two traces have a span of the number 1: alone it names neither.
    assert added["unknown"] == [f"{1:016x}", "c" * 32]
    assert (added["added"], added["duplicates"], len(added["item_ids"])) == (3, 0, 3)
    assert (again["added"], again["duplicates"]) == (0, 3)
    listed = ask(client, "list_items", queue="mixed")
    assert [item["object_id"] for item in listed["items"]] == [
        f"{SECOND}:{1:016x}",
        FIRST,
        f"{FIRST}:{2:016x}",
    ]
    assert listed["items"][0]["metadata"] == {"urgent": True}
    assert listed["total"] == 3


def test_traces_are_added_by_a_condition(client, traces):
    added = ask(client, "add_items", {"where": f"trace_id = '{SECOND}'"}, queue="doubts")

    assert (added["added"], added["duplicates"]) == (0, 1)
    assert ask(client, "add_items", {}, queue="doubts", status=400)["error"] == "BadRequest"
    missing = ask(client, "add_items", {"items": [{"object_id": FIRST}]}, queue="dbts", status=404)
    assert (missing["noun"], missing["nearest"]) == ("queue", ["doubts"])


def test_items_are_listed_by_limit_offset_cursor_and_status(client):
    first = ask(client, "list_items", queue="doubts", query={"limit": 1})
    behind = {"limit": 1, "cursor": first["cursor"]}
    after = ask(client, "list_items", queue="doubts", query=behind)
    over = ask(client, "list_items", queue="doubts", query={"limit": 1, "offset": 1})
    done = ask(client, "list_items", queue="doubts", query={"status": "completed"})

    assert first["items"][0]["object_id"] == FIRST
    assert [page["items"][0]["object_id"] for page in (after, over)] == [SECOND, SECOND]
    assert (first["total"], done["total"], after["cursor"]) == (2, 0, None)
    bad = ask(client, "list_items", queue="doubts", query={"status": "open"}, status=400)
    assert "pending" in bad["message"]


def test_an_item_is_claimed_kept_answered_and_undone(client):
    claim = ask(client, "claim_next", {"lease_seconds": 60}, queue="doubts")
    item, token = claim["item"]["id"], {"token": claim["token"]}
    held = ask(client, "claim", {}, headers={"x-spandocket-person": "ben"}, item=item, status=409)
    assert (held["error"], held["holder"]) == ("ItemLocked", "ann")
    assert held["until"] == claim["item"]["lease_until"]
    kept = ask(client, "heartbeat", token | {"lease_seconds": 600}, item=item)
    assert kept["lease_until"] > claim["lease_until"]
    bad = ask(client, "complete", token | {"values": {"verdict": "so-so"}}, item=item, status=422)
    assert bad["field"] == "verdict"
    stale = token | {"revision": 7, "values": {"verdict": "good"}}
    assert ask(client, "complete", stale, item=item, status=409)["error"] == "StaleRevision"
    done = ask(client, "complete", token | {"values": {"verdict": "good"}}, item=item)
    assert done["status"] == "completed"
    shown = ask(client, "show_item", item=item)
    assert [(a["field"], a["value"], a["reviewer"]) for a in shown["annotations"]] == [
        ("verdict", "good", "ann")
    ]
    assert ask(client, "undo", {}, item=item)["item"]["status"] == "in_progress"


def test_an_item_is_released_skipped_reopened_and_removed(client):
    claim = ask(client, "claim_next", {}, queue="doubts")
    item, token = claim["item"]["id"], {"token": claim["token"]}
    assert ask(client, "release", token, item=item)["status"] == "pending"
    token = {"token": ask(client, "claim", {}, item=item)["token"]}
    skipped = ask(client, "skip", token | {"reason": "not English"}, item=item)
    assert (skipped["status"], skipped["skip_reason"]) == ("skipped", "not English")
    assert ask(client, "reopen", {"reason": "again"}, item=item)["status"] == "pending"
    assert ask(client, "remove", {}, item=item)["status"] == "removed"
    assert ask(client, "show_item", item=999, status=404)["noun"] == "item"


def test_answers_with_a_place_are_added_listed_and_exported(client):
    item = ask(client, "list_items", queue="doubts")["items"][0]["id"]
    ask(client, "create_issue", {"title": "curt"})
    place = {"direction": "output", "message_index": 0, "span_id": f"{1:016x}"}
    answers = [
        {"field": "verdict", "value": "bad", "comment": "short", "issue": "curt"},
        {"field": "note", "value": "there", "anchor": place},
    ]
    ask(client, "annotate", {"annotations": answers}, item=item)

    first = ask(client, "list_annotations", query={"queue": "doubts", "limit": 1})
    second = ask(client, "list_annotations", query={"limit": 1, "cursor": first["cursor"]})
    assert [page["annotations"][0]["field"] for page in (first, second)] == ["verdict", "note"]
    assert second["cursor"] is None
    assert ask(client, "list_issues")["issues"][0]["annotations"] == 1
    listed = ask(client, "list_items", queue="doubts", query={"annotations": "true"})
    assert [len(each["annotations"]) for each in listed["items"]] == [2, 0]
    exported = ask(client, "export_queue", queue="doubts")
    assert exported == listed["items"]
    bad = ask(client, "annotate", {"annotations": [{"field": "note"}]}, item=item, status=400)
    assert "annotations/0" in bad["message"]


def test_fields_are_made_once(client):
    body = {"name": "mood", "type": "categorical", "options": ["up", "down"], "required": True}
    made = ask(client, "create_field", body | {"option_help": {"up": "Good."}})
    assert (made["version"], made["option_help"]) == (1, {"up": "Good."})
    other = ask(client, "create_field", body | {"options": ["up", "flat"]}, status=409)
    assert other["error"] == "FieldImmutable"
    assert "mood" in [field["name"] for field in ask(client, "list_fields")["fields"]]


def test_a_dataset_is_filled_and_exported(client):
    claim = ask(client, "claim_next", {}, queue="doubts")
    body = {"token": claim["token"], "values": {"verdict": "good"}}
    ask(client, "complete", body, item=claim["item"]["id"])
    ask(client, "create_dataset", {"name": "kept", "description": "for evals"})
    assert ask(client, "add_entries", {}, dataset="kept", status=400)["error"] == "BadRequest"
    filled = ask(client, "add_entries", {"queue": "doubts"}, dataset="kept")
    assert (filled["version"], filled["entries"]) == (1, 1)
    again = ask(client, "add_entries", {"items": [claim["item"]["id"]]}, dataset="kept")
    assert again["version"] == 1
    (entry,) = ask(client, "export_dataset", dataset="kept")
    assert entry["output"][0]["parts"][0]["content"] == "Yes."
    assert entry["annotations"][0]["value"] == "good"
    assert ask(client, "show_dataset", dataset="kept") == filled
    assert ask(client, "list_datasets")["datasets"] == [filled]
    assert ask(client, "export_dataset", dataset="kept", query={"version": 0}) == []


def test_views_are_kept_under_a_name(client):
    body = {"name": "mine", "queue": "doubts", "filters": {"where": "span_count > 1"}}
    saved = ask(client, "save_view", body)
    assert ask(client, "list_views")["views"] == [saved]
    unknown = {"name": "x", "filters": {"wher": "1"}}
    assert ask(client, "save_view", unknown, status=400)["error"] == "BadRequest"
    assert ask(client, "delete_view", view="mine") == saved
    assert ask(client, "delete_view", view="mine", status=404)["noun"] == "view"


def test_scores_are_stored_once_and_bad_ones_named(client):
    score = {"object_type": "trace", "object_id": FIRST, "evaluator": "judge", "score": 0.5}
    label = score | {"score": None, "label": "fine", "time": "2026-11-22T12:00:00Z"}
    stored = ask(client, "add_evaluations", {"evaluations": [score, label, score]})
    assert stored == {"added": 2, "duplicates": 1}
    again = ask(client, "add_evaluations", {"evaluations": [score]})
    assert again == {"added": 0, "duplicates": 1}
    first = ask(client, "list_evaluations", query={"evaluator": "judge", "limit": 1})
    rest = ask(client, "list_evaluations", query={"limit": 5, "cursor": first["cursor"]})
    assert [page["evaluations"][0]["score"] for page in (first, rest)] == [0.5, None]
    bad = {"evaluations": [score, score | {"object_type": "span"}]}
    assert "evaluations/1" in ask(client, "add_evaluations", bad, status=400)["message"]


def test_progress_says_who_did_what(client):
    claim = ask(client, "claim_next", {}, queue="doubts")
    body = {"token": claim["token"], "values": {"verdict": "good"}, "seconds_spent": 3}
    ask(client, "complete", body, item=claim["item"]["id"])

    progress = ask(client, "show_progress", queue="doubts")

    assert (progress["state"], progress["completed_percent"]) == ("in_progress", 50)
    assert [(each["reviewer"], each["done"]) for each in progress["reviewers"]] == [("ann", 1)]


def test_a_write_without_a_name_is_refused(client):
    refused = ask(client, "create_queue", {"name": "x"}, headers={}, status=400)

    assert "X-Spandocket-Person" in refused["message"]


def test_a_guarded_project_shows_nothing_to_strangers(client, queues, clock):
    queues.grant(project="default", person="ann", role=Role.MANAGER, now=clock(), actor="ann")

    assert ask(client, "list_items", queue="doubts")["total"] == 2
    bob = {"x-spandocket-person": "bob"}
    refused = ask(client, "list_items", queue="doubts", headers=bob, status=403)
    assert (refused["error"], refused["actor"]) == ("NotPermitted", "bob")
    assert ask(client, "list_spans", headers=bob, status=403)["error"] == "NotPermitted"


def test_who_labels_in_a_blind_queue_reads_no_others_answers(client, queues, clock):
    common = {"project": "default", "now": clock(), "actor": "ann"}
    queues.grant(person="ann", role=Role.MANAGER, **common)
    for person, role in (("bob", Role.ANNOTATOR), ("vic", Role.VIEWER), ("rev", Role.REVIEWER)):
        queues.grant(person=person, role=role, **common)
    ask(client, "annotate", {"annotations": [{"field": "verdict", "value": "bad"}]}, item=1)

    def seen(person):
        headers = {"x-spandocket-person": person}
        query = {"annotations": "true"}
        listed = ask(client, "list_items", queue="doubts", headers=headers, query=query)
        return {
            len(ask(client, "list_annotations", headers=headers)["annotations"]),
            len(ask(client, "show_item", item=1, headers=headers)["annotations"]),
            len(listed["items"][0]["annotations"]),
            len(ask(client, "export_queue", queue="doubts", headers=headers)[0]["annotations"]),
        }

    assert (seen("ann"), seen("vic"), seen("rev"), seen("bob")) == ({1}, {1}, {1}, {0})
    queues.update_queue(name="doubts", changes={"blind": False}, **common)
    assert seen("bob") == {1}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/v1/nothing", 404), ("DELETE", "/api/v1/queues", 405), ("GET", "/x", 404)],
)
def test_what_is_no_call_is_told_in_the_shape_of_errors(client, method, path, status):
    answer = client.request(method, path)

    assert (answer.status_code, answer.json()["error"]) == (status, "NoSuchCall")
    assert set(answer.json()) == {"error", "message", "remedy"}
