"""Retention takes whole traces, by age or size, and never what people work on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from span_store.errors import ConcurrentWriterError
from span_store.maintenance import Maintenance
from span_store.retention import Protected, RetentionReport, retain
from tests.span_store.rows import frame_of, span, spans

if TYPE_CHECKING:
    from span_store.store import SpanStore

DAY = 86_400 * 10**9
NOW = datetime.fromtimestamp(100 * 86_400, UTC)


def keep(store: SpanStore, **given: Any) -> dict[str, RetentionReport]:
    options: dict[str, Any] = {"age_seconds": None, "bytes_max": None, "protected": Protected()}
    reports = retain(store, now=NOW, **(options | given))
    return {report.table: report for report in reports}


def days_left(store: SpanStore) -> list[int]:
    found = store.scan_raw("spans").collect()["received_at"]
    return sorted(int(moment // DAY) for moment in found)


def fill(store: SpanStore, *days: int) -> None:
    """One trace a day, one file a day."""
    for day in days:
        store.append("spans", spans(span(trace=day, received_at=day * DAY)))


def test_traces_beyond_the_age_leave_and_files_are_dropped_unread(store: SpanStore) -> None:
    fill(store, 10, 50, 89, 91, 99)

    report = keep(store, age_seconds=10 * 86_400)["spans"]

    assert days_left(store) == [91, 99]
    assert (report.rows_removed, report.files_removed, report.files_rewritten) == (3, 3, 0)
    assert report.bytes_released > 0


def test_a_file_with_both_is_written_anew(store: SpanStore) -> None:
    store.append("spans", spans(*(span(trace=day, received_at=day * DAY) for day in (1, 50, 99))))

    report = keep(store, age_seconds=10 * 86_400)["spans"]

    assert days_left(store) == [99]
    assert (report.rows_removed, report.files_removed, report.files_rewritten) == (2, 0, 1)


def test_a_trace_stays_whole_while_its_last_span_is_young(store: SpanStore) -> None:
    fill(store, 1, 2)
    store.append("spans", spans(span(trace=1, number=2, received_at=99 * DAY)))

    keep(store, age_seconds=10 * 86_400)

    assert days_left(store) == [1, 99]


def test_what_items_refer_to_stays(store: SpanStore) -> None:
    fill(store, 1, 2, 3)
    store.append(
        "spans", spans(span(trace=4, received_at=4 * DAY, conversation_id="the conversation"))
    )
    score = {"project": "p", "object_type": "trace", "received_at": DAY}
    trace_ids = [span(trace=n)["trace_id"] for n in range(4)]
    store.append(
        "evaluations",
        frame_of(
            "evaluations",
            [score | {"evaluation_id": f"{n}", "object_id": trace_ids[n]} for n in (2, 3)]
            + [score | {"evaluation_id": "s", "object_id": f"{trace_ids[2]}:ab"}]
            + [score | {"evaluation_id": "c", "object_id": "the conversation"}],
        ),
    )
    protected = Protected(
        trace_ids=frozenset([trace_ids[2]]), conversation_ids=frozenset(["the conversation"])
    )

    keep(store, age_seconds=10 * 86_400, protected=protected)

    assert days_left(store) == [2, 4]
    left = store.scan("evaluations").collect()["evaluation_id"]
    assert sorted(left) == ["2", "c", "s"]


def test_above_the_size_the_oldest_leave(store: SpanStore) -> None:
    fill(store, *range(10))
    _, files = store.table_log("spans").live_files()

    keep(store, bytes_max=int(files["size_bytes"].sum() * 0.35))

    assert days_left(store) == [7, 8, 9]


def test_below_the_limits_nothing_happens(store: SpanStore) -> None:
    fill(store, 1)

    assert keep(store) == {}
    assert keep(store, bytes_max=2**40) == {}
    assert keep(store, age_seconds=1e9)["spans"].rows_removed == 0
    assert days_left(store) == [1]


def test_a_dry_run_changes_nothing_and_says_what_would(store: SpanStore) -> None:
    fill(store, 1, 99)

    report = keep(store, age_seconds=10 * 86_400, dry_run=True)["spans"]

    assert report.rows_removed == 1
    assert days_left(store) == [1, 99]


def test_a_dry_run_counts_only_the_share_of_a_file_that_leaves(store: SpanStore) -> None:
    days = (1, 50, 60, 99)
    store.append("spans", spans(*(span(trace=day, received_at=day * DAY) for day in days)))
    size = int(store.table_log("spans").live_files()[1]["size_bytes"][0])

    report = keep(store, age_seconds=10 * 86_400, dry_run=True)["spans"]

    assert (report.rows_removed, report.files_rewritten) == (3, 1)
    assert report.bytes_released == size - size // 4


def test_findings_and_trace_facts_leave_with_their_age(store: SpanStore) -> None:
    finding = {"project": "p", "trace_id": "a"}
    rows = [finding | {"finding_id": f"{day}", "found_at": day * DAY} for day in (1, 99)]
    store.append("findings", frame_of("findings", rows))
    fact = {"project": "p", "trace_id": "a"}
    rows = [fact | {"revision": day, "received_at": day * DAY} for day in (1, 99)]
    store.append("traces", frame_of("traces", rows))

    keep(store, age_seconds=10 * 86_400)

    assert store.scan("findings").collect()["finding_id"].to_list() == ["99"]
    assert store.scan("traces").collect()["revision"].to_list() == [99]


def test_retention_beside_another_keeper_is_refused(
    store: SpanStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, 1, 2)
    commit = Maintenance.commit

    def beaten(self: Maintenance, *given: Any, **options: Any) -> None:
        monkeypatch.setattr(Maintenance, "commit", commit)
        keep(store, age_seconds=10 * 86_400)
        commit(self, *given, **options)

    monkeypatch.setattr(Maintenance, "commit", beaten)
    with pytest.raises(ConcurrentWriterError):
        keep(store, age_seconds=10 * 86_400)
    assert days_left(store) == []
