from __future__ import annotations

import random
import re
from concurrent.futures import ThreadPoolExecutor

import polars as pl

from analytics.text import scanner
from analytics.text.scanner import FOUND, Scanner

PATTERNS = ("refund", r"\bDAN\b", r"can.{1,6}t ", r"[\w\x80-\xff]+ing\b", r"\xe2\x80[\x8b-\x8f]")
PIECES = (
    "Refund",
    "dan",
    "dance",
    "can't ",
    "can\u2019t ",
    "cann\not",
    "übering",
    "zero\u200bwidth",
)


def texts(seed, count=400):
    chance = random.Random(seed)
    some = [
        "".join(chance.choices((*PIECES, " ", "\n"), k=chance.randint(0, 6))) for _ in range(count)
    ]
    return pl.Series(chance.choice([text, text, text, None]) for text in some)


def one_by_one(series):
    """What Python's own engine says of the bytes of each text."""
    return {
        (row, place)
        for row, text in enumerate(series)
        for place, pattern in enumerate(PATTERNS)
        if re.search(pattern.encode(), (text or "").encode(), re.IGNORECASE)
    }


def places(found):
    return set(found.select("row", "pattern").iter_rows())


def test_what_is_found_is_what_each_expression_finds_alone():
    some = texts(1)

    found = Scanner(PATTERNS).found(some)

    assert found.schema == FOUND
    assert places(found) == one_by_one(some)
    assert {place for _, place in places(found)} == set(range(len(PATTERNS)))


def test_large_columns_are_read_piece_by_piece(monkeypatch):
    monkeypatch.setattr(scanner, "BYTES_AT_ONCE", 50)
    some = pl.concat([texts(2), pl.Series(["refund " * 100, "", None]), texts(3)])

    assert places(Scanner(PATTERNS).found(some)) == one_by_one(some)


def test_a_slice_of_a_column_has_rows_of_its_own():
    some = texts(4)

    assert places(Scanner(PATTERNS).found(some[100:200])) == one_by_one(some[100:200])


def test_occurrences_are_counted():
    found = Scanner(("turn", "never")).found(pl.Series(["turn, turn, Turn", "return", "none"]))

    assert found.rows() == [(0, 0, 3), (1, 0, 1)]


def test_a_word_does_not_reach_over_two_texts():
    assert Scanner(("ab",)).found(pl.Series(["a", "b"])).is_empty()


def test_nothing_is_found_in_nothing():
    scan = Scanner(PATTERNS)

    assert scan.found(pl.Series([], dtype=pl.String)).is_empty()
    assert scan.found(pl.Series([None, None], dtype=pl.String)).is_empty()


def test_several_threads_share_one_scanner():
    scan, columns = Scanner(PATTERNS), [texts(seed, 2000) for seed in range(8)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(scan.found, columns))

    assert [places(frame) for frame in found] == [one_by_one(column) for column in columns]


def test_bytes_that_no_text_holds_are_found_nowhere():
    scan = Scanner(("refund",))

    assert scan.found(pl.Series(["\u00ff \U0010ffff \x7f", "refund"])).rows() == [(1, 0, 1)]


def test_nothing_is_found_around_the_texts():
    scan = Scanner((r"\s", r"\0", r"[^x]"))

    assert scan.found(pl.Series(["x", "", "x"])).select("row", "pattern").rows() == [
        *((0, 0), (0, 1), (0, 2)),
        *((1, 0), (1, 1), (1, 2)),
        *((2, 0), (2, 1), (2, 2)),
    ]
    assert scan.found(pl.Series(["x"]))["times"].to_list() == [1, 1, 2]
