"""The files that appends leave are bounded, even when nobody else cares for the tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from otlp_receiver.file_bound import FileBound
from span_store.store import SpanStore
from tests.otlp_receiver.test_loader import fill, loader, run, stored, traces

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def now() -> datetime:
    return datetime(2026, 11, 22, tzinfo=UTC)


def files(tmp_path: Path) -> int:
    return SpanStore(tmp_path).table_log("spans").live_files()[1].height


def test_the_loader_merges_when_nobody_else_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path / "spool", traces(60))
    store = SpanStore(tmp_path)
    bound = FileBound(store, now, files_max=8, look_every=4)
    seen = []

    def appended(table: str) -> None:
        bound.appended(table)
        seen.append(files(tmp_path))

    subject = loader(tmp_path, store)
    subject._appended = appended
    run(subject)

    assert len(seen) == 20
    assert max(seen) <= 8 + 4
    assert stored(tmp_path).height == 180
    assert stored(tmp_path).select("trace_id", "span_id").is_unique().all()
    assert {record.event for record in caplog.records} == {"many_files"}


def test_a_new_loader_goes_on_after_files_were_merged(tmp_path: Path) -> None:
    fill(tmp_path / "spool", traces(30))
    subject = loader(tmp_path, SpanStore(tmp_path))
    subject._appended = FileBound(SpanStore(tmp_path), now, files_max=1, look_every=1).appended
    for _ in range(9):
        subject.step()

    run(loader(tmp_path))

    assert stored(tmp_path).height == 90
    assert stored(tmp_path).select("trace_id", "span_id").is_unique().all()


def test_a_table_that_cannot_be_read_then_keeps_nobody_from_loading(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path / "spool", traces(3))
    run(loader(tmp_path))
    (tmp_path / "spans").rename(tmp_path / "elsewhere")
    (tmp_path / "spans").write_text("in the way")

    FileBound(SpanStore(tmp_path), now, files_max=1, look_every=1).appended("spans")

    assert [record.event for record in caplog.records] == ["many_files"]
