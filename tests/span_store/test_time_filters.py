"""Filters over columns of time, as people write them."""

import polars as pl
import pytest

from span_store.errors import InvalidFilterError
from span_store.filters import compile_filter
from span_store.schema import SPANS
from span_store.time_literals import with_times

SECOND = 1_000_000_000
NINE = 1_772_442_000 * SECOND
"""2026-03-02T09:00:00Z."""


def kept(filter_sql: str) -> str:
    frame = pl.DataFrame(
        {
            "name": ["before", "at", "after", "start_time = '2026'", None],
            "start_time": [NINE - 1, NINE, NINE + 1, NINE + 86_400 * SECOND, None],
        },
        schema={"name": pl.String, "start_time": pl.Datetime("ns", "UTC")},
    )
    names = frame.filter(compile_filter(filter_sql, SPANS))["name"].to_list()
    return " ".join(str(name)[:10] for name in names)


@pytest.mark.parametrize(
    ("filter_sql", "names"),
    [
        ("start_time = '2026-03-02T09:00:00Z'", "at"),
        ("start_time < '2026-03-02 09:00'", "before"),
        ("start_time <= '2026-03-02T10:00:00.000000001+01:00'", "before at after"),
        ("start_time >= TIMESTAMP '2026-03-02 09:00:00' AND name <> 'at'", "after start_time"),
        ("'2026-03-02T09:00:00.000000001Z' <= \"start_time\"", "after start_time"),
        ("START_TIME BETWEEN '2026-03-02' AND date '2026-03-03' and name = 'at'", "at"),
        ("start_time not between '2026-03-01' and '2026-03-02T09:00:01Z'", "start_time"),
        ("start_time > '2026-03-02T09:00:00.5'::timestamp", "start_time"),
        ("start_time IN ('2026-03-02T09:00:00Z', TIMESTAMP '2026-03-03 09:00')", "at start_time"),
        (
            "start_time not in ( '2026-03-02T10:00:00+01:00' ) and name <> 'after'",
            "before start_time",
        ),
        ("name = 'start_time = ''2026'''", "start_time"),
    ],
)
def test_times_are_compared_to_the_nanosecond(filter_sql: str, names: str) -> None:
    assert kept(filter_sql) == names


@pytest.mark.parametrize("text", ["yesterday", "2026-13-02", "2026-03-02T25:00", ""])
def test_a_text_that_is_no_time_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(InvalidFilterError, match="write one as '2026-03-01T08:00:00Z'"):
        compile_filter(f"start_time > '{text}'", SPANS)
    with pytest.raises(InvalidFilterError, match="write one as '2026-03-01T08:00:00Z'"):
        compile_filter(f"start_time IN ('2026-03-01', '{text}')", SPANS)


def test_a_table_without_times_keeps_its_filter() -> None:
    assert with_times("name = '2026-03-01'", []) == "name = '2026-03-01'"
