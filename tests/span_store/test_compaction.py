"""Compaction merges files and drops duplicates, and no scan returns anything else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from span_store.compaction import CompactionReport, compact, plan
from span_store.errors import ConcurrentWriterError
from span_store.maintenance import Maintenance
from span_store.schema import TABLES
from span_store.store import SpanStore
from tests.span_store.rows import frame_of, span, spans

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def compacted(store: SpanStore, table: str = "spans", **options: Any) -> CompactionReport:
    given_options = {"target_bytes": 2**26, "files_min": 2} | options
    return compact(Maintenance(store, table, NOW), **given_options)


def rows(store: SpanStore, table: str = "spans") -> pl.DataFrame:
    return store.scan(table).sort(TABLES[table].key).collect()


def test_small_files_become_one_sorted_file(store: SpanStore) -> None:
    for trace in (3, 1, 2):
        store.append("spans", spans(*(span(trace=trace, number=n) for n in range(3))))
    before = rows(store)

    report = compacted(store)

    _, files = store.table_log("spans").live_files()
    assert (report.files_before, report.files_after, files.height) == (3, 1, 1)
    assert (report.rows_before, report.rows_after) == (9, 9)
    assert_frame_equal(rows(store), before)
    keys = pl.read_parquet(files["path"][0], columns=["row_key"])["row_key"]
    assert keys.is_sorted()


def test_every_day_has_its_own_file(store: SpanStore) -> None:
    day = 86_400 * 10**9
    for number in range(3):
        for trace in range(2):
            arrived = span(trace=trace, number=number, received_at=number * day)
            store.append("spans", spans(arrived))
    before = rows(store)

    report = compacted(store)

    assert (report.files_before, report.files_after) == (6, 3)
    assert_frame_equal(rows(store), before)


def test_losing_duplicates_disappear_from_disk(store: SpanStore) -> None:
    for end in (1, 3, 2):
        store.append("spans", spans(span(end_time=end), span(trace=2, end_time=end)))
    before = rows(store)

    report = compacted(store)

    assert (report.rows_before, report.rows_after) == (6, 2)
    assert_frame_equal(rows(store), before)
    assert store.scan_raw("spans").collect().height == 2


_ROW = st.fixed_dictionaries(
    {
        "trace_id": st.sampled_from("ab"),
        "revision": st.integers(1, 2),
        "priority": st.none() | st.integers(0, 3),
    }
)


@given(
    appends=st.lists(st.lists(_ROW, min_size=1, max_size=4), min_size=1, max_size=5),
    merges=st.sets(st.integers(0, 4)),
)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_compacting_at_any_time_changes_no_result(
    tmp_path_factory: pytest.TempPathFactory,
    appends: list[list[dict[str, Any]]],
    merges: set[int],
) -> None:
    plain = SpanStore(tmp_path_factory.mktemp("plain"))
    merged = SpanStore(tmp_path_factory.mktemp("merged"))
    for number, drafts in enumerate(appends):
        for store in (plain, merged):
            store.append("traces", frame_of("traces", [{"project": "p"} | row for row in drafts]))
        if number in merges:
            compacted(merged, "traces")

    assert_frame_equal(rows(merged, "traces"), rows(plain, "traces"))


def test_files_of_different_days_and_large_files_stay_apart() -> None:
    day = 86_400 * 10**9
    files = pl.DataFrame(
        {
            "name": ["a", "b", "c", "d", "large", "e"],
            "size_bytes": [10, 10, 10, 10, 600, 10],
            "modification_time": [0] * 6,
            "min.received_at": [2, day + 1, 1, day + 2, 3, 4 * day],
        }
    )

    groups = plan(files, target_bytes=1000, files_min=2, arrival="received_at")

    assert [group["name"].to_list() for group in groups] == [["c", "a"], ["b", "d"]]


def listed(*sizes: tuple[str, int]) -> pl.DataFrame:
    """Files in the order of their arrival."""
    return pl.DataFrame(
        {
            "name": [name for name, _ in sizes],
            "size_bytes": [size for _, size in sizes],
            "modification_time": list(range(len(sizes))),
        }
    )


def test_few_files_that_fill_a_group_need_not_wait_for_more() -> None:
    files = listed(*((f"{n:02}.lz4.parquet", 300) for n in range(9)))

    groups = plan(files, target_bytes=1000, files_min=8, arrival=None)

    assert [group.height for group in groups] == [4, 3]
    left = files.filter(~pl.col("name").is_in(pl.concat(groups)["name"].implode()))
    more = pl.concat([left, listed(*((f"1{n}.lz4.parquet", 300) for n in range(2)))])
    assert [group.height for group in plan(more, target_bytes=1000, files_min=8, arrival=None)] == [
        4
    ]


def test_appended_files_are_merged_whatever_their_size() -> None:
    files = listed(("a.lz4.parquet", 2000), ("b.zstd.parquet", 600), ("c.lz4.parquet", 700))

    groups = plan(files, target_bytes=1000, files_min=8, arrival=None)

    assert [group["name"].to_list() for group in groups] == [["a.lz4.parquet"]]


def test_a_group_does_not_grow_past_the_target_size() -> None:
    files = pl.DataFrame(
        {
            "name": [f"{n:02}" for n in range(20)],
            "size_bytes": [100] * 20,
            "modification_time": list(range(20)),
        }
    )

    groups = plan(files, target_bytes=500, files_min=2, arrival=None)

    assert [group.height for group in groups] == [5, 5, 5, 5]


def test_of_two_compactions_at_a_time_the_second_changes_nothing(store: SpanStore) -> None:
    for trace in range(4):
        store.append("spans", spans(span(trace=trace)))
    before = rows(store)
    late = Maintenance(store, "spans", NOW)

    _, files = late.log.live_files()
    compacted(store)
    with pytest.raises(ConcurrentWriterError, match="another process"):
        late.commit([], files, data_change=False)

    assert_frame_equal(rows(store), before)


def test_an_append_during_a_compaction_is_kept(store: SpanStore) -> None:
    for trace in range(3):
        store.append("spans", spans(span(trace=trace)))
    keeper = Maintenance(store, "spans", NOW)
    store.append("spans", spans(span(trace=99)))

    compact(keeper, target_bytes=2**26, files_min=2)

    assert rows(store).height == 4


def test_a_reader_that_started_before_still_finds_its_files(store: SpanStore) -> None:
    for trace in range(3):
        store.append("spans", spans(span(trace=trace)))
    reader = store.scan("spans")

    now = datetime.now(UTC)
    compact(Maintenance(store, "spans", now), target_bytes=2**26, files_min=2)
    Maintenance(store, "spans", now).vacuum(grace_hours=1)

    assert reader.collect().height == 3


def test_the_vacuum_deletes_what_has_been_dead_for_longer_than_the_grace(
    store: SpanStore, tmp_path: Path
) -> None:
    for trace in range(3):
        store.append("spans", spans(span(trace=trace)))
    long_ago = datetime.now(UTC) - timedelta(hours=3)
    compact(Maintenance(store, "spans", long_ago), target_bytes=2**26, files_min=2)
    (tmp_path / "data" / "spans" / "part-just-being-written.parquet").touch()

    deleted = Maintenance(store, "spans", NOW).vacuum(grace_hours=2)

    left = sorted(path.name for path in (tmp_path / "data" / "spans").glob("*.parquet"))
    assert deleted == 3
    assert len(left) == 2
    assert "part-just-being-written.parquet" in left
    assert rows(store).height == 3


def test_a_table_that_nobody_wrote_has_nothing_to_do(store: SpanStore) -> None:
    assert compacted(store) == CompactionReport(table="spans")
    assert Maintenance(store, "spans", NOW).vacuum(grace_hours=0) == 0
