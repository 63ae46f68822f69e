"""A live queue learns from its answers which of its next items people would say yes to."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from analytics.job import run
from tests.analytics.learning.people import answer, is_polite
from tests.analytics.learning.test_learning import traces
from tests.analytics.spans import AS_OF, frame

NAME = "worth reading/now"
LATER = f"{AS_OF + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def answered(store, queues, command):
    """Sixty items of a live queue; people say yes to the polite requests."""
    for said in (
        command("fields", "create", "useful", "--type", "boolean"),
        command("queues", "create", NAME, "--live", "--sample", "1", "--field", "useful"),
    ):
        assert said.code == 0, said.err
    store.append("spans", frame(traces()))
    run(store, queues, project="default", as_of=AS_OF)
    answer(queues, traces(), is_polite, queue=NAME, field="useful")
    return store


def test_a_queue_is_taught_puts_the_next_items_in_order_and_can_go_back(answered, queues, command):
    trained = command("detectors", "train", NAME)
    assert trained.code == 0, trained.err
    assert json.loads(trained.out)["promoted"] is True
    (model,) = (json.loads(line) for line in command("detectors", "models").out.splitlines())
    assert (model["detector"], model["kind"], model["in_use"]) == (NAME, "queue", True)

    fresh = [row | {"trace_id": f"{n:032x}"} for n, row in enumerate(traces())]
    answered.append("spans", frame(fresh))
    assert command("analyze", "--as-of", LATER).code == 0

    items = queues.items(project="default", queue=NAME, limit=200).items
    new = {item.object_id: item for item in items if "learned from 60" in item.reason}
    assert set(new) == {row["trace_id"] for row in fresh}
    sure = sorted(new, key=lambda trace_id: -new[trace_id].priority_terms["confidence"])
    polite = [int(trace_id, 16) % 2 == 0 for trace_id in sure]
    # Among the thirty that people would most likely say yes to, nearly all ask politely.
    assert sum(polite[:30]) >= 27
    for item in new.values():
        terms = item.priority_terms
        assert item.priority == pytest.approx(terms["importance"] / terms["u"])
        assert item.selection.p == 1.0
    back = command("detectors", "rollback", NAME)
    assert json.loads(back.out) == {"detector": NAME, "in_use": None}


def test_a_cap_over_a_taught_queue_tells_items_and_traces_the_same_chance(
    answered, queues, command, tmp_path
):
    assert command("detectors", "train", NAME).code == 0
    settings = tmp_path / "settings.toml"
    settings.write_text(settings.read_text() + "[analysis]\nitems_max = 20\n")
    fresh = [row | {"trace_id": f"{n:032x}"} for n, row in enumerate(traces())]
    answered.append("spans", frame(fresh))

    assert command("analyze", "--as-of", LATER).code == 0

    items = queues.items(project="default", queue=NAME, limit=200).items
    added = {item.object_id: item.selection.p for item in items if int(item.object_id, 16) < 60}
    told = {}
    for row in answered.scan("traces").collect().iter_rows(named=True):
        records = {record["queue"]: record for record in json.loads(row["selections"])}
        if row["trace_id"] in added:
            told[row["trace_id"]] = records[NAME]["p"]
    assert len(added) == 20
    assert added == told


def test_a_queue_without_a_question_or_with_two_says_what_to_name(answered, command):
    command("queues", "create", "silent", "--live", "--sample", "1")

    silent = command("detectors", "train", "silent")
    named = command("detectors", "train", NAME, "--field", "useful", "--dry-run")
    unknown = command("detectors", "train", "worth reading")

    assert (silent.code, named.code, unknown.code) == (1, 0, 2)
    assert "asks 0 yes-or-no questions" in silent.err
    assert NAME in unknown.err
