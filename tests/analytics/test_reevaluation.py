"""A newer detector looks at unchanged traces again; items come back for material changes alone."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta

import polars as pl
import pytest

from analytics.config import AnalysisConfig, DeclaredDetectorConfig
from analytics.detectors.catalog import load
from analytics.job import run
from span_store.store import SpanStore
from tests.analytics.spans import AS_OF, chat, frame, identifier, span, tool

LONG = identifier("long", 32)


def config(limit_ms):
    when = f"duration_ms > {limit_ms}"
    return AnalysisConfig(detectors={"long_one": DeclaredDetectorConfig(when=when)})


def at(hours, store, queues, limit_ms=None, **values):
    return run(
        store,
        queues,
        project="default",
        as_of=AS_OF + timedelta(hours=hours),
        config=AnalysisConfig() if limit_ms is None else config(limit_ms),
        **values,
    )


def newest_findings(store):
    newest = store.scan("traces").collect().group_by("trace_id").agg(pl.col("revision").max())
    found = store.scan("findings").collect().join(newest, on=["trace_id", "revision"])
    return found.filter(detector="long_one")


@pytest.fixture
def filled(store):
    store.append("spans", frame([chat("short"), chat("long", seconds=9)]))
    return store


@pytest.mark.parametrize("incremental", [False, True])
def test_a_new_version_looks_at_unchanged_traces_once(filled, queues, incremental):
    at(0, filled, queues, 10_000)
    assert newest_findings(filled).is_empty()

    changed = at(1, filled, queues, 5_000, incremental=incremental)
    again = at(2, filled, queues, 5_000, incremental=incremental)

    assert (changed.traces_evaluated, again.traces_evaluated) == (2, 0)
    assert newest_findings(filled)["trace_id"].to_list() == [LONG]
    assert queues.items(project="default", queue="long_one").total == 1


def test_findings_of_the_old_version_do_not_stand_any_more(filled, queues):
    first = at(0, filled, queues, 5_000)

    second = at(1, filled, queues, 20_000)

    assert [report.detectors[-1].matched for report in (first, second)] == [1, 0]
    assert newest_findings(filled).is_empty()


def test_a_detector_that_is_new_looks_at_what_was_evaluated_before_it_existed(filled, queues):
    at(0, filled, queues)

    report = at(1, filled, queues, 5_000)

    assert report.traces_evaluated == 2
    assert report.detectors[-1].matched == 1


def test_a_detector_that_is_gone_makes_nothing_outdated(filled, queues):
    at(0, filled, queues, 5_000)

    assert at(1, filled, queues).traces_evaluated == 0


def forget_runs(store, place):
    """What a kill between the trace rows and the run's row leaves behind."""
    shutil.rmtree(place / "runs")
    return SpanStore(store.place)


def test_traces_of_a_run_that_died_unrecorded_are_known_by_their_own_decisions(
    filled, queues, tmp_path
):
    at(0, filled, queues, 5_000)
    unrecorded = forget_runs(filled, tmp_path / "tables")

    report = at(1, unrecorded, queues, 5_000)
    # It evaluates none itself, and records those of the run that died.
    assert (report.traces_evaluated, report.traces_taken_over) == (2, 2)
    unrecorded = forget_runs(filled, tmp_path / "tables")
    report = at(2, unrecorded, queues, 6_000)
    assert (report.traces_evaluated, report.traces_taken_over) == (4, 2)


def late_log(number, hours):
    late = span("long", f"log {number}", at=9.0 + number / 10, seconds=0.05)
    late["received_at"] = int((AS_OF + timedelta(hours=hours)).timestamp()) * 1_000_000_000
    return late


def test_a_completed_item_does_not_come_back_however_often_nothing_material_changes(filled, queues):
    at(0, filled, queues, 5_000)

    for hours in (1, 3, 5):
        filled.append("spans", frame([late_log(hours, hours)]))
        assert at(hours + 1, filled, queues, 5_000).traces_evaluated == 1
    backfill = at(7, filled, queues, 5_000, since=AS_OF - timedelta(days=30))

    assert backfill.traces_looked_at_again == 2
    assert queues.items(project="default", queue="long_one").items[0].revision == 1
    late = chat("long", at=20.0)
    late["received_at"] = int((AS_OF + timedelta(hours=8)).timestamp()) * 1_000_000_000
    filled.append("spans", frame([late]))
    at(9, filled, queues, 5_000)
    assert queues.items(project="default", queue="long_one").items[0].revision == 5


@pytest.mark.parametrize("incremental", [False, True])
def test_a_changed_threshold_looks_at_unchanged_traces_again_and_findings_tell_it(
    store, queues, incremental
):
    again = [tool("loop", "search", arguments={"q": 1}, result="{}", at=n) for n in range(4)]
    store.append("spans", frame([*again, chat("short")]))
    limits = [5, 3, 5]

    reports = [
        run(
            store,
            queues,
            project="default",
            as_of=AS_OF + timedelta(hours=hours),
            config=AnalysisConfig(repeats_min=limit),
            incremental=incremental,
        )
        for hours, limit in enumerate(limits)
    ]

    assert [report.traces_evaluated for report in reports] == [2, 2, 2]
    trashing = [
        next(count for count in report.detectors if count.detector == "trashing")
        for report in reports
    ]
    assert [count.matched for count in trashing] == [0, 1, 0]
    first, default, last = (count.version for count in trashing)
    assert first == last
    assert "+" not in default
    assert last.startswith(f"{default}+")
    assert store.scan("findings").collect()["detector_version"].to_list() == [default]
    settings = [json.loads(counts)["settings"] for counts in store.scan("runs").collect()["counts"]]
    assert settings == [{"repeats_min": 5}, {}, {"repeats_min": 5}]


@pytest.mark.parametrize(
    ("settings", "detectors"),
    [
        ({"ratio_min": 3}, {"resource_outliers"}),
        ({"session_traces_max": 5}, {"frustration", "forgetting"}),
        ({"http_client_error_severity": 0.0}, {"tool_call_errors"}),
        ({"random_floor": 0.5, "items_max": 7, "ratio_min": 2}, set()),
    ],
)
def test_only_detectors_that_depend_on_a_setting_have_another_version(settings, detectors):
    plain = {detector.id: detector.version for detector in load(AnalysisConfig())}

    other = {detector.id: detector.version for detector in load(AnalysisConfig(**settings))}

    assert {name for name in plain if plain[name] != other[name]} == detectors
