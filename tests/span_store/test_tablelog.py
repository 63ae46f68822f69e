"""The log of a table: who creates it, and commits beside programs that are newer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from deltalake import DeltaTable
from deltalake import Field as DeltaField
from deltalake.schema import PrimitiveType

from span_store.errors import ConcurrentWriterError
from span_store.ready_rows import ready_rows
from span_store.schema import TABLES
from span_store.store import SpanStore
from span_store.tablelog import TableLog
from tests.span_store.rows import span, spans

if TYPE_CHECKING:
    from pathlib import Path


def log_of(place: Path) -> TableLog:
    return TableLog(str(place / "spans"), TABLES["spans"], None)


def metadata_versions(place: Path) -> list[str]:
    commits = sorted((place / "spans" / "_delta_log").glob("*.json"))
    return [commit.stem for commit in commits if '"metaData"' in commit.read_text()]


def add_a_column(place: Path) -> None:
    table = DeltaTable(str(place / "spans"))
    table.alter.add_columns([DeltaField("of_tomorrow", PrimitiveType("string"))])


def test_of_many_that_create_a_table_at_once_one_does(tmp_path: Path) -> None:
    together = 8

    def create(place: Path, barrier: Barrier) -> None:
        log = log_of(place)
        barrier.wait()
        log.create()

    with ThreadPoolExecutor(together) as pool:
        for attempt in range(25):
            place = tmp_path / f"{attempt}"
            barrier = Barrier(together)
            for creation in [pool.submit(create, place, barrier) for _ in range(together)]:
                creation.result()
            assert metadata_versions(place) == ["0" * 20]


def test_a_commit_goes_on_when_a_newer_program_gives_the_table_columns(tmp_path: Path) -> None:
    store = SpanStore(tmp_path)
    store.append("spans", spans(span(number=1)), ("writer", 1))
    log = store.table_log("spans")
    added = store.write("spans", ready_rows("spans", spans(span(number=2))), 2)
    add_a_column(tmp_path)

    log.commit([added], {"writer": 2})

    assert len(metadata_versions(tmp_path)) == 2
    assert SpanStore(tmp_path).scan("spans").collect().height == 2
    assert SpanStore(tmp_path).last_transaction("spans", "writer") == 2
    store.append("spans", spans(span(number=3)), ("writer", 3))
    assert store.scan("spans").collect().height == 3


def test_a_second_writer_beside_new_columns_is_still_refused(tmp_path: Path) -> None:
    store = SpanStore(tmp_path)
    store.append("spans", spans(span(number=1)), ("writer", 1))
    added = store.write("spans", ready_rows("spans", spans(span(number=2))), 2)
    add_a_column(tmp_path)
    SpanStore(tmp_path).append("spans", spans(span(number=3)), ("writer", 2))

    with pytest.raises(ConcurrentWriterError, match="writer"):
        store.table_log("spans").commit([added], {"writer": 2})

    found = SpanStore(tmp_path).scan("spans").select("span_id").collect()
    assert found.height == 2
