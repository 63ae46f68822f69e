from __future__ import annotations

import polars as pl
import pytest

from analytics.text.normalise import HEAD_CHARACTERS, TAIL_CHARACTERS, normalised


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
