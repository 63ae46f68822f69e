"""Anchors: a quoted place is found again when the conversation grew."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from queue_store.anchors import anchored, found_again, of_quote
from queue_store.errors import InvalidValueError

PLACE = ("output", 0, 0)
TEXTS = {PLACE: "We offer no refunds. Really, no refunds at all."}


def test_an_anchor_keeps_the_quote_and_what_stands_around_it():
    anchor = anchored(TEXTS, PLACE, 9, 19)

    assert (anchor.quote, anchor.prefix) == ("no refunds", "We offer ")
    assert anchor.suffix.startswith(". Really")


def test_of_several_occurrences_the_context_decides():
    anchor = anchored(TEXTS, PLACE, 29, 39)
    grown = {PLACE: "Hello! " + TEXTS[PLACE]}

    found = found_again(anchor, grown)

    assert (found.start, found.quote) == (36, "no refunds")


def test_a_passage_is_found_in_another_message_when_earlier_ones_were_put_in():
    anchor = anchored(TEXTS, PLACE, 9, 19)
    moved = {("output", 0, 0): "Let me look.", ("output", 3, 0): TEXTS[PLACE]}

    found = found_again(anchor, moved)

    assert (found.message_index, found.start) == (3, 9)


def test_a_passage_that_is_gone_is_not_guessed():
    anchor = anchored(TEXTS, PLACE, 9, 19)

    assert found_again(anchor, {PLACE: "We offer refunds."}) is None


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (3, 3), (0, 10_000)])
def test_a_range_outside_the_text_is_refused(start, end):
    with pytest.raises(InvalidValueError):
        anchored(TEXTS, PLACE, start, end)


@pytest.mark.parametrize(("quote", "times"), [("no refunds", 2), ("a refund", 0)])
def test_a_quote_must_stand_there_once(quote, times):
    with pytest.raises(InvalidValueError, match=f"{times} times"):
        of_quote(quote, TEXTS)


@given(
    text=st.text(min_size=1, max_size=60),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
    data=st.data(),
)
def test_text_put_before_and_after_never_loses_a_passage(text, before, after, data):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    anchor = anchored({PLACE: text}, PLACE, start, end)
    grown = before + text + after
    assume(grown.count(anchor.quote) == 1)

    found = found_again(anchor, {PLACE: grown})

    assert found.quote == anchor.quote
    assert found.start == len(before) + start
