"""Append and scan: what goes in comes out, filters reach the files, errors name the remedy."""

from __future__ import annotations

import os
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from span_store.errors import InvalidFilterError, StoreUnavailableError, UnknownColumnError
from span_store.schema import TABLES, Form
from span_store.store import SpanStore
from tests.span_store.rows import frame_of, span, spans

if TYPE_CHECKING:
    from collections.abc import Iterator

_VALUES = {
    Form.TEXT: st.none() | st.text(max_size=20),
    Form.JSON: st.none() | st.sampled_from(["{}", '{"a": "é\\u0000"}', "[1, 2]"]),
    Form.INTEGER: st.none() | st.integers(-(2**63), 2**63 - 1),
    Form.NUMBER: st.none() | st.floats(allow_nan=False),
    Form.BOOLEAN: st.none() | st.booleans(),
    Form.TIME: st.none() | st.integers(0, 2**62),
    Form.TEXTS: st.none() | st.lists(st.text(max_size=5), max_size=3),
}


@pytest.mark.parametrize("table", list(TABLES))
def test_a_table_that_nobody_wrote_is_empty(store: SpanStore, table: str) -> None:
    assert store.scan(table).collect().shape == (0, len(TABLES[table].names))
    assert store.last_transaction(table, "anyone") is None


@pytest.mark.parametrize("table", list(TABLES))
@given(data=st.data())
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_goes_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory, table: str, data: st.DataObject
) -> None:
    columns = TABLES[table].columns
    rows = [
        {column.name: data.draw(_VALUES[column.form]) for column in columns}
        | {name: f"{number}" for name in TABLES[table].key if name not in {"project", "revision"}}
        for number in range(data.draw(st.integers(0, 3)))
    ]
    frame = frame_of(table, rows)
    store = SpanStore(tmp_path_factory.mktemp("tables"))

    store.append(table, frame)

    found = store.scan_raw(table).collect()
    assert_frame_equal(found, frame, check_row_order=False)
    assert store.scan(table).collect().height == len(rows)


def test_times_come_back_as_utc_with_nanoseconds(store: SpanStore) -> None:
    store.append("spans", spans(span(start_time=1_700_000_000_123_456_789)))

    rows = store.scan("spans", columns=["start_time"]).collect()

    assert rows.schema["start_time"] == pl.Datetime("ns", "UTC")
    assert rows["start_time"].dt.epoch("ns")[0] == 1_700_000_000_123_456_789


def test_filters_and_columns_reach_the_reader_of_the_files(store: SpanStore) -> None:
    store.append("spans", spans(span(), span(trace=2)))
    store.append("spans", spans(span(end_time=9_000)))

    plan = store.scan(
        "spans",
        project="default",
        trace_ids=[span()["trace_id"]],
        received_since=1,
        started_until=5_000,
        where="is_error",
        columns=["name"],
    ).explain()

    selection = next(line for line in plan.splitlines() if "SELECTION" in line)
    for name in ("project", "trace_id", "row_key", "received_at", "start_time", "is_error"):
        assert f'col("{name}")' in selection
    assert "input_messages" not in plan


def test_a_window_of_arrival_reads_only_the_files_that_overlap_it(store: SpanStore) -> None:
    for hour in range(10):
        store.append("spans", spans(span(trace=hour, received_at=hour * 100)))

    plan = store.scan("spans", received_since=400, received_until=500).explain()

    assert plan.count(".parquet") == 1
    assert "other sources" not in plan


def test_bounds_are_times_or_nanoseconds(store: SpanStore) -> None:
    store.append("spans", spans(span(), span(trace=2, received_at=10**18)))
    bound = datetime(2000, 1, 1, tzinfo=UTC)

    assert store.scan("spans", received_since=bound).collect().height == 1
    assert store.scan("spans", received_until=bound).collect().height == 1
    assert store.scan("spans", received_since=10**18).collect().height == 1
    assert store.scan("spans", received_until=10**18).collect().height == 1


def test_traces_are_found_among_few_and_many(store: SpanStore) -> None:
    store.append("spans", spans(*(span(trace=n, number=m) for n in range(100) for m in range(3))))
    wanted = [f"{n:032x}" for n in range(40, 90)]

    assert store.scan("spans", trace_ids=wanted[:2]).collect().height == 6
    assert store.scan("spans", trace_ids=wanted).collect().height == 150
    assert store.scan("spans", trace_ids=["unknown"]).collect().is_empty()
    assert store.scan("spans", trace_ids=[]).collect().is_empty()


def test_a_transaction_is_read_back_by_any_later_reader(store: SpanStore) -> None:
    store.append("spans", spans(span()), ("spool-a:spans", 41))
    store.append("spans", spans(span(trace=2)), [("spool-a:spans", 42), ("spool-b:spans", 7)])

    other = SpanStore(store.place)
    assert other.last_transaction("spans", "spool-a:spans") == 42
    assert other.last_transaction("spans", "spool-b:spans") == 7
    assert other.last_transaction("spans", "spool-c:spans") is None


def test_a_store_travels_to_another_process(store: SpanStore) -> None:
    store.append("spans", spans(span()))
    there = pickle.loads(pickle.dumps(SpanStore(store.place)))

    assert there.scan("spans").collect().height == 1


def test_columns_declared_later_are_null_in_older_tables(store: SpanStore, tmp_path: Path) -> None:
    from deltalake import write_deltalake

    older = spans(span()).drop("links")
    write_deltalake(str(tmp_path / "data" / "spans"), older)

    assert store.scan_raw("spans").collect()["links"].to_list() == [None]
    store.append("spans", spans(span(trace=2, links="[]")))
    assert sorted(store.scan_raw("spans").collect()["links"], key=str) == [None, "[]"]


def test_an_unknown_column_is_refused_with_the_nearest_names(store: SpanStore) -> None:
    with pytest.raises(UnknownColumnError, match="did you mean total_tokens"):
        store.scan("spans", where="total_token > 5")
    with pytest.raises(UnknownColumnError, match="did you mean name"):
        store.scan("spans", columns=["nam"])


@pytest.mark.parametrize("filter_sql", ["name", "total_tokens +", "1", "name = 5 +", ""])
def test_a_filter_that_is_no_condition_is_refused_in_one_line(
    store: SpanStore, filter_sql: str
) -> None:
    with pytest.raises(InvalidFilterError) as refusal:
        store.scan("spans", where=filter_sql)
    assert "\n" not in str(refusal.value)


def test_a_place_that_is_a_file_is_refused_with_a_remedy(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("no folder")

    with pytest.raises(StoreUnavailableError, match="name a folder") as refusal:
        SpanStore(place).append("spans", spans(span()))
    assert "\n" not in str(refusal.value)


def test_a_corrupt_log_is_refused_with_a_remedy(store: SpanStore, tmp_path: Path) -> None:
    store.append("spans", spans(span()))
    log = tmp_path / "data" / "spans" / "_delta_log" / f"{1:020d}.json"
    log.write_text('{"add": nonsense')

    with pytest.raises(StoreUnavailableError, match="backup"):
        SpanStore(store.place).scan("spans")


def test_an_unreachable_object_store_is_refused_with_a_remedy() -> None:
    options = {
        "endpoint_url": "http://127.0.0.1:9",
        "access_key_id": "x",
        "secret_access_key": "x",
        "region": "us-east-1",
        "allow_http": "true",
        "max_retries": "0",
    }
    with pytest.raises(StoreUnavailableError, match="check the endpoint"):
        SpanStore("s3://bucket/tables", options).append("spans", spans(span()))


def test_many_traces_are_read_from_the_files_that_hold_them(store: SpanStore) -> None:
    for hour in range(20):
        traces = range(hour * 30, hour * 30 + 30)
        store.append("spans", spans(*(span(trace=n, received_at=hour) for n in traces)))
    wanted = [f"{n:032x}" for n in range(30, 90)]

    frame = store.scan("spans", trace_ids=wanted)

    assert frame.explain().count(".parquet") == 2
    assert "other source" not in frame.explain()
    assert sorted(frame.collect()["trace_id"]) == sorted(wanted)


def test_of_a_large_file_few_traces_are_found_by_row_groups(store: SpanStore) -> None:
    rows = [span(trace=n // 2, number=n % 2) for n in range(70_000)]
    store.append("spans", spans(*rows))
    store.append("spans", spans(*(span(trace=n, received_at=9_000) for n in range(40_000, 40_040))))
    wanted = [f"{n:032x}" for n in range(40_000, 40_040)] + [f"{n:032x}" for n in (7, 8, 30_000)]

    frame = store.scan("spans", trace_ids=wanted)

    assert "UNION" in frame.explain()
    assert frame.collect().height == 40 + 3 * 2
    late = store.scan("spans", trace_ids=wanted, received_since=4_000).collect()
    assert late.height == 40


def test_a_snapshot_stays_at_its_moment_while_the_store_goes_on(store: SpanStore) -> None:
    store.append("spans", spans(span(trace=1)))
    view = store.snapshot("spans", "contents")
    store.append("spans", spans(span(trace=2)))
    view.append("traces", frame_of("traces", [{"project": "p", "trace_id": "a", "revision": 1}]))

    assert view.scan("spans").collect().height == 1
    assert view.scan("contents").collect().is_empty()
    assert store.scan("spans").collect().height == 2
    assert view.scan("traces").collect().height == 1


def test_raw_rows_are_selected_as_scanned_ones_are(store: SpanStore) -> None:
    for number in range(4):
        store.append("spans", spans(span(trace=number % 2, received_at=number)))

    trace = [span(trace=1)["trace_id"]]
    assert store.scan_raw("spans", trace_ids=trace).collect().height == 2
    assert store.scan_raw("spans", trace_ids=trace, received_since=2).collect().height == 1
    assert store.scan_raw("spans", received_until=3).collect().height == 3


def test_contents_and_findings_of_a_trace_are_found_by_ranges(store: SpanStore) -> None:
    rows = [{"project": "p", "finding_id": f"{n}", "trace_id": f"{n % 5:032x}"} for n in range(50)]
    store.append("findings", frame_of("findings", rows))

    frame = store.scan("findings", trace_ids=[f"{3:032x}"])

    assert 'col("row_key")' in frame.explain()
    assert frame.collect().height == 10


def test_a_call_is_counted_once_however_its_trace_is_read(store: SpanStore) -> None:
    hour = 3_600 * 10**9
    call = {"is_model_call": True, "operation_name": "chat", "response_id": "r1"}
    later = {"start_time": 50 * hour, "end_time": 50 * hour + 5, "received_at": 50 * hour}
    for number in range(12):
        early = [span(trace=100 + number, number=n, received_at=number) for n in range(50)]
        store.append("spans", spans(*early))
    store.append("spans", spans(span(trace=1, **later, **call)))
    twin = later | {"start_time": 50 * hour + 1}
    store.append("spans", spans(span(trace=2, **twin, **call)))

    for trace, counts in ((1, True), (2, False)):
        found = SpanStore(store.place).scan("spans", trace_ids=[f"{trace:032x}"]).collect()
        assert found["is_model_call"].to_list() == [counts]
    assert SpanStore(store.place).scan("spans", where="is_model_call").collect().height == 1


def test_a_damaged_data_file_is_named_with_a_remedy(store: SpanStore, tmp_path: Path) -> None:
    store.append("spans", spans(span()))
    file = next((tmp_path / "data" / "spans").glob("*.parquet"))
    file.write_bytes(file.read_bytes()[:500])

    with pytest.raises(StoreUnavailableError, match="backup"):
        store.scan("spans")


def test_other_readers_of_the_table_format_understand_the_tables(store: SpanStore) -> None:
    from deltalake import DeltaTable

    reasons = ["stop", "length"]
    store.append("spans", spans(span(input_tokens=5, finish_reasons=reasons, is_error=True)))
    store.append("spans", spans(span(trace=2, start_time=1_790_000_000_123_456_789)))

    table = DeltaTable(store.table_uri("spans")).to_pyarrow_table(
        filters=[("input_tokens", "=", 5)]
    )

    (row,) = table.to_pylist()
    assert (row["trace_id"], row["finish_reasons"], row["is_error"]) == (f"{1:032x}", reasons, True)
    assert DeltaTable(store.table_uri("spans")).to_pyarrow_table().num_rows == 2


def test_a_log_of_many_commits_is_cut_and_nothing_is_lost(tmp_path: Path) -> None:
    store = SpanStore(tmp_path)
    for number in range(30):
        store.append("spans", spans(span(trace=number)), ("writer", number + 1))
    log = tmp_path / "spans" / "_delta_log"
    old = list(log.glob("*.json"))
    for path in old:
        os.utime(path, (1_000_000_000, 1_000_000_000))

    for number in range(30, 60):
        store.append("spans", spans(span(trace=number)), ("writer", number + 1))

    assert sum(path.exists() for path in old) < 10
    assert SpanStore(tmp_path).scan("spans").collect().height == 60
    assert store.last_transaction("spans", "writer") == 60


def test_many_rows_are_appended_a_file_a_part_in_one_commit(store: SpanStore) -> None:
    parts = [spans(*(span(number) for number in range(first, first + 3))) for first in (1, 4, 7)]

    store.append_parts("spans", iter(parts))

    found = store.scan_raw("spans").collect()
    assert_frame_equal(found, pl.concat(parts), check_row_order=False)
    table = store.table_log("spans").create()
    assert table.version() == 1
    assert len(table.file_uris()) == 3


def test_of_parts_that_end_in_an_error_nothing_is_kept(store: SpanStore) -> None:
    def parts() -> Iterator[pl.DataFrame]:
        yield spans(span(1))
        yield spans(span(2))
        raise ValueError("the third part cannot be made")

    with pytest.raises(ValueError, match="third part"):
        store.append_parts("spans", parts())

    assert store.scan_raw("spans").collect().is_empty()
    assert list(Path(store.table_uri("spans")).glob("*.parquet")) == []
