"""What people keep beside queues: issues, datasets in versions, views, roles, webhooks."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace

import pytest

from queue_store.errors import (
    AlreadyExistsError,
    InvalidValueError,
    NotFoundError,
    NotPermittedError,
)
from queue_store.model import (
    AnnotationDraft,
    DatasetEntry,
    HookEvent,
    IssueState,
    ItemSource,
    ItemState,
    ObjectType,
    Role,
)
from queue_store.webhooks import ATTEMPTS_MAX, signed
from tests.queue_store.desk import PROJECT, trace


@pytest.fixture
def said(desk):
    """Whose write it is and when, for calls that need nothing else."""
    return {"project": PROJECT, "now": desk.clock.now, "actor": "mia"}


def test_an_answer_points_to_a_known_problem(desk, said):
    desk.field()
    desk.queue()
    desk.add(1)
    issue = desk.store.create_issue(title="Invents refunds", link="https://example.org/1", **said)
    (row,) = desk.annotate(1, "ana", AnnotationDraft(field="correct", value=False))

    edited = desk.store.edit_annotation(
        project=PROJECT,
        annotation_id=row.id,
        issue_id=issue.id,
        now=desk.clock.now,
        actor="ana",
    )
    closed = desk.store.change_issue(title="Invents refunds", state=IssueState.RESOLVED, **said)

    assert edited.issue_id == issue.id
    assert (closed.annotations, closed.state) == (1, IssueState.RESOLVED)
    assert desk.store.issues(project=PROJECT, state=IssueState.OPEN) == []


def test_titles_are_unique_and_unknown_ones_name_the_nearest(desk, said):
    desk.store.create_issue(title="Invents refunds", **said)

    with pytest.raises(AlreadyExistsError):
        desk.store.create_issue(title="Invents refunds", **said)
    with pytest.raises(NotFoundError, match="did you mean Invents refunds"):
        desk.store.issue(project=PROJECT, title="Invents refund")


def entry(number, **facts):
    settings = {"input": [{"role": "user"}], "output": "hi", "expected": None}
    return DatasetEntry(
        object_type=ObjectType.TRACE, object_id=f"{number:032x}", **(settings | facts)
    )


def test_every_change_of_a_dataset_is_a_version_that_can_be_read_again(desk, said):
    desk.store.create_dataset(name="golden", **said)
    desk.store.add_entries(dataset="golden", entries=[entry(1), entry(2)], note="first", **said)
    desk.store.add_entries(dataset="golden", entries=[entry(2), entry(1)], **said)
    dataset = desk.store.add_entries(
        dataset="golden", entries=[entry(1, expected="hello"), entry(3)], **said
    )

    def outputs(version):
        found = desk.store.entries(project=PROJECT, dataset="golden", version=version)
        return {(one.object_id[-1], one.expected) for one in found}

    assert (dataset.version, dataset.entries) == (2, 3)
    assert outputs(1) == {("1", None), ("2", None)}
    assert outputs(None) == outputs(2) == {("1", "hello"), ("2", None), ("3", None)}
    versions = desk.store.dataset_versions(project=PROJECT, dataset="golden")
    assert [(one.version, one.entries, one.note) for one in versions] == [
        (1, 2, "first"),
        (2, 3, ""),
    ]


def test_a_version_that_never_was_is_refused(desk, said):
    desk.store.create_dataset(name="golden", **said)

    with pytest.raises(NotFoundError, match="version"):
        desk.store.entries(project=PROJECT, dataset="golden", version=7)


def test_a_view_is_replaced_by_its_name_and_knows_its_filters(desk, said):
    desk.queue()
    desk.store.save_view(name="mine", queue="spot_checks", filters={"reviewer": "ana"}, **said)
    desk.store.save_view(name="mine", queue="spot_checks", filters={"reviewer": "ben"}, **said)

    (view,) = desk.store.views(project=PROJECT)

    assert (view.queue, view.filters) == ("spot_checks", {"reviewer": "ben"})
    with pytest.raises(NotFoundError, match="did you mean reviewer"):
        desk.store.save_view(name="x", queue=None, filters={"reviewr": "ana"}, **said)
    with pytest.raises(NotFoundError, match="did you mean completed"):
        desk.store.save_view(name="x", queue=None, filters={"status": "complete"}, **said)
    for wrong in ({"added_since": "yesterday"}, {"added_until": "2026-01-01"}, {"text": None}):
        with pytest.raises(InvalidValueError):
            desk.store.save_view(name="x", queue=None, filters=wrong, **said)
    desk.store.delete_view(name="mine", **said)
    assert desk.store.views(project=PROJECT) == []


def test_without_members_everybody_may_do_everything(desk):
    desk.queue()
    desk.add(1)

    assert desk.next("anybody").item.holder == "anybody"


def test_roles_say_who_may_do_what(desk, said):
    desk.queue()
    desk.add(2)
    desk.store.grant(person="mia", role=Role.MANAGER, **said)
    desk.store.grant(person="ana", role=Role.ANNOTATOR, **said)
    desk.store.grant(person="vic", role=Role.VIEWER, **said)

    claim = desk.next("ana")
    done = desk.complete(claim)

    for person in ("vic", "stranger"):
        with pytest.raises(NotPermittedError, match="role annotator"):
            desk.next(person)
    with pytest.raises(NotPermittedError, match="role reviewer"):
        desk.store.reopen(
            project=PROJECT, item_id=done.id, reason="", now=desk.clock.now, actor="ana"
        )
    with pytest.raises(NotPermittedError, match="role manager"):
        desk.add_drafts([trace(9)], actor="ana")
    with pytest.raises(NotPermittedError, match="role manager"):
        desk.store.grant(
            project=PROJECT, person="ana", role=Role.MANAGER, now=desk.clock.now, actor="ana"
        )


def test_a_role_in_one_queue_is_no_role_in_another(desk, said):
    desk.queue()
    desk.queue("other")
    desk.add(1)
    desk.add(1, queue="other")
    desk.store.grant(person="mia", role=Role.MANAGER, **said)
    desk.store.grant(person="ana", role=Role.ANNOTATOR, queue="other", **said)

    assert desk.next("ana", queue="other").item.queue == "other"
    with pytest.raises(NotPermittedError):
        desk.next("ana")


def test_what_a_rule_adds_needs_no_role(desk, said):
    desk.queue()
    desk.store.grant(person="mia", role=Role.MANAGER, **said)

    result = desk.add_drafts([trace(1, source=ItemSource.RULE)], actor="analysis")

    assert result.added == 1


def test_somebody_can_always_grant(desk, said):
    with pytest.raises(InvalidValueError, match="must be a manager"):
        desk.store.grant(person="ana", role=Role.VIEWER, **said)
    desk.store.grant(person="mia", role=Role.MANAGER, **said)
    with pytest.raises(InvalidValueError, match="last manager"):
        desk.store.revoke(person="mia", **said)


def hook(desk, said, *events, **more):
    return desk.store.create_webhook(
        url="https://example.org/hook", events=events, secret="s3cret", **said, **more
    )


def test_events_wait_in_the_outbox_with_the_write_that_caused_them(desk, said):
    hook(desk, said)
    desk.field()
    desk.queue(fields=("correct",), labels_wanted=2, extra_reviewers_max=1)
    desk.add(1)
    for reviewer, value in (("ana", True), ("ben", False), ("cem", True)):
        desk.complete(desk.next(reviewer), AnnotationDraft(field="correct", value=value))

    due = desk.store.due(now=desk.clock.now)

    assert [delivery.event for delivery in due] == [
        HookEvent.ITEMS_ADDED,
        HookEvent.DISAGREEMENT,
        HookEvent.ITEM_COMPLETED,
        HookEvent.QUEUE_FINISHED,
    ]
    assert due[2].body["item_id"] == 1
    assert [delivery.body["queue"] for delivery in due] == ["spot_checks"] * 4


def finished(desk):
    """The queues that events called finished."""
    due = desk.store.due(now=desk.clock.now)
    return [one.body["queue"] for one in due if one.event is HookEvent.QUEUE_FINISHED]


def test_a_queue_is_finished_however_its_last_item_ends(desk, said):
    hook(desk, said, HookEvent.QUEUE_FINISHED)
    for name in ("skips", "removes", "empties"):
        desk.queue(name)
        desk.add(2, queue=name)
    for name in ("skips", "removes"):
        desk.complete(desk.next(queue=name))
    assert finished(desk) == []

    desk.skip(desk.next(queue="skips"))
    assert finished(desk) == ["skips"]
    left = desk.listed("removes", status=ItemState.PENDING).items[0].id
    desk.store.remove(item_id=left, reason="", **said)
    assert finished(desk) == ["removes"]
    for item in desk.listed("empties").items:
        desk.store.remove(item_id=item.id, reason="", **said)
    assert finished(desk) == []


def test_a_webhook_hears_only_what_it_asked_for(desk, said):
    desk.queue()
    desk.queue("other")
    hook(desk, said, HookEvent.ITEM_COMPLETED, queue="other")
    desk.add(1)
    desk.add(1, queue="other")
    desk.complete(desk.next())
    desk.complete(desk.next(queue="other"))

    due = desk.store.due(now=desk.clock.now)

    assert [(one.event, one.body["queue"]) for one in due] == [(HookEvent.ITEM_COMPLETED, "other")]


def test_an_event_handed_out_is_nobody_elses_until_it_failed(desk, said):
    hook(desk, said)
    desk.queue()
    desk.add(1)
    (first,) = desk.store.due(now=desk.clock.now)
    assert desk.store.due(now=desk.clock.now) == []

    desk.store.refused(delivery_id=first.id, error="down", now=desk.clock.now)
    assert desk.store.due(now=desk.clock.now) == []
    (again,) = desk.store.due(now=desk.clock.pass_seconds(5))

    assert (again.id, again.attempts) == (first.id, 1)
    desk.store.delivered(delivery_id=again.id, now=desk.clock.now)
    assert desk.store.due(now=desk.clock.pass_seconds(10_000)) == []


def test_a_receiver_that_never_answers_is_given_up_and_counted(desk, said):
    hook(desk, said)
    desk.queue()
    desk.add(1)
    for _ in range(ATTEMPTS_MAX):
        (delivery,) = desk.store.due(now=desk.clock.pass_seconds(7200))
        desk.store.refused(delivery_id=delivery.id, error="down", now=desk.clock.now)

    (found,) = desk.store.webhooks(project=PROJECT)

    assert desk.store.due(now=desk.clock.pass_seconds(7200)) == []
    assert (found.waiting, found.failed) == (0, 1)


def test_what_is_sent_is_signed(desk, said):
    hook(desk, said)
    desk.queue()
    desk.add(1)
    (delivery,) = desk.store.due(now=desk.clock.now)

    body, headers = signed(delivery)
    forged, _ = signed(replace(delivery, secret="other"))

    digest = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert headers["X-Spandocket-Signature"] == f"sha256={digest}"
    assert json.loads(body)["event"] == "items_added"
    assert forged == body


def test_deleting_a_webhook_deletes_what_waits_for_it(desk, said):
    made = hook(desk, said)
    desk.queue()
    desk.add(1)

    desk.store.delete_webhook(webhook_id=made.id, **said)

    assert desk.store.due(now=desk.clock.now) == []
    assert desk.store.webhooks(project=PROJECT) == []


def test_an_answer_names_its_problem_at_once_and_keeps_it(desk, said):
    desk.field()
    desk.queue()
    desk.add(1)
    issue = desk.store.create_issue(title="Invents refunds", **said)
    answer = AnnotationDraft(field="correct", value=False)

    (row,) = desk.annotate(1, "ana", replace(answer, issue="Invents refunds"))
    (again,) = desk.annotate(1, "ana", answer)
    (changed,) = desk.annotate(1, "ana", replace(answer, value=True))

    assert row.issue_id == again.issue_id == changed.issue_id == issue.id
    with pytest.raises(NotFoundError, match="did you mean Invents refunds"):
        desk.annotate(1, "ben", replace(answer, issue="Invents refund"))
    with pytest.raises(NotFoundError, match="issue"):
        desk.store.edit_annotation(
            project=PROJECT, annotation_id=changed.id, issue_id=77, now=desk.clock.now, actor="ana"
        )
