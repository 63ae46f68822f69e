"""Queues and fields: made once, changed on record, found by name or link."""

from __future__ import annotations

import pytest

from queue_store.errors import (
    AlreadyExistsError,
    FieldImmutableError,
    InvalidValueError,
    NotFoundError,
)
from queue_store.model import (
    AnnotationDraft,
    FieldDraft,
    FieldOption,
    FieldType,
    QueueKind,
    QueueState,
)
from queue_store.system_queues import SYSTEM_QUEUES
from tests.queue_store.desk import PROJECT


def test_every_project_gets_the_eleven_system_queues_once(desk):
    for _ in range(2):
        found = desk.store.ensure_system_queues(
            project=PROJECT, specs=SYSTEM_QUEUES, now=desk.clock.now
        )

    assert [queue.name for queue in found] == [spec.name for spec in SYSTEM_QUEUES]
    assert len(found) == 11
    assert all(queue.kind is QueueKind.SYSTEM and queue.description for queue in found)
    assert desk.store.queues(project="another") == []


def test_what_people_changed_in_a_system_queue_stays(desk):
    desk.store.ensure_system_queues(project=PROJECT, specs=SYSTEM_QUEUES, now=desk.clock.now)
    desk.store.update_queue(
        project=PROJECT,
        name="refusal",
        changes={"instructions": "ours"},
        now=desk.clock.now,
        actor="mia",
    )
    desk.store.ensure_system_queues(project=PROJECT, specs=SYSTEM_QUEUES, now=desk.clock.now)

    assert desk.store.queue(project=PROJECT, name="refusal").instructions == "ours"


def test_a_name_is_taken_once_a_project(desk):
    desk.queue()

    with pytest.raises(AlreadyExistsError):
        desk.queue()


def test_a_link_survives_a_new_name(desk):
    before = desk.queue()
    desk.store.update_queue(
        project=PROJECT,
        name="spot_checks",
        changes={"name": "samples"},
        now=desk.clock.now,
        actor="mia",
    )

    after = desk.store.queue(project=PROJECT, name=before.link)

    assert (after.id, after.name, after.revision) == (before.id, "samples", 2)


def test_an_unknown_setting_names_the_nearest(desk):
    desk.queue()

    with pytest.raises(NotFoundError, match="instructions"):
        desk.store.update_queue(
            project=PROJECT,
            name="spot_checks",
            changes={"instruction": "x"},
            now=desk.clock.now,
            actor="mia",
        )


@pytest.mark.parametrize(
    "settings",
    [
        {"name": " "},
        {"filter_sql": "is_error"},
        {"kind": QueueKind.LIVE, "sample_rate": 1.5},
        {"labels_wanted": 0},
        {"overlap_share": -0.1},
        {"lease_seconds": 0.0},
        {"assignees": ("ana", " ")},
        {"assignees": ("ana", "ben", "ana")},
    ],
)
def test_settings_that_cannot_be_are_refused(desk, settings):
    with pytest.raises(InvalidValueError):
        desk.queue(**settings)

    assert desk.store.queues(project=PROJECT) == []


def test_a_queue_pins_the_version_of_its_fields(desk):
    desk.field(description="right?")
    desk.queue(fields=("correct",))
    desk.store.create_field(
        project=PROJECT,
        draft=FieldDraft(name="correct", type=FieldType.INTEGER),
        now=desk.clock.now,
        actor="mia",
        new_version=True,
    )
    desk.add(1)
    (row,) = desk.annotate(1, "ana", AnnotationDraft(field="correct", value=True))

    assert desk.store.queue(project=PROJECT, name="spot_checks").field_versions == (1,)
    assert row.field_version == 1


def test_an_unknown_field_of_a_form_names_the_nearest_and_makes_no_queue(desk):
    desk.field()

    with pytest.raises(NotFoundError, match="did you mean correct"):
        desk.queue(fields=("corect",))

    assert desk.store.queues(project=PROJECT) == []


def test_the_same_field_again_is_the_same_field(desk):
    assert desk.field() == desk.field()


def test_a_field_never_changes(desk):
    desk.field()

    with pytest.raises(FieldImmutableError, match="another definition") as caught:
        desk.field(kind=FieldType.INTEGER)

    assert (caught.value.field, caught.value.version) == ("correct", 1)


def test_a_used_field_cannot_be_deleted(desk):
    desk.field()
    desk.field("spare")
    desk.queue(fields=("correct",))

    with pytest.raises(FieldImmutableError, match="uses it"):
        desk.store.delete_field(project=PROJECT, name="correct", now=desk.clock.now, actor="mia")
    desk.store.delete_field(project=PROJECT, name="spare", now=desk.clock.now, actor="mia")
    assert [field.name for field in desk.store.fields(project=PROJECT)] == ["correct"]


def test_a_shared_field_is_seen_by_every_project(desk):
    desk.field("tone", shared=True)

    assert desk.store.field(project="another", name="tone").project is None


def test_fields_belong_to_their_project(desk):
    desk.field()

    with pytest.raises(NotFoundError):
        desk.store.field(project="another", name="correct")


@pytest.mark.parametrize(
    "draft",
    [
        {"type": FieldType.CATEGORICAL},
        {"type": FieldType.CATEGORICAL, "options": (FieldOption(value="a"),)},
        {"type": FieldType.BOOLEAN, "options": (FieldOption(value="a"),)},
        {"type": FieldType.BOOLEAN, "minimum": 1.0},
        {"type": FieldType.INTEGER, "minimum": 2.0, "maximum": 1.0},
        {"type": FieldType.INTEGER, "multiple": True},
        {"type": FieldType.BOOLEAN, "positive": "maybe"},
        {"type": FieldType.STRING, "positive": "x"},
        {"type": FieldType.NUMBER, "positive": "true"},
        {"type": FieldType.BOOLEAN, "name": "a=b"},
    ],
)
def test_a_definition_that_no_value_could_fit_is_refused(desk, draft):
    with pytest.raises(InvalidValueError):
        desk.store.create_field(
            project=PROJECT,
            draft=FieldDraft(**({"name": "field"} | draft)),
            now=desk.clock.now,
            actor="mia",
        )


def test_an_archived_queue_takes_nothing(desk):
    desk.queue(state=QueueState.ARCHIVED)

    with pytest.raises(InvalidValueError, match="archived"):
        desk.add(1)
