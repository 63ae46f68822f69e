"""Bulk import of answers: bad rows are named, good ones are stored once."""

from __future__ import annotations

import pytest

from queue_store.model import AnnotationDraft, AnnotationState, ImportRow, RowProblem
from tests.queue_store.desk import PROJECT


def row(line=2, value="true", **facts):
    settings = {"object_type": "trace", "object_id": "a" * 32, "reviewer": "ana"}
    return ImportRow(line=line, field="correct", value=value, **(settings | facts))


def bring(desk, *rows, **more):
    return desk.store.import_annotations(
        project=PROJECT, rows=rows, now=desk.clock.now, actor="mia", **more
    )


def test_importing_twice_stores_once(desk):
    desk.field()
    rows = [row(2), row(3, reviewer="ben", value="false")]

    first, again = bring(desk, *rows), bring(desk, *rows)

    assert (first.added, first.duplicates) == (2, 0)
    assert (again.added, again.duplicates) == (0, 2)
    assert len(desk.annotations()) == 2


def test_a_bad_row_is_named_and_nothing_is_stored(desk):
    desk.field()

    result = bring(
        desk,
        row(2),
        row(3, value="maybe"),
        ImportRow(
            line=4, object_type="trace", object_id="x", reviewer="a", field="corect", value="true"
        ),
        row(5, object_type="trce"),
        row(6, reviewer=" "),
        row(7, queue="nowhere"),
        row(8, inclusion_probability="0"),
        row(9, time="yesterday"),
        row(10, time="2026-01-31T12:00:00"),
    )

    assert (result.added, desk.annotations()) == (0, [])
    assert [problem.line for problem in result.problems] == [3, 4, 5, 6, 7, 8, 9, 10]
    assert "did you mean correct" in result.problems[1].reason


STRANGE = {
    "object_type": ["trace"],
    "object_id": {"trace": 1},
    "reviewer": "a\0b",
    "field": ["correct"],
    "value": [True],
    "queue": ["checks"],
    "time": "9999-12-31T23:59:59-10:00",
    "inclusion_probability": "half",
    "cluster": {"user": 1},
    "adjudicated": [],
    "blind": "maybe",
    "comment": ["x"],
    "corrected_output": "half an emoji \ud83d",
    "also_acceptable": [[1]],
    "anchor": {"direction": "input", "message_index": "first"},
    "seconds_spent": "long",
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_cell_that_nothing_can_be_made_of_is_named_and_the_rest_is_kept(desk, name):
    desk.field()
    strange = ImportRow(
        **{"line": 3, "object_type": "trace", "object_id": "b" * 32, "reviewer": "ben",
           "field": "correct", "value": "true"} | {name: STRANGE[name]}
    )  # fmt: skip

    refused = bring(desk, row(2), strange)
    kept = bring(desk, row(2), strange, skip_bad=True)

    assert (refused.added, kept.added, len(desk.annotations())) == (0, 1, 1)
    (problem,) = refused.problems
    assert problem.line == 3
    # A value is told by the name of its field, which says what would fit.
    assert problem.reason.startswith("correct" if name in {"value", "also_acceptable"} else name)


def test_rows_that_could_not_be_read_keep_the_others_out_unless_they_are_wanted(desk):
    desk.field()
    unread = [RowProblem(line=3, reason="is not JSON")]

    refused = bring(desk, row(2), row(4, value="maybe"), unreadable=unread)
    kept = bring(desk, row(2), unreadable=unread, skip_bad=True)

    assert [problem.line for problem in refused.problems] == [3, 4]
    assert (refused.added, kept.added, kept.problems) == (0, 1, tuple(unread))


def test_numbers_as_names_are_text(desk):
    desk.field()

    bring(desk, row(reviewer=7, cluster=12))

    (stored,) = desk.annotations()
    assert (stored.reviewer, stored.cluster) == ("7", "12")


def test_good_rows_can_be_kept(desk):
    desk.field()

    result = bring(desk, row(2), row(3, value="maybe"), skip_bad=True)

    assert (result.added, len(result.problems)) == (1, 1)


def test_weights_and_clusters_come_back(desk):
    desk.field()
    bring(desk, row(inclusion_probability="0.25", cluster="c1", time="2026-01-30T10:00:00Z"))

    (stored,) = desk.annotations()

    assert (stored.inclusion_probability, stored.cluster) == (0.25, "c1")
    assert stored.time.isoformat() == "2026-01-30T10:00:00+00:00"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_answers_the_later_stands_in_whatever_order_they_come(desk, order):
    desk.field()
    rows = [
        row(2, value="true", time="2026-01-30T10:00:00Z"),
        row(3, value="false", time="2026-01-30T11:00:00Z"),
    ]

    bring(desk, *(rows[index] for index in order))
    bring(desk, *rows)

    assert [entry.value for entry in desk.annotations()] == [False]
    states = [entry.state for entry in desk.annotations(history=True)]
    assert sorted(states) == [AnnotationState.SUBMITTED, AnnotationState.SUPERSEDED]


def test_an_answer_in_a_queue_counts_for_its_item(desk):
    desk.field()
    desk.queue()
    (item_id,) = desk.add(1).item_ids

    bring(desk, row(object_id=f"{0:032x}", queue="spot_checks"))

    (stored,) = desk.annotations(queue="spot_checks")
    assert stored.item_id == item_id
    assert desk.progress().with_responses == 1
    assert desk.progress().completed == 0


def test_an_import_never_overwrites_what_was_answered_here(desk):
    desk.field()
    desk.queue()
    (item_id,) = desk.add(1).item_ids
    desk.annotate(item_id, "ana", AnnotationDraft(field="correct", value=True))

    bring(desk, row(object_id=f"{0:032x}", reviewer="ben", queue="spot_checks", value="false"))

    assert {entry.reviewer: entry.value for entry in desk.annotations()} == {
        "ana": True,
        "ben": False,
    }


def test_a_later_file_adds_a_forgotten_probability_or_cluster(desk):
    desk.field()
    bring(desk, row(2), row(3, reviewer="ben"))

    later = bring(desk, row(2, inclusion_probability="0.5"), row(3, reviewer="ben", cluster="c"))
    again = bring(desk, row(2, inclusion_probability="0.5"), row(3, reviewer="ben"))

    assert (later.added, later.duplicates, later.updated) == (0, 2, 2)
    assert (again.added, again.duplicates, again.updated) == (0, 2, 0)
    facts = {one.reviewer: (one.inclusion_probability, one.cluster) for one in desk.annotations()}
    assert facts == {"ana": (0.5, None), "ben": (None, "c")}


def test_the_last_of_several_facts_in_one_file_holds(desk):
    desk.field()

    result = bring(
        desk,
        row(2, inclusion_probability="0.5"),
        row(3, inclusion_probability="0.25"),
        row(4, value="false", cluster="c"),
        row(5, value="false", cluster="d"),
    )

    assert (result.added, result.duplicates, result.replaced, result.updated) == (2, 2, 1, 2)
    earlier, standing = desk.annotations(history=True)
    assert (earlier.value, earlier.inclusion_probability) == (True, 0.25)
    assert (standing.value, standing.cluster) == (False, "d")


def test_what_was_answered_here_keeps_the_facts_of_its_item(desk):
    desk.field()
    desk.queue(fields=("correct",))
    desk.add(1)
    desk.annotate(1, "ana", AnnotationDraft(field="correct", value=True))
    (here,) = desk.annotations()

    result = bring(
        desk, row(object_id=here.object_id, queue="spot_checks", inclusion_probability="0.5")
    )

    assert (result.duplicates, result.updated) == (1, 0)
    (stored,) = desk.annotations()
    assert stored == here
