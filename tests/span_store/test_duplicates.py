"""The same span stored more than once is one span, by the documented rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from span_store import layout
from span_store.schema import SPANS
from span_store.store import SpanStore
from tests.span_store.rows import frame_of, span, spans

if TYPE_CHECKING:
    from pathlib import Path


def test_the_same_span_in_two_appends_is_one_span(store: SpanStore) -> None:
    store.append("spans", spans(span(), span(number=2)))
    store.append("spans", spans(span(received_at=9_000)))

    rows = store.scan("spans").sort("span_id").collect()

    assert rows["span_id"].to_list() == [f"{1:016x}", f"{2:016x}"]
    assert rows["received_at"].dt.epoch("ns").to_list() == [3_000, 3_000]


def test_the_same_span_in_one_append_is_stored_once(store: SpanStore) -> None:
    store.append("spans", spans(span(end_time=1), span(end_time=5), span(end_time=3)))

    assert store.scan_raw("spans").select("end_time").collect().rows() == [(5,)]


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ({"end_time": 2_000}, {"end_time": 2_001}),
        ({"end_time": None}, {"end_time": 0}),
        ({"end_time": 5, "output_messages": "[]"}, {"end_time": 5, "output_messages": "[{}]"}),
        ({"received_at": 8, "name": "late"}, {"received_at": 7, "name": "early"}),
    ],
)
@pytest.mark.parametrize("better_first", [True, False])
def test_of_differing_versions_the_documented_one_wins(
    store: SpanStore, worse: dict[str, Any], better: dict[str, Any], better_first: bool
) -> None:
    versions = [better, worse] if better_first else [worse, better]
    for version in versions:
        store.append("spans", spans(span(**version), span(trace=2)))

    kept = store.scan("spans", trace_ids=[span()["trace_id"]]).collect()

    assert kept.height == 1
    assert store.scan("spans").collect().height == 2
    for name, value in better.items():
        column = kept[name]
        found = column.dt.epoch("ns")[0] if column.dtype == pl.Datetime else column[0]
        assert found == value


def test_the_same_ids_in_two_projects_are_two_spans(store: SpanStore) -> None:
    store.append("spans", spans(span(project="one"), span(project="two")))
    store.append("spans", spans(span(project="one")))

    assert sorted(store.scan("spans").collect()["project"]) == ["one", "two"]
    assert store.scan("spans", project="two").collect().height == 1


def test_rows_of_other_tables_are_replaced_by_the_row_appended_last(store: SpanStore) -> None:
    first = {"project": "p", "trace_id": "a", "revision": 1, "priority": 0.1}
    store.append("traces", frame_of("traces", [first]))
    store.append("traces", frame_of("traces", [first | {"priority": 0.9}]))
    store.append("traces", frame_of("traces", [first | {"revision": 2}]))

    rows = store.scan("traces").sort("revision").collect()

    assert rows.select("revision", "priority").rows() == [(1, 0.9), (2, 0.1)]


@pytest.mark.parametrize("bits_kept", [0, 1])
def test_colliding_row_keys_change_nothing(
    store: SpanStore, monkeypatch: pytest.MonkeyPatch, bits_kept: int
) -> None:
    """Every hash equal, or nearly: rows are still told apart by their exact ids."""
    true_keys = layout.row_keys

    def colliding(frame: pl.DataFrame, schema: Any) -> pl.Series:
        return (true_keys(frame, schema) & bits_kept).alias(layout.ROW_KEY)

    monkeypatch.setattr(layout, "row_keys", colliding)
    store.append("spans", spans(*(span(number=n) for n in range(20))))
    store.append("spans", spans(*(span(number=n, end_time=5_000) for n in range(5))))

    rows = store.scan("spans").sort("span_id").collect()

    assert rows["span_id"].to_list() == [f"{n:016x}" for n in range(20)]
    assert rows["end_time"].dt.epoch("ns").to_list() == [5_000] * 5 + [2_000] * 15
    assert store.scan("spans", received_since=3_001).collect().is_empty()


_VERSION = st.fixed_dictionaries(
    {
        "trace": st.integers(0, 2),
        "number": st.integers(0, 2),
        "project": st.sampled_from(["one", "two"]),
        "end_time": st.none() | st.integers(0, 2),
        "received_at": st.integers(0, 3),
        "input_messages": st.none() | st.sampled_from(["[]", "[1]"]),
    }
)


@given(appends=st.lists(st.lists(_VERSION, min_size=1, max_size=6), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_appends_leave_one_best_version_a_key(
    tmp_path_factory: pytest.TempPathFactory, appends: list[list[dict[str, Any]]]
) -> None:
    place: Path = tmp_path_factory.mktemp("tables")
    store = SpanStore(place)
    best: dict[tuple[str, str, str], tuple[float, int, int]] = {}
    for versions in appends:
        rows = [span(**version) for version in versions]
        store.append("spans", spans(*rows))
        for row in rows:
            rank = _rank(row)
            key = tuple(row[name] for name in SPANS.key)
            best[key] = max(best.get(key, rank), rank)  # type: ignore[index]

    found = store.scan("spans").with_columns(pl.col(pl.Datetime).dt.epoch("ns")).collect()

    kept = {tuple(row[name] for name in SPANS.key): _rank(row) for row in found.to_dicts()}
    assert found.height == len(best)
    assert kept == best
    window = store.scan("spans", received_since=1, received_until=3).collect()
    assert window.height == sum(1 <= -rank[2] < 3 for rank in best.values())


def _rank(row: dict[str, Any]) -> tuple[float, int, int]:
    end = float("-inf") if row["end_time"] is None else row["end_time"]
    size = len(row["attributes"]) + len(row.get("input_messages") or "")
    return (end, size, -row["received_at"])
