from __future__ import annotations

import polars as pl
import pytest

from analytics.text.normalise import (
    HEAD_CHARACTERS,
    TAIL_CHARACTERS,
    normal_forms,
    normalised,
)


def normal(text):
    return pl.select(normalised(pl.lit(text, pl.String))).item()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("  Ignore\n\tALL  rules ", "ignore all rules"),
        ("ig\u200bno\u00adre", "ignore"),
        ("\uff29\uff27\uff2e\uff2f\uff32\uff25", "ignore"),
        ("I can\u2019t", "i can't"),
        ("", ""),
        (None, None),
    ],
)
def test_one_spelling_for_every_disguise(written, read):
    assert normal(written) == read


def test_a_long_text_keeps_its_head_and_its_tail():
    text = normal("a" * 50_000 + "THE END")

    assert text.startswith("aaa")
    assert text.endswith("the end")
    assert len(text) == HEAD_CHARACTERS + 1 + TAIL_CHARACTERS


def test_texts_in_ascii_and_others_stay_in_their_order():
    texts = ["One  TWO", "\uff34hree", None, " \u00a0 four\t", "", "five \nSIX", "\u017fEVEN"]

    forms = ["one two", "three", None, "four", "", "five six", "seven"]
    assert normal_forms(pl.Series("text", texts)).to_list() == forms
    assert normal_forms(pl.Series("text", texts[::-1])).to_list() == forms[::-1]
    assert [normal(text) for text in texts] == forms
