"""What nobody sends on purpose is refused in one way on every engine, and changes nothing."""

from __future__ import annotations

import base64
import json
import math
from datetime import datetime

import pytest

from queue_store.errors import InvalidValueError, NotFoundError
from queue_store.model import (
    AnnotationDraft,
    DatasetEntry,
    FieldType,
    ItemDraft,
    ObjectType,
    Role,
    Selection,
)
from tests.queue_store.desk import NOW, PROJECT, trace

NUL, SURROGATE = "a\x00b", "a\ud800b"
TEXTS = [pytest.param(NUL, id="nul"), pytest.param(SURROGATE, id="surrogate")]
FAR = [2**31, 2**40, 2**70, 0, -1]
HERE = {"project": PROJECT}
SIGNED = {"now": NOW, "actor": "mia"}


@pytest.fixture
def open_desk(desk):
    desk.field()
    desk.field("note", FieldType.STRING)
    desk.field("count", FieldType.INTEGER)
    desk.field("share", FieldType.NUMBER)
    desk.queue(fields=("correct", "note", "count", "share"))
    desk.add(2)
    return desk


def test_a_lease_that_cannot_be_is_refused(open_desk):
    for seconds in (0, -1, math.inf, math.nan, 1e15):
        with pytest.raises(InvalidValueError, match="lease_seconds"):
            open_desk.next("ana", lease_seconds=seconds)
        with pytest.raises(InvalidValueError, match="lease"):
            open_desk.queue("other", lease_seconds=seconds)


def test_numbers_that_no_row_has_are_not_found(open_desk):
    store = open_desk.store
    for number in FAR:
        with pytest.raises(NotFoundError):
            open_desk.item(number)
        with pytest.raises(NotFoundError):
            open_desk.claim(number)
        with pytest.raises(NotFoundError):
            store.annotation(**HERE, annotation_id=number)
        with pytest.raises(NotFoundError):
            store.delete_webhook(**HERE, webhook_id=number, **SIGNED)
        assert store.audit(**HERE, item_id=number) == []
        assert open_desk.annotations(item_id=number) == []


@pytest.mark.parametrize("text", TEXTS)
def test_characters_that_cannot_be_stored_are_refused(open_desk, text):
    store = open_desk.store
    claim = open_desk.next("ana")
    writes = [
        lambda: open_desk.queue(text),
        lambda: open_desk.next(text),
        lambda: open_desk.skip(claim, reason=text),
        lambda: open_desk.annotate(
            1, "ana", AnnotationDraft(field="correct", value=True, comment=text)
        ),
        lambda: store.create_issue(**HERE, title=text, **SIGNED),
        lambda: store.grant(project="other", person=text, role=Role.MANAGER, **SIGNED),
        lambda: open_desk.listed(text=text),
        lambda: store.queues(project=text),
    ]
    before = store.audit(**HERE)
    for write in writes:
        with pytest.raises(InvalidValueError, match="cannot be stored"):
            write()

    assert store.audit(**HERE) == before
    assert open_desk.item(1).holder == "ana"


@pytest.mark.parametrize("text", TEXTS)
def test_what_detectors_quote_is_added_whatever_stands_in_it(open_desk, text):
    draft = ItemDraft(
        object_type=ObjectType.SESSION,
        object_id=f"chat-{text}",
        reason=f"said {text!s}",
        metadata={"quote": text, "share": math.nan},
    )
    (item_id,) = open_desk.add_drafts([draft]).item_ids

    item = open_desk.item(item_id)
    assert item.object_id == "chat-a\ufffdb"
    assert item.reason == "said a\ufffdb"
    assert item.metadata["share"] is None
    assert open_desk.add_drafts([draft]).duplicates == 1


def test_a_token_may_be_any_text(open_desk):
    open_desk.next("ana")
    for token in ("", "é", NUL, SURROGATE, "x" * 10_000):
        with pytest.raises(Exception, match="held by ana"):
            open_desk.store.release(**HERE, item_id=1, token=token, now=NOW)


def test_numbers_beyond_measure_are_no_answers(open_desk):
    answers = [("count", 10**30), ("count", 10**5000), ("share", 10**400), ("share", "1e999")]
    for field, value in answers:
        with pytest.raises(InvalidValueError, match=field):
            open_desk.annotate(1, "ana", AnnotationDraft(field=field, value=value))


def test_time_spent_must_be_a_time(open_desk):
    answer = AnnotationDraft(field="correct", value=True)
    for seconds in (math.nan, math.inf, -1.0):
        with pytest.raises(InvalidValueError, match="seconds_spent"):
            open_desk.annotate(1, "ana", answer, seconds_spent=seconds)


def test_a_required_text_without_a_character_is_missing(desk):
    desk.field("why", FieldType.STRING, required=True)
    desk.queue(fields=("why",))
    desk.add(1)
    claim = desk.next("ana")

    for answer in ("", "  \n"):
        with pytest.raises(InvalidValueError, match="why"):
            desk.complete(claim, AnnotationDraft(field="why", value=answer))
    assert desk.item(1).holder == "ana"
    assert desk.annotations() == []


def test_a_draft_that_cannot_be_stored_stores_none(open_desk):
    drawn = Selection(rule="r", rule_version="1", p=1.5, u=0.1, salt="s", selected=True)
    for facts in (
        {"revision": 2**40},
        {"revision": 0},
        {"priority": 10**400},
        {"priority": "5"},
        {"object_type": "blob"},
        {"source": "nobody"},
        {"metadata": {"a": object()}},
        {"selection": drawn},
    ):
        told = {"object_type": ObjectType.TRACE, "object_id": "new"} | facts
        with pytest.raises(InvalidValueError):
            open_desk.add_drafts([trace(7), ItemDraft(**told)])

    assert open_desk.progress().total == 2


def test_a_cursor_that_no_page_gave_is_refused(open_desk):
    for inside in ([0, 1e400], [0, 10**30], ["nan", 1], [0], {}, [None, None], "x", 5):
        cursor = base64.urlsafe_b64encode(json.dumps(inside).encode()).decode()
        with pytest.raises(InvalidValueError, match="cursor"):
            open_desk.listed(cursor=cursor)


def test_times_without_a_zone_are_refused(open_desk):
    bare = datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(InvalidValueError, match="zone"):
        open_desk.listed(added_since=bare)
    with pytest.raises(InvalidValueError, match="zone"):
        open_desk.store.claim_next(**HERE, queue="spot_checks", reviewer="ana", now=bare)


def test_a_setting_that_cannot_be_leaves_the_queue_as_it_was(open_desk):
    before = open_desk.store.queue(**HERE, name="spot_checks")
    for changes in (
        {"state": "nope"},
        {"assignment": "by_luck"},
        {"labels_wanted": 2**40},
        {"extra_reviewers_max": 2**40},
        {"blind": "perhaps"},
    ):
        with pytest.raises(InvalidValueError):
            open_desk.store.update_queue(**HERE, name="spot_checks", changes=changes, **SIGNED)

    assert open_desk.store.queue(**HERE, name="spot_checks") == before


def test_text_is_found_whatever_its_case_in_every_alphabet(open_desk):
    open_desk.add_drafts([trace(9, reason="Die ÜBERSETZUNG brach ab: 100 % Ablehnung_")])

    for text in ("übersetzung", "ÜBERS", "100 %", "ung_"):
        assert open_desk.listed(text=text).total == 1, text
    for text in ("100%", "u_g", "\\"):
        assert open_desk.listed(text=text).total == 0, text


def test_pages_of_the_log_have_a_size(open_desk):
    for limit in (-1, 10_001, 2**70):
        with pytest.raises(InvalidValueError, match="limit"):
            open_desk.store.audit(**HERE, limit=limit)


def test_a_webhook_needs_a_host(open_desk):
    for url in ("http://", "https:///path", "ftp://a.example", "http://[::1"):
        with pytest.raises(InvalidValueError, match="url"):
            open_desk.store.create_webhook(**HERE, url=url, events=[], **SIGNED)


def test_an_entry_that_is_no_json_makes_no_version(open_desk):
    open_desk.store.create_dataset(**HERE, name="kept", **SIGNED)
    entry = DatasetEntry(
        object_type=ObjectType.TRACE,
        object_id="x",
        input=object(),
        output=None,
        expected=None,
        annotations=[],
        provenance={},
    )
    with pytest.raises(InvalidValueError, match="JSON"):
        open_desk.store.add_entries(**HERE, dataset="kept", entries=[entry], **SIGNED)
    assert open_desk.store.dataset(**HERE, name="kept").version == 0


def test_names_are_as_long_as_every_engine_indexes_and_no_longer(open_desk):
    longest, longer = "ä" * 200, "ä" * 201
    (item, *_) = open_desk.listed().items
    refused = (
        lambda: open_desk.queue(longer),
        lambda: open_desk.store.update_queue(
            **HERE, **SIGNED, name=longest, changes={"name": longer}
        ),
        lambda: open_desk.field(longer),
        lambda: open_desk.next(longer),
        lambda: open_desk.claim(item.id, longer),
        lambda: open_desk.annotate(item.id, longer, AnnotationDraft(field="correct", value=True)),
    )

    open_desk.queue(longest)
    open_desk.field(longest)
    assert open_desk.next(longest).item.id == item.id
    for act in refused:
        with pytest.raises(InvalidValueError, match="at most 200 characters, this one 201"):
            act()
