"""Going back over the HTTP API: earlier answers, undo, passages, decisions."""

from __future__ import annotations

import pytest

from queue_store.model import AnnotationState, ItemState, Role
from tests.review_app.test_calls import claim, complete


def shown(client, item_id, reviewer="ann"):
    answer = client.get(f"/api/items/{item_id}/as/{reviewer}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def done(client, reviewer="ann", **values):
    claimed = claim(client, reviewer)
    assert complete(client, claimed, {"verdict": "good"} | values).status_code == 200
    return claimed["item"]["item_id"]


def test_earlier_items_are_listed_in_the_order_they_were_answered(client):
    items = [done(client), done(client)]

    assert client.get("/api/queues/doubts/earlier/ann").json() == items
    assert client.get("/api/queues/doubts/earlier/bob").json() == []


def test_an_item_shows_ones_own_answers_and_never_anothers(client):
    item_id = done(client, note="mine")

    mine = {answer["field"]: answer["value"] for answer in shown(client, item_id)["answers"]}
    assert mine == {"verdict": "good", "note": "mine"}
    theirs = shown(client, item_id, "bob")
    assert theirs["answers"] == []
    assert "mine" not in str(theirs)


def test_an_earlier_answer_is_replaced_and_stays_on_record(client, queues):
    item_id = done(client)
    (answer,) = shown(client, item_id)["answers"]
    path = f"/api/annotations/{answer['annotation_id']}/edit"

    refused = client.post(path, json={"reviewer": "bob", "value": "bad"})
    edited = client.post(path, json={"reviewer": "ann", "value": "bad"})

    assert (refused.status_code, edited.json()["value"]) == (403, "bad")
    rows = queues.annotations(project="default", history=True)
    assert [(row.value, row.state) for row in rows] == [
        ("good", AnnotationState.SUPERSEDED),
        ("bad", AnnotationState.SUBMITTED),
    ]


def test_an_undone_item_is_held_again_with_its_answers_as_drafts(client):
    item_id = done(client)

    undone = client.post(f"/api/items/{item_id}/undo", json={"reviewer": "ann"}).json()

    assert undone["item"]["item_id"] == item_id
    assert [(answer["value"], answer["state"]) for answer in undone["answers"]] == [
        ("good", "draft")
    ]
    assert complete(client, undone, {"verdict": "bad"}).json()["status"] == "completed"


def note(client, claimed, place, reviewer="ann", **more):
    body = {"reviewer": reviewer, "field": "note", "value": "odd", "place": place, "revision": 1}
    return client.post(f"/api/items/{claimed['item']['item_id']}/annotations", json=body | more)


def test_a_note_keeps_the_passage_with_what_stands_around_it(client, queues, clock):
    queues.create_issue(project="default", title="curt", now=clock(), actor="lead")
    claimed = claim(client)
    message = claimed["messages"][1]
    place = {
        "span_id": message["span_id"],
        "direction": message["part"],
        "message_index": message["message_index"],
        "part_index": 0,
        "start": 1,
        "end": 4,
    }

    saved = note(client, claimed, place, issue="curt", comment="why").json()

    assert (saved["anchor"]["quote"], saved["anchor"]["prefix"]) == ("her", "T")
    assert saved["anchor"]["suffix"] == "e."
    (row,) = queues.annotations(project="default")
    assert (row.comment, row.issue_id) == ("why", 1)
    assert client.get("/api/issues").json() == [{"title": "curt", "state": "open"}]
    gone = client.post(
        f"/api/annotations/{saved['annotation_id']}/withdraw", json={"reviewer": "ann"}
    )
    assert gone.json()["state"] == "withdrawn"
    assert shown(client, claimed["item"]["item_id"])["answers"] == []


@pytest.mark.parametrize(
    ("change", "status"), [({"end": 99}, 422), ({"part_index": 7}, 422), ({"span_id": 5}, 400)]
)
def test_a_place_that_is_not_there_is_refused(client, queues, change, status):
    claimed = claim(client)
    message = claimed["messages"][0]
    place = {"span_id": message["span_id"], "direction": "input", "message_index": 0}

    refused = note(client, claimed, place | {"part_index": 0, "start": 0, "end": 2} | change)

    assert refused.status_code == status
    assert queues.annotations(project="default") == []


def test_a_disagreement_is_shown_and_decided_by_who_may(client, queues, clock, disputed):
    common = {"project": "default", "now": clock(), "actor": "lead"}
    queues.grant(person="lead", role=Role.MANAGER, **common)
    queues.grant(person="ann", role=Role.ANNOTATOR, **common)

    assert client.get("/api/queues/pairs/waiting/ann").json() == []
    assert "disagreement" not in shown(client, disputed, "ann")
    refused = client.post(f"/api/items/{disputed}/decide", json={"reviewer": "ann", "pick": "ann"})
    assert refused.status_code == 403
    assert client.get("/api/queues/pairs/waiting/lead").json() == [disputed]
    told = shown(client, disputed, "lead")["disagreement"]
    assert told == {"verdict": {"ann": "good", "bob": "bad"}}
    body = {"reviewer": "lead", "pick": "bob"}
    assert client.post(f"/api/items/{disputed}/decide", json=body).json()["status"] == "completed"
    (decided,) = [row for row in queues.annotations(project="default") if row.adjudicated]
    assert (decided.value, decided.reviewer) == ("bad", "lead")
    assert queues.item(project="default", item_id=disputed).state is ItemState.COMPLETED


def test_an_open_queue_shows_what_others_and_evaluators_said_and_a_blind_one_does_not(
    client, queues, clock, spans
):
    done(client, "bob", note="curt")
    common = {"project": "default", "now": clock(), "actor": "lead"}
    queues.reopen(item_id=1, reason="again", **common)
    score = {"object_type": "trace", "object_id": "a" * 32, "evaluator": "judge", "score": 0.25}
    body = {"evaluations": [score]}
    stored = client.post("/api/v1/evaluations", json=body, headers={"x-spandocket-person": "lead"})
    assert stored.json()["added"] == 1
    assert "others" not in shown(client, 1)

    queues.update_queue(name="doubts", changes={"blind": False}, **common)

    claimed = claim(client)
    for told in (claimed, shown(client, 1)):
        said = [(each["reviewer"], each["field"], each["value"]) for each in told["others"]]
        assert said == [("bob", "verdict", "good"), ("bob", "note", "curt")]
        assert [(each["evaluator"], each["score"]) for each in told["verdicts"]] == [
            ("judge", 0.25)
        ]


def test_an_answer_points_to_the_issue_that_is_named_with_it(client, queues, clock):
    queues.create_issue(project="default", title="curt", now=clock(), actor="lead")
    claimed = claim(client)
    path = f"/api/items/{claimed['item']['item_id']}/complete"
    body = {"token": claimed["token"], "revision": 1, "issue": "curt"}

    assert client.post(path, json=body).status_code == 400
    unknown = body | {"values": {"verdict": "bad"}, "issue": "crt"}
    assert client.post(path, json=unknown).json()["nearest"] == ["curt"]
    assert queues.annotations(project="default") == []
    values = {"verdict": "bad", "note": "odd"}
    assert client.post(path, json=body | {"values": values}).status_code == 200
    assert [row.issue_id for row in queues.annotations(project="default")] == [1, None]
