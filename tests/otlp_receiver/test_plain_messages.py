"""Texts that are taken for canonical without being read are canonical."""

from __future__ import annotations

import json
import random

import numpy as np
import polars as pl
import pytest

from otlp_receiver.dialects.canonical_text import CANONICAL_MESSAGES
from otlp_receiver.dialects.plain_messages import are_free_of_escapes, are_plain

PIECES = (
    '[{"role":"user","parts":[{"type":"text","content":"',
    '[{"role": "assistant", "parts": [{"type": "text", "content": "',
    '[{"role":"tool","parts":[{"content":"',
    '"}]}]',
    '"}],"finish_reason":"stop"}]',
    '", "type": "text"}], "finish_reason": "stop"}]',
    '","type":"text"}]}]',
    '"},{"type":"text","content":"',
    '"}]},{"role":"user","parts":[{"type":"text","content":"',
    "hello",
    "ünïcödé 漢",
    '"',
    "\\n",
    "\\",
    "\n",
    "\x1f",
    "",
    "null",
)


def canonical(texts: pl.Series) -> list[bool]:
    return texts.str.contains(CANONICAL_MESSAGES).fill_null(value=False).to_list()


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("more", [{}, {"finish_reason": "stop"}])
@pytest.mark.parametrize("role", ["system", "user", "assistant", "tool"])
def test_one_text_without_escapes_is_known_in_the_forms_that_senders_write(
    role: str, more: dict[str, str], separators: tuple[str, str]
) -> None:
    parts = [{"type": "text", "content": "ünï"}], [{"content": "x", "type": "text"}]
    texts = pl.Series(
        [json.dumps([{"role": role, "parts": p, **more}], separators=separators) for p in parts]
        + [json.dumps([{"role": role, "parts": parts[0], **more}], ensure_ascii=False)]
    )

    # The first text's letters are escaped, so it is read.
    assert are_plain(texts).tolist() == [False, True, True]
    assert all(canonical(texts))


def test_whatever_is_known_is_canonical() -> None:
    rand = random.Random(3)
    texts = ["".join(rand.choices(PIECES, k=rand.randint(1, 5))) for _ in range(40_000)]
    texts += [head + text + tail for head in PIECES[:3] for text in PIECES for tail in PIECES[3:7]]
    # A control character anywhere makes all of a batch be read.
    for batch in (texts, [text for text in texts if min(text, default=" ") >= " "]):
        series = pl.Series(batch)

        known = are_plain(series)

        wrong = [
            text
            for text, is_known, is_canonical in zip(batch, known, canonical(series), strict=True)
            if is_known and not is_canonical
        ]
        assert wrong == []
    assert known.sum() > 50


def test_what_is_known_of_all_texts_spares_a_look_at_each() -> None:
    rand = random.Random(4)
    pieces = [piece for piece in PIECES if "\\" not in piece and min(piece, default=" ") >= " "]
    texts = ["".join(rand.choices(pieces, k=rand.randint(1, 5))) for _ in range(20_000)]
    texts += [head + text + tail for head in pieces[:3] for text in pieces for tail in pieces[3:7]]
    series = pl.Series(texts)

    assert are_plain(series, hold_no_escapes=True).tolist() == are_plain(series).tolist()
    assert are_plain(series).sum() > 50


@pytest.mark.parametrize("place", [0, 2**18 - 1, 2**18, 300_000])
def test_a_character_to_escape_is_seen_wherever_it_stands(place: int) -> None:
    content = np.full(300_001, ord("a"), dtype=np.uint8)

    assert are_free_of_escapes(content)
    for character in ("\\", "\n", "\x1f", "\x00"):
        content[place] = ord(character)
        assert not are_free_of_escapes(content)
    content[place] = ord(" ")
    assert are_free_of_escapes(content)
    assert are_free_of_escapes(content[:0])


def test_nulls_and_nothing_are_not_known() -> None:
    assert are_plain(pl.Series([None, ""], dtype=pl.String)).tolist() == [False, False]
    assert are_plain(pl.Series([], dtype=pl.String)).tolist() == []
    some = pl.Series([None, '[{"role":"user","parts":[{"type":"text","content":"a"}]}]'])
    assert are_plain(some).tolist() == [False, True]
