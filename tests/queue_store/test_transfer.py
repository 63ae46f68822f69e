"""Whole queues move between stores, in both directions, without loss."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from queue_store.config import QueueConfig
from queue_store.errors import AlreadyExistsError, InvalidValueError
from queue_store.model import (
    Anchor,
    AnnotationDraft,
    DatasetEntry,
    HookEvent,
    ImportRow,
    Role,
    Selection,
)
from queue_store.store import QueueStore
from queue_store.transfer import in_this_form
from tests.queue_store.desk import PROJECT, Desk, trace

NUMBERS = {"id", "queue_id", "item_id", "issue_id", "annotation_id"}


def told(store, queue="spot_checks"):
    """Everything a store can tell about a queue, without its own numbers."""

    def plain(row):
        return {
            name: value for name, value in asdict(row).items() if name not in NUMBERS | {"details"}
        }

    return {
        "queue": plain(store.queue(project=PROJECT, name=queue)),
        "items": [plain(one) for one in store.items(project=PROJECT, queue=queue).items],
        "answers": [
            plain(one) for one in store.annotations(project=PROJECT, queue=queue, history=True)
        ],
        "progress": store.progress(project=PROJECT, queue=queue),
        "reviewers": store.reviewers(project=PROJECT, queue=queue),
        "log": [
            plain(one)
            for one in store.audit(project=PROJECT, queue=queue, limit=1000)
            if one.action != "queue_imported"
        ],
    }


@pytest.fixture
def busy(desk):
    """A queue in which everything has happened."""
    desk.queue("before")
    desk.add(3, queue="before")
    desk.field()
    desk.queue(fields=("correct",), labels_wanted=2, adjudicate=True, lease_seconds=60.0)
    selection = Selection(rule="floor", rule_version="1", p=0.1, u=0.03, salt="s", selected=True)
    desk.add_drafts([trace(n, priority=n / 3, selection=selection) for n in range(8)])
    for reviewer, value in (("ana", True), ("ben", False), ("ana", False)):
        desk.clock.pass_seconds(1)
        desk.complete(desk.next(reviewer), AnnotationDraft(field="correct", value=value))
    desk.skip(desk.next("cem"))
    desk.next("ben")
    item = desk.listed().items[-1].id
    anchor = Anchor(direction="output", message_index=0, start=0, end=2, quote="no")
    for value in (True, False):
        desk.clock.pass_seconds(1)
        desk.annotate(item, "dee", AnnotationDraft(field="correct", value=value, anchor=anchor))
    desk.store.import_annotations(
        project=PROJECT,
        rows=[
            ImportRow(
                line=1,
                object_type="trace",
                object_id="elsewhere",
                reviewer="eva",
                field="correct",
                value=True,
                queue="spot_checks",
                inclusion_probability=0.5,
                cluster="c",
            )
        ],
        now=desk.clock.now,
        actor="mia",
    )
    return desk


@pytest.fixture(params=["sqlite", "postgresql"])
def other_store(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'other.sqlite3'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("bare_postgres_url")
    opened = QueueStore.open(url, QueueConfig())
    yield opened
    opened.close()


def test_a_moved_queue_tells_the_same(busy, other_store):
    lines = list(busy.store.export_queue(project=PROJECT, queue="spot_checks"))

    other_store.import_queue(project=PROJECT, lines=lines, now=busy.clock.now, actor="mia")

    assert told(other_store) == told(busy.store)


def test_what_belongs_to_a_queue_moves_with_it(busy, other_store):
    store, said = busy.store, {"project": PROJECT, "now": busy.clock.now, "actor": "mia"}
    store.grant(person="mia", role=Role.MANAGER, **said)
    store.grant(person="ana", role=Role.ANNOTATOR, queue="spot_checks", **said)
    store.save_view(name="mine", queue="spot_checks", filters={"reviewer": "ana"}, **said)
    hook = store.create_webhook(
        url="https://example.com/hook",
        events=[HookEvent.ITEM_COMPLETED],
        queue="spot_checks",
        **said,
    )
    item = busy.listed().items[0]
    for name in ("golden", "of_another_queue"):
        store.create_dataset(name=name, **said)
    store.add_entries(dataset="golden", entries=[entry(item, 1)], note="first", **said)
    store.add_entries(dataset="golden", entries=[entry(item, 2)], note="second", **said)
    elsewhere = busy.listed(queue="before").items[0]
    store.add_entries(dataset="of_another_queue", entries=[entry(elsewhere, 1)], **said)
    lines = list(store.export_queue(project=PROJECT, queue="spot_checks"))

    other_store.import_queue(lines=lines, **said)
    other_store.import_queue(lines=lines, name="copy", **said)

    assert [(m.person, m.role, m.queue) for m in other_store.members(project=PROJECT)] == [
        ("ana", Role.ANNOTATOR, "spot_checks"),
        ("ana", Role.ANNOTATOR, "copy"),
        ("mia", Role.MANAGER, None),
    ]
    views = {view.name: view.queue for view in other_store.views(project=PROJECT)}
    assert views == {"mine": "spot_checks", "mine 2": "copy"}
    hooks = other_store.webhooks(project=PROJECT)
    assert {(h.url, h.secret, h.queue) for h in hooks} == {
        (hook.url, hook.secret, "spot_checks"),
        (hook.url, hook.secret, "copy"),
    }
    (dataset,) = other_store.datasets(project=PROJECT)
    assert (dataset.name, dataset.version, dataset.entries) == ("golden", 2, 1)
    for version in (1, 2):
        (moved,) = other_store.entries(project=PROJECT, dataset="golden", version=version)
        assert moved.input == version
        there = other_store.item(project=PROJECT, item_id=moved.provenance["item_id"])
        assert (there.queue, there.object_id) == ("spot_checks", item.object_id)


def entry(item, given):
    return DatasetEntry(
        object_type=item.object_type,
        object_id=item.object_id,
        input=given,
        output="out",
        expected=None,
        provenance={"queue": item.queue, "item_id": item.id},
    )


def test_a_line_of_an_older_export_says_who_holds_the_item():
    old = {
        "id": 4,
        "queue_id": 1,
        "state": "in_progress",
        "labels_wanted": 2,
        "labels_done": 1,
        "holder": "ana",
        "token": "t",
        "claimed_by": "ana",
        "claimed_at": 5,
        "lease_until": 9,
        "updated_at": 5,
    }

    row, lease = in_this_form(dict(old))

    assert (row["open_seats"], "holder" in row) == (0, False)
    assert (lease["item_id"], lease["reviewer"], lease["lease_until"]) == (4, "ana", 9)
    assert in_this_form(old | {"state": "completed"})[1] is None


def test_work_goes_on_in_the_moved_queue(busy, other_store):
    lines = list(busy.store.export_queue(project=PROJECT, queue="spot_checks"))
    other_store.import_queue(project=PROJECT, lines=lines, now=busy.clock.now, actor="mia")
    moved = Desk(other_store, busy.clock)
    moved.clock.pass_seconds(61)
    standing = len(moved.annotations())

    moved.complete(moved.next("fay"), AnnotationDraft(field="correct", value=True))
    dee = next(row for row in moved.annotations() if row.reviewer == "dee")
    moved.annotate(
        dee.item_id, "dee", AnnotationDraft(field="correct", value=True, anchor=dee.anchor)
    )

    assert len(moved.annotations()) == standing + 1


def test_a_copy_beside_the_original_needs_a_name_of_its_own(busy):
    lines = list(busy.store.export_queue(project=PROJECT, queue="spot_checks"))
    said = {"project": PROJECT, "lines": lines, "now": busy.clock.now, "actor": "mia"}

    with pytest.raises(AlreadyExistsError):
        busy.store.import_queue(**said)
    copy = busy.store.import_queue(name="copy", **said)

    assert copy.link != busy.store.queue(project=PROJECT, name="spot_checks").link
    assert told(busy.store, "copy")["progress"].total == 8


@pytest.mark.parametrize("lines", [[], ["nonsense"], ['{"record":"items","id":1}']])
def test_what_is_no_export_is_refused_and_stores_nothing(desk, lines):
    with pytest.raises(InvalidValueError, match="export"):
        desk.store.import_queue(project=PROJECT, lines=lines, now=desk.clock.now, actor="mia")

    assert desk.store.queues(project=PROJECT) == []


def test_a_cut_export_is_not_half_stored(busy, other_store):
    lines = list(busy.store.export_queue(project=PROJECT, queue="spot_checks"))
    cut = [*lines[:6], lines[6][:20]]

    with pytest.raises(InvalidValueError, match="line 7"):
        other_store.import_queue(project=PROJECT, lines=cut, now=busy.clock.now, actor="mia")

    assert other_store.queues(project=PROJECT) == []
