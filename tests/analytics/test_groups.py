from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from analytics.groups import Groups, taken
from span_store.trace_order import trace_keys, trace_order


def rows(seed, *, shuffled):
    """Rows of 300 traces with gaps, equal times, and texts that differ within a trace."""
    chance = np.random.default_rng(seed)
    count = 4_000
    frame = pl.DataFrame(
        {
            "trace_id": [f"{number:032x}" for number in np.sort(chance.integers(0, 300, count))],
            "span_id": [f"{number:016x}" for number in chance.permutation(count)],
            "start_time": chance.integers(0, 40, count),
            "tokens": chance.integers(-5, 1000, count),
            "cost": chance.lognormal(-5, 2, count),
            "model": chance.choice(["a", "b", "c"], count),
            "is_call": chance.random(count) < 0.6,
        }
    ).with_columns(
        pl.when(pl.Series(chance.random(count) < gap))
        .then(None)
        .otherwise(pl.col(name))
        .alias(name)
        for name, gap in (
            *(("start_time", 0.1), ("tokens", 0.7), ("cost", 0.7), ("model", 0.7)),
            ("is_call", 0.2),
        )
    )
    frame = frame.sort("trace_id", "start_time", "span_id")
    return frame.sample(fraction=1.0, shuffle=True, seed=seed) if shuffled else frame


def grouped(frame):
    keys = trace_keys(frame["trace_id"])
    order = trace_order(keys, frame["start_time"], frame["span_id"])
    number = keys.to_numpy()
    return order, Groups(number if order is None else number[order], order)


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("of_calls", ["all", "within", "alone"])
def test_groups_answer_what_grouping_by_trace_answers(shuffled, of_calls):
    frame = rows(1, shuffled=shuffled)
    order, groups = grouped(frame)
    chosen = frame
    match of_calls:
        case "within":
            groups, chosen = groups.within(frame["is_call"]), frame.filter("is_call")
        case "alone":
            frame, groups = groups.alone(frame, frame["is_call"])
            chosen = frame
    expected = (
        chosen.sort("start_time", "span_id")
        .group_by("trace_id")
        .agg(
            pl.col("start_time").min().alias("least"),
            pl.col("start_time").max().alias("greatest"),
            pl.when(pl.col("tokens").count() > 0).then(pl.col("tokens").sum()).alias("tokens"),
            pl.when(pl.col("cost").count() > 0).then(pl.col("cost").sum()).alias("cost"),
            pl.col("span_id").first().alias("first"),
            pl.col("span_id").last().alias("last"),
            pl.col("model").drop_nulls().first().alias("model"),
            pl.col("span_id").filter(pl.col("tokens") > 500).first().alias("large"),
            (pl.col("tokens") > 500).sum().cast(pl.Int64).alias("count"),
        )
        .sort("trace_id")
    )

    models, several = groups.alike(frame["model"])
    found = pl.DataFrame(
        {
            "trace_id": frame["trace_id"].gather(groups.first()),
            "least": groups.least(frame["start_time"]),
            "greatest": groups.greatest(frame["start_time"]),
            "tokens": groups.total(frame["tokens"]),
            "cost": groups.total(frame["cost"]),
            "first": frame["span_id"].gather(groups.first()),
            "last": frame["span_id"].gather(groups.last()),
            "model": models,
            "large": frame["span_id"].gather(groups.first(frame["tokens"] > 500)),
            "count": groups.count(frame["tokens"] > 500),
        }
    ).sort("trace_id")

    assert (order is None) is not shuffled
    assert found.equals(expected)
    mixed = chosen.drop_nulls("model").filter(pl.col("model").n_unique().over("trace_id") > 1)
    named = frame["trace_id"].gather(groups.first()).gather(several["group"])
    assert sorted(zip(named, several["value"], strict=True)) == sorted(
        mixed.select("trace_id", "model").iter_rows()
    )


@pytest.mark.parametrize(
    "places", [[1, 2, 8], [8, 1, 2], [None, 4, 1], [1, None, 4], [3, 3], [], [None]]
)
@pytest.mark.parametrize("pieces", [1, 3])
def test_values_are_taken_from_a_column_in_pieces_as_from_one(places, pieces):
    size = 9 // pieces
    texts = pl.concat(
        [pl.Series("text", [f"{n}" for n in range(at, at + size)]) for at in range(0, 9, size)],
        rechunk=False,
    )
    assert texts.n_chunks() == pieces

    (found,) = taken([texts], pl.Series(places, dtype=pl.Int64))

    assert found.to_list() == [None if place is None else str(place) for place in places]
    assert found.n_chunks() == 1


def test_rows_of_equal_time_are_ordered_by_their_ids_alone():
    frame = pl.DataFrame(
        {
            "trace_id": ["a", "a", "b", "a", "a"],
            "span_id": ["4", "2", "9", "3", "1"],
            "start_time": [7, 7, 7, None, 7],
        }
    )

    order = trace_order(trace_keys(frame["trace_id"]), frame["start_time"], frame["span_id"])

    assert order is not None
    ordered = frame[order].filter(pl.col("trace_id") == "a")
    assert ordered["span_id"].to_list() == ["3", "1", "2", "4"]


@pytest.mark.parametrize("height", [0, 1])
def test_hardly_any_rows_are_groups_too(height):
    frame = rows(2, shuffled=False).head(height)
    order, groups = grouped(frame)

    assert order is None
    assert len(groups) == height
    assert groups.total(frame["cost"]).dtype == pl.Float64
    assert groups.least(frame["start_time"]).len() == height
