"""Design, parts and reviewers of stored data: what the stores know about how items came up."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from test_stored_data import NOW, SCORES, answer, boolean_field, queue_store, trace, write_csv

from analytics.alignment.design import cell_shares, union_of_draws
from queue_store.model import (
    AnnotationDraft,
    ItemDraft,
    ItemSource,
    ObjectType,
    QueueDraft,
    Selection,
)
from span_store.schema import EVALUATIONS, SPANS, TRACES
from span_store.store import SpanStore

__all__ = ["queue_store"]


def make_queue(store, name, **settings):
    draft = QueueDraft(name=name, fields=("bad",), **settings)
    store.create_queue(project="default", draft=draft, now=NOW, actor="test")


def put(store, queue, number, *, p, u, salt="s", now=NOW, priority=0.0, terms=None):
    selection = Selection(rule="r", rule_version="1", p=p, u=u, salt=salt, selected=True)
    draft = ItemDraft(
        object_type=ObjectType.TRACE, object_id=trace(number), trace_id=trace(number),
        source=ItemSource.RULE, selection=selection, priority=priority, priority_terms=terms or {},
    )  # fmt: skip
    store.add_items(project="default", queue=queue, drafts=[draft], now=now, actor="test")


def review(store, queue, value, now=NOW, reviewer="ann"):
    claim = store.claim_next(project="default", queue=queue, reviewer=reviewer, now=now)
    store.complete(
        project="default", item_id=claim.item.id, token=claim.token, now=now,
        values=[AnnotationDraft(field="bad", value=value)],
    )  # fmt: skip
    return claim.item.object_id


def scores(command, tmp_path, numbers, score=lambda number: number % 2):
    rows = [("trace", trace(number), "judge", int(score(number))) for number in numbers]
    assert command("evaluations", "import", write_csv(tmp_path / "s.csv", SCORES, rows)).code == 0


def write_traces(tmp_path, rows):
    frame = pl.DataFrame(
        [
            dict.fromkeys(TRACES.names)
            | {"project": "default", "revision": 1, "decisions": "{}", "selections": "[]",
               "detectors": []}
            | row
            for row in rows
        ],
        schema=TRACES.polars,
        orient="row",
    )  # fmt: skip
    SpanStore(tmp_path / "data").append("traces", frame)


def reported(command, *more):
    return command("alignment", "report", "-e", "judge", "-f", "bad", *more).json


def weights_of(document):
    """Kish's size tells the weights apart where a report does not list them."""
    return document["sampling"]["kish_n_eff"], document["sampling"]["weighted"]


def test_a_cluster_that_an_import_names_holds_for_all_answers_about_the_object(
    tmp_path, command, queue_store
):
    boolean_field(queue_store)
    numbers = range(24)
    talks = [{"trace_id": trace(n), "conversation_id": f"talk {n // 4}"} for n in numbers]
    write_traces(tmp_path, talks)
    scores(command, tmp_path, numbers)
    for n in numbers:
        answer(queue_store, trace(n), n % 3 == 0, cluster=f"customer {n // 2}")
        answer(queue_store, trace(n), n % 3 == 0, reviewer="ben")

    document = reported(command)
    overview = command("alignment", "overview", "-f", "bad")

    assert document["scope"]["pairs"] == 24
    assert len(document["ceiling"]["reviewers"]) == 2
    assert overview.code == 0, overview.err


def test_a_probability_that_an_import_names_holds_for_all_answers_about_the_object(
    tmp_path, command, queue_store
):
    boolean_field(queue_store)
    make_queue(queue_store, "checks")
    for n in range(12):
        put(queue_store, "checks", n, p=0.25, u=0.1)
        answer(queue_store, trace(n), n % 3 == 0, inclusion_probability=0.5 if n < 8 else 1.0)
        review(queue_store, "checks", n % 3 == 0, reviewer="ben")
    scores(command, tmp_path, range(12))

    document = reported(command)
    overview = command("alignment", "overview", "-f", "bad")

    assert document["scope"]["pairs"] == 12
    assert len(document["ceiling"]["reviewers"]) == 2
    assert weights_of(document)[0] == pytest.approx(20**2 / (8 * 4 + 4))
    assert overview.code == 0, overview.err


def test_cells_of_a_queue_have_their_own_reviewed_share():
    cells = [("high", "W1")] * 6 + [("low", "W1")] * 6 + [("low", "W2")] * 6 + [("low", "W3")] * 2
    reviewed = [True] * 6 + [True] * 3 + [False] * 3 + [False] * 6 + [True, False]

    found = cell_shares(cells, reviewed)

    low = 4 / 14
    assert found == pytest.approx([1.0] * 6 + [0.5] * 6 + [low] * 6 + [low] * 2)


def test_queues_with_salts_of_their_own_draw_for_themselves():
    assert union_of_draws([("a", 0.1), ("b", 0.25), ("c", 0.5)]) == pytest.approx(0.6625)
    assert union_of_draws([("a", 0.1), ("a", 0.5)]) == 0.5
    assert union_of_draws([]) == 0


def test_a_rule_that_draws_the_session_is_no_chance_of_the_trace(command, tmp_path, queue_store):
    boolean_field(queue_store)
    make_queue(queue_store, "plain")
    make_queue(queue_store, "talks")
    rows = []
    for number in range(20):
        p = 0.2 if number < 10 else 1.0
        put(queue_store, "plain", number, p=p, u=0.1)
        shared = {"u": 0.1, "salt": "s", "selected": True}
        records = [{"queue": "plain", "rule": "r", "p": p} | shared]
        records.append({"queue": "talks", "rule": "t", "p": 1.0, "object_type": "session"} | shared)
        rows.append({"trace_id": trace(number), "selections": json.dumps(records)})
    write_traces(tmp_path, rows)
    for number in range(20):
        review(queue_store, "plain", value=number % 3 == 0)
    scores(command, tmp_path, range(20))

    kish, count = weights_of(reported(command))

    assert (kish, count) == (pytest.approx(60**2 / (10 * 25 + 10)), 20)


def test_a_queue_without_an_order_counts_by_week(command, tmp_path, queue_store):
    boolean_field(queue_store)
    make_queue(queue_store, "plain")
    later = NOW + timedelta(days=7)
    for number in range(10):
        put(queue_store, "plain", number, p=0.5, u=0.1)
    for number in range(10, 20):
        put(queue_store, "plain", number, p=0.5, u=0.1, now=later)
    for _ in range(10):
        review(queue_store, "plain", value=True, now=later)
    for _ in range(5):
        review(queue_store, "plain", value=False, now=later)
    scores(command, tmp_path, range(30))

    kish, count = weights_of(reported(command))

    # Ten labels of weight 2 (all of week one), five of weight 4 (half of week two).
    assert count == 15
    assert kish == pytest.approx((10 * 2 + 5 * 4) ** 2 / (10 * 4 + 5 * 16))
    (rule,) = reported(command)["sampling"]["rules"]
    assert (rule["rule"], rule["items"], rule["labelled"]) == ("plain: r", 20, 15)
    assert rule["weight_share"] == pytest.approx(1)


def test_a_queue_drained_by_importance_counts_by_how_far_it_was_drained(
    command, tmp_path, queue_store
):
    boolean_field(queue_store)
    make_queue(queue_store, "ordered")
    for number in range(10):
        u, importance = (number + 1) / 20, 0.2
        put(queue_store, "ordered", number, p=0.6, u=u, priority=importance / u,
            terms={"importance": importance})  # fmt: skip
    seen = [review(queue_store, "ordered", value=True) for _ in range(4)]
    scores(command, tmp_path, range(20))

    kish, count = weights_of(reported(command))
    panel = reported(command)["sampling"]

    assert seen == [trace(number) for number in range(4)]
    # The first one left waits at 0.2 / 0.25: p = min(0.6, 0.2 / 0.8) for everyone.
    assert (kish, count) == (pytest.approx(4), 4)
    assert panel["excluded_from_weighted"] == []


def test_a_draw_of_its_own_for_the_order_multiplies(command, tmp_path, queue_store):
    boolean_field(queue_store)
    make_queue(queue_store, "ordered")
    make_queue(queue_store, "all")
    for number in range(6):
        second = (number + 1) / 10
        put(queue_store, "ordered", number, p=0.5, u=0.01, priority=0.3 / second,
            terms={"importance": 0.3, "u": second})  # fmt: skip
    for _ in range(3):
        review(queue_store, "ordered", value=True)
    for number in range(10, 13):
        put(queue_store, "all", number, p=1.0, u=0.2)
        review(queue_store, "all", value=False)
    scores(command, tmp_path, range(20))

    kish, count = weights_of(reported(command))

    # tau = 0.3 / 0.4; p = 0.5 * 0.3 / 0.75 = 0.2 for three labels, 1 for the other three.
    assert count == 6
    assert kish == pytest.approx((3 * 5 + 3) ** 2 / (3 * 25 + 3))


def test_a_queue_that_passed_an_item_over_counts_when_it_drew_for_itself(
    command, tmp_path, queue_store
):
    boolean_field(queue_store)
    make_queue(queue_store, "first")
    make_queue(queue_store, "second")
    rows = []
    for number in range(8):
        put(queue_store, "first", number, p=0.5, u=0.1, salt="a")
        records = [
            {"queue": "first", "p": 0.5, "u": 0.1, "salt": "a", "selected": True},
            {"queue": "second", "p": 0.6 * (number < 4), "u": 0.9, "salt": "b", "selected": False},
        ]
        rows.append({"trace_id": trace(number), "selections": json.dumps(records)})
    write_traces(tmp_path, rows)
    for _ in range(8):
        review(queue_store, "first", value=True)
    scores(command, tmp_path, range(20))

    kish, _ = weights_of(reported(command))

    # 1 - 0.5 * 0.4 = 0.8 for half of them, 0.5 for the others.
    assert kish == pytest.approx((4 / 0.8 + 4 / 0.5) ** 2 / (4 / 0.64 + 4 / 0.25))


def test_scores_that_only_name_a_response_reach_its_span(command, tmp_path, queue_store):
    boolean_field(queue_store)
    spans, evaluations = [], []
    for number in range(12):
        answer(queue_store, trace(number), number < 6)
        spans.append(
            dict.fromkeys(SPANS.names)
            | {"project": "default", "trace_id": trace(number), "span_id": f"{number:016x}",
               "name": "chat", "response_id": f"r{number}", "is_model_call": True,
               "start_time": 10, "end_time": 20, "received_at": 30}
        )  # fmt: skip
        evaluations.append(
            dict.fromkeys(EVALUATIONS.names)
            | {"project": "default", "evaluation_id": f"e{number}", "response_id": f"r{number}",
               "evaluator": "judge", "score": float(number < 5), "time": 40, "received_at": 40,
               "source": "log"}
        )  # fmt: skip
    store = SpanStore(tmp_path / "data")
    store.append("spans", pl.DataFrame(spans, schema=SPANS.polars, orient="row"))
    store.append("evaluations", pl.DataFrame(evaluations, schema=EVALUATIONS.polars, orient="row"))

    document = reported(command)

    assert document["scope"]["pairs"] == 12
    assert (document["confusion"]["tp"], document["confusion"]["fn"]) == (5, 1)
    assert any("read as their traces'" in warning for warning in document["scope"]["warnings"])


def test_parts_of_stored_items_are_looked_at(command, tmp_path, queue_store):
    boolean_field(queue_store)
    rng = np.random.default_rng(0)
    rows = []
    for number in range(80):
        answer(
            queue_store, trace(number), bool(number % 2), reviewer=("ann", "bob")[number % 4 > 1]
        )
        rows.append(
            {"trace_id": trace(number), "request_model": f"m{number % 2}", "name": "support",
             "agent_name": "planner" if number < 40 else "writer",
             "total_tokens": int(rng.integers(1, 1000)),
             "detectors": ["refusal"] if number < 30 else []}
        )  # fmt: skip
    write_traces(tmp_path, rows)
    scores(command, tmp_path, range(80), score=lambda number: number % 2 if number < 60 else 0)

    found = reported(command)["slices"]["rows"]

    parts = {(row["column"], row["value"]): row["n"] for row in found}
    assert parts["model", "m0"] == parts["model", "m1"] == 40
    assert parts["agent", "planner"] == 40
    assert parts["flagged by refusal", "true"] == 30
    assert parts["reviewer", "ann"] == 40
    assert {value for column, value in parts if column == "length"} == {
        "short third", "middle third", "long third",
    }  # fmt: skip
    writer = next(row for row in found if row["value"] == "writer")
    assert writer["difference"]["value"] == pytest.approx(-0.25)
    assert writer["p_adjusted"] >= writer["p_value"]


def test_stored_reviewers_are_compared_with_gold_answers_and_with_themselves(
    command, tmp_path, queue_store
):
    boolean_field(queue_store)
    make_queue(queue_store, "first")
    make_queue(queue_store, "again")
    for number in range(30):
        right = bool(number % 2)
        answer(queue_store, trace(number), right, reviewer="truth")
        answer(queue_store, trace(number), right if number > 5 else not right, reviewer="bob")
        for queue, moment, value in (
            ("first", NOW - timedelta(days=8), right),
            ("again", NOW, right if number else not right),
        ):
            put(queue_store, queue, number, p=1.0, u=0.1, now=moment)
            review(queue_store, queue, value=value, now=moment)
    scores(command, tmp_path, range(30))

    people = reported(command, "--gold", "truth")["ceiling"]

    assert people["raters"] == 2
    ann, bob = people["reviewers"]
    assert ann["gold_accuracy"]["value"] == pytest.approx(29 / 30)
    assert bob["gold_accuracy"]["value"] == pytest.approx(24 / 30)
    assert ann["repeat_consistency"]["agreement"]["value"] == pytest.approx(29 / 30)
    assert ann["repeat_consistency"]["agreement"]["n"] == 30
    assert bob["repeat_consistency"]["agreement"]["value"] is None


def test_also_acceptable_answers_of_people_are_used(command, tmp_path, queue_store):
    boolean_field(queue_store)
    make_queue(queue_store, "plain")
    for number in range(4):
        put(queue_store, "plain", number, p=1.0, u=0.1)
    for number in range(4):
        claim = queue_store.claim_next(project="default", queue="plain", reviewer="ann", now=NOW)
        draft = AnnotationDraft(
            field="bad", value=True, also_acceptable=(False,) if number < 2 else ()
        )
        queue_store.complete(
            project="default", item_id=claim.item.id, token=claim.token, now=NOW, values=[draft]
        )
    scores(command, tmp_path, range(4), score=lambda _: 0)

    raw = reported(command)["raw"]

    assert raw["accuracy"]["value"] == 0
    assert raw["acceptable"]["value"] == pytest.approx(0.5)


def test_every_evaluator_is_watched_as_one_family(command, tmp_path, queue_store):
    boolean_field(queue_store)
    rng = np.random.default_rng(3)
    rows, stored = [], []
    for week in range(4):
        for number in range(40):
            index = 40 * week + number
            moment = NOW - timedelta(days=7 * (4 - week))
            truth = bool(rng.random() < 0.5)
            answer(queue_store, trace(index), truth, time=moment)
            stored.append({"trace_id": trace(index), "start_time": int(moment.timestamp()) * 10**9})
            wrong = week >= 2 and number % 2 == 0
            rows.append(("trace", trace(index), "falling", int(truth != wrong)))
            rows.append(("trace", trace(index), "steady", int(truth != (number % 20 == 0))))
    write_traces(tmp_path, stored)
    path = write_csv(tmp_path / "s.csv", SCORES, rows)
    assert command("evaluations", "import", path).code == 0

    found = command("alignment", "history", "--field", "bad", "--format", "json").json
    table = command("alignment", "history", "--field", "bad", "--format", "table")

    assert set(found) == {"falling", "steady"}
    assert [len(entry["windows"]) for entry in found.values()] == [4, 4]
    assert found["steady"]["alerts"] == []
    assert len(found["falling"]["alerts"]) == 1
    assert "two windows in a row" in table.out


def test_configured_business_weights_count_for_what_is_next(
    command, tmp_path, queue_store, monkeypatch
):
    boolean_field(queue_store)
    config = tmp_path / "settings.toml"
    config.write_text("[analysis.business_weights]\n\"service_name = 'checkout'\" = 40.0\n")
    monkeypatch.setenv("SPANDOCKET_CONFIG", str(config))
    write_traces(
        tmp_path,
        [{"trace_id": trace(n), "service_name": "checkout" if n % 4 == 0 else "search"}
         for n in range(200)],
    )  # fmt: skip
    for number in range(20):
        answer(queue_store, trace(number), number % 2 == 0, inclusion_probability=0.2)
    scores(command, tmp_path, range(200))

    found = command("alignment", "next", "-e", "judge", "-f", "bad", "--for", "pass_rate").json[
        "items"
    ]

    heavy = [entry for entry in found if int(entry["item"], 16) % 4 == 0]
    assert len(heavy) > 10
    assert heavy[0]["business_weight"] == 40
