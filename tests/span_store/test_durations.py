"""Durations come out as the nearest float of the nanoseconds."""

import numpy as np
import polars as pl

from span_store.durations import milliseconds


def test_milliseconds_are_the_nearest_float_of_the_nanoseconds() -> None:
    lengths = np.random.default_rng(5).integers(0, 10**12, 100_000)
    begin = 1_760_000_000_000_000_000
    frame = pl.DataFrame({"begin": [begin] * len(lengths), "end": begin + lengths})

    found = frame.select(milliseconds(pl.col("begin"), pl.col("end"))).to_series().to_numpy()

    assert (found == lengths / 1e6).all()


def test_an_unknown_time_gives_no_length() -> None:
    frame = pl.DataFrame({"begin": [1, None], "end": [None, 2]}, schema_overrides={"end": pl.Int64})

    assert frame.select(milliseconds(pl.col("begin"), pl.col("end"))).to_series().to_list() == [
        None,
        None,
    ]
