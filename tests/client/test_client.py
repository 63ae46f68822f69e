"""The client against a real server: what the package's README promises."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import datetime

import pytest

from spandocket_client import (
    AlreadyExistsError,
    BadRequestError,
    Client,
    FieldImmutableError,
    InvalidFilterError,
    InvalidValueError,
    ItemLockedError,
    ItemNotFoundError,
    NoItemsAvailableError,
    NotFoundError,
    NotSignedInError,
    QueueNotFoundError,
    StaleRevisionError,
    UnknownColumnError,
)
from tests.client.conftest import FIRST, REPOSITORY, SECOND

ERRORED = f"{SECOND}:{3:016x}"


@pytest.fixture
def queue(client, request):
    """A queue of the test's own, whose form asks whether it is good."""
    client.create_field("good", "boolean", required=True)
    return client.create_queue(request.node.name, fields=["good"]).name


def test_spans_that_match_go_into_a_queue(client, queue):
    spans = list(client.spans(where="name = 'chat' AND is_error"))
    ids = [f"{span.trace_id}:{span.span_id}" for span in spans]

    result = client.add_spans(queue, ids, priority=5, metadata={"reason": "failed"})

    assert (result.added, result.duplicates, result.unknown) == (1, 0, ())
    page = client.list_items(queue, status="pending")
    (item,) = page.items
    assert (item.object_id, item.status, item.priority) == (ERRORED, "pending", 5)
    assert (item.metadata, page.total, page.cursor) == ({"reason": "failed"}, 1, None)
    assert isinstance(item.added_at, datetime)
    assert spans[0].input_messages[0]["role"] == "user"
    assert spans[0].start_time == "1970-01-01T00:00:03.000000000Z"


def test_every_page_is_read(client):
    assert len(list(client.spans(page_rows=1))) == 3
    assert [trace.trace_id for trace in client.traces(page_rows=1)] == [SECOND, FIRST]
    assert client.list_spans(limit=2).cursor is not None


def test_mixed_items_each_with_priority_and_metadata(client, queue):
    items = [
        {"object_id": FIRST, "object_type": "trace", "priority": 5},
        {"object_id": ERRORED, "object_type": "span", "priority": 10, "metadata": {"urgent": True}},
        {"object_id": "c" * 32},
    ]

    result = client.add_items(queue, items)
    again = client.add_traces(queue, [FIRST, "d" * 32])

    assert (result.added, result.unknown) == (2, ("c" * 32,))
    assert (again.added, again.duplicates, again.unknown) == (0, 1, ("d" * 32,))
    assert [item.object_type for item in client.items(queue, page_items=1)] == ["span", "trace"]
    over = client.list_items(queue, limit=20, offset=1)
    assert ([item.object_id for item in over.items], over.total) == ([FIRST], 2)
    assert client.add_matching(queue, f"trace_id = '{SECOND}'").added == 1
    assert client.add_items(queue, []).added == 0


def test_items_come_with_what_people_said(client, queue):
    client.add_traces(queue, [FIRST, SECOND])
    claim = client.claim_next(queue)
    client.complete(claim.item.id, claim.token, {"good": False}, seconds_spent=2)

    told = {
        item.object_id: [(each.field, each.value, each.reviewer) for each in item.annotations]
        for item in client.items(queue, annotations=True)
    }

    assert told == {FIRST: [("good", False, "ana")], SECOND: []}
    assert [len(item.annotations) for item in client.export_queue(queue)] == [1, 0]
    progress = client.progress(queue)
    assert (progress.completed_percent, progress.reviewers[0].reviewer) == (50, "ana")
    assert [each.value for each in client.annotations(queue=queue)] == [False]
    assert [trace.trace_id for trace in client.traces(queue=queue, answered="good")] == [FIRST]


def test_a_held_item_says_who_holds_it_until_when(client, address, queue):
    client.add_traces(queue, [FIRST])
    claim = client.claim_next(queue, lease_seconds=600)

    with Client(address, person="ben") as other:
        with pytest.raises(ItemLockedError) as locked:
            other.claim(claim.item.id)
        with pytest.raises(NoItemsAvailableError) as nothing:
            other.claim_next(queue)

    assert (locked.value.holder, locked.value.until) == ("ana", claim.lease_until)
    assert (locked.value.item_id, locked.value.state) == (claim.item.id, "in_progress")
    assert "wait" in locked.value.remedy
    assert (nothing.value.why, nothing.value.holders) == ("held", [("ana", claim.lease_until)])
    assert client.heartbeat(claim.item.id, claim.token, lease_seconds=900).lease_until
    assert client.release(claim.item.id, claim.token).status == "pending"


def test_work_is_skipped_undone_reopened_and_removed(client, queue):
    client.add_traces(queue, [FIRST])
    claim = client.claim_next(queue)
    assert client.skip(claim.item.id, claim.token, "not English").skip_reason == "not English"
    undone = client.undo(claim.item.id)
    with pytest.raises(InvalidValueError, match="required"):
        client.complete(claim.item.id, undone.token, {})
    with pytest.raises(StaleRevisionError) as stale:
        client.complete(claim.item.id, undone.token, {"good": True}, revision=9)
    assert (stale.value.seen, stale.value.current) == (9, 1)
    assert client.complete(claim.item.id, undone.token, {"good": True}).status == "completed"
    assert client.reopen(claim.item.id, reason="again").status == "pending"
    place = {"direction": "output", "message_index": 0}
    client.create_issue("curt")
    answer = {"field": "good", "value": True, "anchor": place, "issue": "curt"}
    (said,) = client.annotate(claim.item.id, [answer])
    assert (said.anchor.direction, said.issue_id) == ("output", client.list_issues()[0].id)
    assert client.remove(claim.item.id).status == "removed"


def test_queues_are_made_changed_and_found(client, queue):
    live = client.create_queue(
        f"{queue} live", live=True, filter="duration_ms > 5", instructions="Look twice."
    )
    assert (live.kind, live.sample, live.instructions) == ("live", 0.1, "Look twice.")
    changed = client.change_queue(live.link, status="paused", sample=1.0)
    assert (changed.status, changed.sample) == ("paused", 1)
    assert live.name in {each.name for each in client.list_queues(kind="live")}
    assert client.queue(live.name).link == live.link


def test_datasets_are_filled_and_exported(client, queue):
    client.add_traces(queue, [FIRST])
    claim = client.claim_next(queue)
    client.complete(claim.item.id, claim.token, {"good": True})
    client.create_dataset("kept", description="for evals")

    assert client.add_to_dataset("kept", queue=queue).entries == 1
    assert client.add_to_dataset("kept", items=[claim.item.id]).version == 1
    with pytest.raises(NotFoundError, match="trace"):
        client.add_to_dataset("kept", objects=[SECOND, "d" * 32])

    assert client.add_to_dataset("kept", objects=[SECOND, ERRORED]).entries == 3
    entry, other, _ = client.export_dataset("kept")
    assert (other.object_id, other.annotations, len(other.output)) == (SECOND, (), 1)
    assert entry.output[0]["parts"][0]["content"] == "Where?"
    assert client.dataset("kept").version == 2
    assert [each.name for each in client.list_datasets()] == ["kept"]


def test_views_are_saved_and_deleted(client, queue):
    client.save_view("mine", queue=queue, answered="good", where="is_error")
    client.save_view("mine", queue=queue, where="span_count > 1")
    assert [view.filters for view in client.list_views()] == [{"where": "span_count > 1"}]
    with pytest.raises(UnknownColumnError):
        client.save_view("mine", where="spn_count > 1")
    assert client.delete_view("mine").queue == queue
    assert client.list_views() == []


def test_scores_are_stored_once(client):
    score = {"object_type": "trace", "object_id": FIRST, "evaluator": "judge", "score": 0.5}

    assert client.add_evaluations([score, score]).added == 1
    assert client.add_evaluations([score]).duplicates == 1
    assert [each.score for each in client.evaluations(evaluator="judge")] == [0.5]
    with pytest.raises(BadRequestError, match="evaluations/0"):
        client.add_evaluations([score | {"score": "high"}])


def test_each_failure_has_an_error_of_its_own(client, queue):
    with pytest.raises(QueueNotFoundError) as missing:
        client.list_items(queue[:-1])
    assert missing.value.nearest[0] == queue
    with pytest.raises(ItemNotFoundError):
        client.item(10**6)
    with pytest.raises(NotFoundError) as field:
        list(client.annotations(field="godo"))
    assert (field.value.noun, field.value.nearest) == ("field", ["good"])
    with pytest.raises(NoItemsAvailableError) as nothing:
        client.claim_next(queue)
    assert (nothing.value.why, nothing.value.queue) == ("empty", queue)
    with pytest.raises(AlreadyExistsError):
        client.create_queue(queue)
    with pytest.raises(FieldImmutableError):
        client.create_field("good", "string")
    with pytest.raises(UnknownColumnError) as column:
        list(client.spans(where="nam = 'chat'"))
    assert (column.value.column, column.value.nearest[0]) == ("nam", "name")
    with pytest.raises(InvalidFilterError):
        list(client.spans(where="name ="))
    with pytest.raises(BadRequestError, match="limit"):
        client.list_items(queue, limit=0)


def test_the_examples_of_the_readme_run(client, address, capsys):
    client.create_queue("spot_checks")
    readme = (REPOSITORY / "client" / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)

    said = {}
    for example in examples:
        exec(example.replace("http://127.0.0.1:4380", address), said)

    assert len(examples) == 3
    assert "added 1, there already 0, unknown ()" in capsys.readouterr().out
    assert list(said["scores"].values()) == [1, 1, 1]
    assert client.add_matching("spot_checks", '"score:long_enough" > 0.5').added == 2


def test_names_of_every_script_can_write(address):
    with Client(address, person="Łukasz 5 %") as client:
        assert client.create_queue("by Łukasz").created_by == "Łukasz 5 %"


def test_a_write_needs_a_name(address):
    with Client(address) as nobody, pytest.raises(BadRequestError, match="Person"):
        nobody.create_queue("x")


def test_the_environment_says_where_and_who(address, environment):
    program = (
        "from spandocket_client import Client\n"
        "with Client.from_environment() as client:\n"
        "    print(client.create_queue('by environment').created_by)\n"
    )
    about = {"SPANDOCKET_URL": address, "SPANDOCKET_ACTOR": "eva", "PYTHONPATH": "client"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | about,
        cwd=__file__.rpartition("/tests/")[0],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "eva\n", done.stderr


def test_a_token_says_who_it_is(address, environment, data_dir):
    made = subprocess.run(
        [sys.executable, "-m", "cli", "tokens", "create", "--reviewer", "ida", "--format", "json"],
        env=environment,
        capture_output=True,
        check=True,
    )
    try:
        with Client(address, person="ana") as stranger, pytest.raises(NotSignedInError):
            stranger.list_queues()
        with Client(address, token=json.loads(made.stdout)["token"]) as client:
            assert client.create_queue("by token").created_by == "ida"
    finally:
        (data_dir / "reviewers.json").unlink()
