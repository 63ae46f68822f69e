from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cli.trace_tree import branches, drawn

FACTS = dict.fromkeys(
    ["duration_ms", "total_tokens", "cost_usd", "is_error", "status_message", "error_type"]
)


def span(span_id, parent=None, start="2026-01-01T00:00:00Z", **more):
    return FACTS | {
        "span_id": span_id,
        "parent_span_id": parent,
        "start_time": start,
        "name": span_id,
        **more,
    }


def shape(spans):
    return [(branch.span["span_id"], branch.depth) for branch in branches(spans)]


def test_children_stand_below_their_parents_in_the_order_they_began():
    spans = [
        span("late", "root", "2026-01-01T00:00:03Z"),
        span("grandchild", "early", "2026-01-01T00:00:02Z"),
        span("early", "root", "2026-01-01T00:00:01Z"),
        span("root"),
    ]

    assert shape(spans) == [("root", 0), ("early", 1), ("grandchild", 2), ("late", 1)]


def test_a_span_whose_parent_was_not_received_is_a_root_and_says_so():
    (branch,) = branches([span("child", "gone")])

    assert branch.is_orphan
    assert "(its parent gone was not received)" in drawn(branch)


def test_a_ring_of_parents_is_not_told_as_parents_that_are_missing():
    assert [branch.is_orphan for branch in branches([span("a", "b"), span("b", "a")])] == [
        False
    ] * 2


def test_what_a_sender_writes_stays_on_its_line_and_in_its_colour():
    (branch,) = branches([span("a", is_error=True, status_message="no\r\n\x1b[31msuch\x07 user")])

    assert drawn(branch).endswith("ERROR no \N{REPLACEMENT CHARACTER}[31msuch\ufffd user")


def test_an_error_shows_its_message():
    (branch,) = branches([span("a", is_error=True, status_message="no such user")])

    assert drawn(branch).endswith("ERROR no such user")


@given(
    st.lists(st.sampled_from("abcdef"), unique=True).flatmap(
        lambda ids: st.fixed_dictionaries({i: st.sampled_from([*"abcdefx", None]) for i in ids})
    )
)
def test_every_span_appears_once_whatever_the_parents_are(parents):
    shown = [name for name, _ in shape([span(i, parent) for i, parent in parents.items()])]

    assert sorted(shown) == sorted(parents)
