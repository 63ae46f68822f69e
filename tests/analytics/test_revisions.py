"""The revision in which a trace last changed materially."""

from __future__ import annotations

import polars as pl
import pytest

from analytics.job.revisions import MATERIAL_COLUMNS, material_revisions
from span_store.store import SpanStore
from tests.span_store.rows import frame_of

OWN = {
    "trace_id": pl.String,
    "revision": pl.Int64,
    **dict.fromkeys(MATERIAL_COLUMNS[:3], pl.Int64),
    "finish_reason": pl.String,
}


def evaluated(trace_id, revision, facts):
    return dict(zip(OWN, (trace_id, revision, *facts), strict=True))


# What was stored of a trace, what is evaluated now, and what is told of it.
CASES = {
    "first": ([], (1, (1, 0, 0, "stop")), (1, None)),
    "the same again": ([(1, (1, 0, 0, "stop"))], (2, (1, 0, 0, "stop")), (1, None)),
    "a call more": (
        [(1, (1, 0, 0, "stop"))],
        (2, (1, 2, 0, "stop")),
        (2, "tool calls 0 to 2"),
    ),
    "changed before": (
        [(1, (1, 0, 0, "stop")), (2, (2, 0, 1, "stop")), (3, (2, 0, 1, "stop"))],
        (4, (2, 0, 1, "stop")),
        (2, "model calls 1 to 2, errors 0 to 1"),
    ),
    "changed and back": (
        [(1, (1, 0, 0, "stop")), (2, (1, 1, 0, "stop"))],
        (3, (1, 0, 0, "stop")),
        (3, "tool calls 1 to 0"),
    ),
    "an ending is known": (
        [(1, (1, 0, 0, None))],
        (2, (1, 0, 0, "length")),
        (2, "ending unknown to length"),
    ),
    "no ending is known": ([(1, (1, 0, 0, None))], (2, (1, 0, 0, None)), (1, None)),
    "a run died over it": (
        [(1, (1, 0, 0, "stop")), (2, (1, 5, 0, "stop")), (2, (1, 5, 0, "stop"))],
        (2, (1, 1, 0, "stop")),
        (2, "tool calls 0 to 1"),
    ),
    "its first rows are gone": ([(3, (1, 0, 0, "stop"))], (4, (1, 0, 0, "stop")), (3, None)),
}


@pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])
def test_items_carry_the_revision_of_the_last_material_change(tmp_path, together):
    store = SpanStore(tmp_path)
    stored = [
        {"project": "p"} | evaluated(name, *row)
        for name, (rows, *_) in CASES.items()
        for row in rows
    ]
    everything = frame_of("traces", stored)
    # Later revisions may lie in front of earlier ones.
    store.append("traces", everything.filter(pl.col("revision") > 1))
    store.append("traces", everything.filter(pl.col("revision") == 1))
    now = pl.DataFrame([evaluated(name, *own) for name, (_, own, _) in CASES.items()], schema=OWN)

    frames = [now] if together else [now[row] for row in range(now.height)]
    told = [material_revisions(store, frame, project="p") for frame in frames]

    assert {row[0]: row[1:] for frame in told for row in frame.iter_rows()} == {
        name: expected for name, (_, _, expected) in CASES.items()
    }


def test_of_other_projects_nothing_is_read(tmp_path):
    store = SpanStore(tmp_path)
    row = {"project": "other"} | evaluated("t", 1, (1, 0, 0, "stop"))
    store.append("traces", frame_of("traces", [row]))
    now = pl.DataFrame([evaluated("t", 2, (1, 0, 0, "stop"))], schema=OWN)

    assert material_revisions(store, now, project="p").rows() == [("t", 2, None)]
