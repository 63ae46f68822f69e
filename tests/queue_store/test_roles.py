"""Every verb that writes asks for a role; a person who may only read changes nothing."""

from __future__ import annotations

import inspect
import json

import pytest

from queue_store.errors import NotFoundError, NotPermittedError
from queue_store.model import AnnotationDraft, FieldDraft, FieldType, QueueDraft, Role, SkipPolicy
from queue_store.store import QueueStore
from tests.queue_store.desk import PROJECT, trace

WITHOUT_A_PERSON = {
    "ensure_system_queues": "the analysis sets up what every project has",
    "delivered": "the sender of webhooks reports",
    "refused": "the sender of webhooks reports",
    "due": "the sender of webhooks asks",
}
WRITES = [
    name
    for name, method in inspect.getmembers(QueueStore, inspect.isfunction)
    if not name.startswith("_") and "now" in inspect.signature(method).parameters
]


@pytest.fixture
def guarded(desk):
    """A project where ana holds an item and has an answer, but may only read by now."""
    said = {"project": PROJECT, "now": desk.clock.now, "actor": "mia"}
    desk.field()
    desk.queue(fields=("correct",))
    desk.add(2)
    desk.store.create_issue(title="curt", **said)
    desk.store.create_dataset(name="golden", **said)
    desk.store.save_view(name="mine", queue="spot_checks", filters={}, **said)
    desk.store.create_webhook(url="https://example.com", events=[], **said)
    desk.store.grant(person="mia", role=Role.MANAGER, **said)
    desk.store.grant(person="ana", role=Role.ANNOTATOR, **said)
    desk.annotate(1, "ana", AnnotationDraft(field="correct", value=True))
    desk.token = desk.next("ana").token
    desk.store.grant(person="ana", role=Role.VIEWER, **said)
    return desk


def arguments(desk, name):
    """What ana would say to this verb."""
    words = {
        "project": PROJECT,
        "now": desk.clock.now,
        "actor": "ana",
        "reviewer": "ana",
        "queue": "spot_checks",
        "name": "spot_checks",
        "item_id": 1,
        "item_ids": [1],
        "token": desk.token,
        "annotation_id": 1,
        "webhook_id": 1,
        "title": "curt",
        "dataset": "golden",
        "person": "eve",
        "role": Role.MANAGER,
        "reason": "because",
        "policy": SkipPolicy.EVERYONE,
        "share": 0.5,
        "assignee": "ana",
        "assignees": ["ana"],
        "changes": {"description": "mine"},
        "filters": {},
        "url": "https://example.com",
        "events": [],
        "drafts": [trace(7)],
        "answers": [AnnotationDraft(field="correct", value=False)],
        "values": [AnnotationDraft(field="correct", value=False)],
        "rows": [],
        "lines": [json.dumps({"record": "queue_export", "form": 2})],
        "entries": [],
        "anchor": None,
    }
    words["draft"] = (
        QueueDraft(name="other")
        if name == "create_queue"
        else FieldDraft(name="other", type=FieldType.BOOLEAN)
    )
    words |= {"delete_field": {"name": "correct"}, "delete_view": {"name": "mine"}}.get(name, {})
    wanted = inspect.signature(getattr(QueueStore, name)).parameters
    return {
        word: words[word]
        for word, parameter in wanted.items()
        if word != "self" and (parameter.default is parameter.empty or word in {"actor", "values"})
    }


def test_a_person_who_may_only_read_changes_nothing(guarded):
    before = guarded.store.audit(project=PROJECT, limit=1)
    for name in WRITES:
        if name in WITHOUT_A_PERSON:
            continue
        with pytest.raises(NotPermittedError):
            getattr(guarded.store, name)(**arguments(guarded, name))

    assert guarded.store.audit(project=PROJECT, limit=1) == before


READS = {
    "queue": {"name": "spot_checks"},
    "queues": {},
    "field": {"name": "correct"},
    "fields": {},
    "item": {"item_id": 1},
    "items": {"queue": "spot_checks"},
    "items_of_trace": {"trace_id": "0" * 32},
    "place": {"item_id": 1},
    "annotation": {"annotation_id": 1},
    "annotations": {},
    "annotation_frame_rows": {},
    "traces_of": {"queue": "spot_checks", "answered": "correct"},
    "disagreement": {"item_id": 1},
    "issue": {"title": "curt"},
    "issues": {},
    "view": {"name": "mine"},
    "views": {},
    "dataset": {"name": "golden"},
    "datasets": {},
    "entries": {"dataset": "golden"},
    "dataset_versions": {"dataset": "golden"},
    "webhooks": {},
    "progress": {"queue": "spot_checks"},
    "all_progress": {},
    "reviewers": {},
    "people": {},
    "agreement": {"queue": "spot_checks"},
    "agreements": {},
    "audit": {},
    "export_queue": {"queue": "spot_checks"},
}
OF_MANAGERS = {"export_queue": "it holds the webhooks' secrets"}


def read(store, name):
    found = getattr(store, name)(project=PROJECT, **READS[name])
    return list(found) if name == "export_queue" else found


def test_a_person_without_a_role_reads_nothing_and_a_viewer_everything(guarded):
    stranger, viewer = guarded.store.as_reader("eve"), guarded.store.as_reader("ana")
    for name in READS:
        with pytest.raises(NotPermittedError, match="eve may not read"):
            read(stranger, name)
        if name not in OF_MANAGERS:
            read(viewer, name)


def test_secrets_are_the_managers(guarded):
    manager, viewer = guarded.store.as_reader("mia"), guarded.store.as_reader("ana")

    assert [hook.secret for hook in viewer.webhooks(project=PROJECT)] == [""]
    assert [hook.secret for hook in manager.webhooks(project=PROJECT)] != [""]
    with pytest.raises(NotPermittedError, match="needs the role manager"):
        read(viewer, "export_queue")
    assert len(read(manager, "export_queue")) > 3


def test_every_verb_that_reads_is_tried():
    open_to_all = {"members": "who may grant", "permits": "asks for a role itself"}
    reads = {
        name
        for name, method in inspect.getmembers(QueueStore, inspect.isfunction)
        if not name.startswith("_") and "project" in inspect.signature(method).parameters
    }

    assert reads - set(WRITES) - set(open_to_all) == set(READS) - {"annotation_frame_rows"}


def test_a_role_in_one_queue_opens_no_other_to_read(guarded):
    said = {"project": PROJECT, "now": guarded.clock.now, "actor": "mia"}
    guarded.store.create_queue(draft=QueueDraft(name="other"), **said)
    guarded.store.grant(person="ben", role=Role.VIEWER, queue="other", **said)
    ben = guarded.store.as_reader("ben")

    assert ben.items(project=PROJECT, queue="other").total == 0
    for verb, wanted in (("items", {"queue": "spot_checks"}), ("item", {"item_id": 1})):
        with pytest.raises(NotPermittedError, match="read 'spot_checks'"):
            getattr(ben, verb)(project=PROJECT, **wanted)


def test_what_is_told_of_a_whole_project_leaves_other_queues_out(guarded):
    said = {"project": PROJECT, "now": guarded.clock.now, "actor": "mia"}
    guarded.store.create_queue(draft=QueueDraft(name="other"), **said)
    guarded.store.grant(person="ben", role=Role.VIEWER, queue="other", **said)
    ben, trace_id = guarded.store.as_reader("ben"), f"{0:032x}"

    assert [queue.name for queue in ben.queues(project=PROJECT)] == ["other"]
    assert [entry.queue for entry in ben.all_progress(project=PROJECT)] == ["other"]
    assert ben.annotations(project=PROJECT) == []
    assert ben.reviewers(project=PROJECT) == []
    assert ben.traces_of(project=PROJECT, answered="correct") == []
    assert ben.agreements(project=PROJECT) == {"other": {}}
    assert ben.items_of_trace(project=PROJECT, trace_id=trace_id) == []
    assert {entry.queue for entry in ben.audit(project=PROJECT)} == {None, "other"}
    with pytest.raises(NotFoundError):
        ben.annotation(project=PROJECT, annotation_id=1)
    with pytest.raises(NotPermittedError):
        ben.disagreement(project=PROJECT, item_id=1)
    assert guarded.store.items_of_trace(project=PROJECT, trace_id=trace_id) != []
