from __future__ import annotations

import numpy as np
import polars as pl

from analytics.traces import LIGHT_COLUMNS, assemble
from span_store.schema import SPANS


def spans(traces, calls):
    """Model calls whose costs, added up in another order, give another last digit."""
    chance = np.random.default_rng(3)
    count = traces * calls
    frame = pl.DataFrame(
        {
            "trace_id": [f"{number % traces:032x}" for number in range(count)],
            "span_id": [f"{number:016x}" for number in range(count)],
            "start_time": np.arange(count),
            "end_time": np.arange(count) + 1,
            "received_at": np.arange(count),
            "cost_usd": chance.lognormal(-5, 2, count),
            "is_model_call": True,
        }
    )
    return frame.with_columns(
        pl.lit(None, SPANS.polars[name]).alias(name)
        for name in LIGHT_COLUMNS
        if name not in frame.columns
    ).select(LIGHT_COLUMNS)


def test_sums_are_the_same_to_the_last_digit_in_whatever_order_spans_are_read():
    ordered = spans(20_000, 12)

    once = assemble(ordered)

    assert assemble(ordered).equals(once)
    assert assemble(ordered.sample(fraction=1.0, shuffle=True, seed=1)).equals(once)
    assert assemble(ordered.lazy()).equals(once)
