"""The loader: exactly once from the spool to the tables, wherever it dies."""

from __future__ import annotations

from threading import Semaphore
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from otlp_receiver.decoding import LOADED_TABLES
from otlp_receiver.load_worker import LocalWorker
from otlp_receiver.loader import Loader
from otlp_receiver.quarantine import Quarantine
from otlp_receiver.rows import rows_reader
from otlp_receiver.segment import segments
from otlp_receiver.spool_writer import SpoolWriter
from span_store.errors import StoreUnavailableError
from span_store.layout import APPEND_VERSION
from span_store.store import SpanStore
from tests.otlp_receiver.requests import id_rows, log_request, span_ids, trace_request

if TYPE_CHECKING:
    from pathlib import Path

    from otlp_receiver.decoding import Decode


def fill(folder: Path, bodies: list[tuple[str, bytes]], first: int = 1) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    writer = SpoolWriter(folder, next_number=first, segment_bytes=2000, clock=lambda: 7)
    for signal, body in bodies:
        writer.append("p", signal, body, lambda _: None)  # type: ignore[arg-type]
    writer.close()


def traces(count: int) -> list[tuple[str, bytes]]:
    return [("traces", trace_request(3, seed=seed).SerializeToString()) for seed in range(count)]


def worker(tmp_path: Path, store: SpanStore | None = None, decode: Decode = id_rows) -> LocalWorker:
    return LocalWorker(
        spool=tmp_path / "spool",
        quarantine=tmp_path / "quarantine",
        store=store or SpanStore(tmp_path),
        decode=decode,
    )


def loader(
    tmp_path: Path,
    store: SpanStore | None = None,
    load_bytes: int = 1500,
    decode: Decode = id_rows,
) -> Loader:
    return Loader(worker=worker(tmp_path, store, decode), load_bytes=load_bytes)


def run(subject: Loader) -> int:
    steps = 0
    while subject.step() is not None:
        steps += 1
    return steps


def stored(tmp_path: Path, table: str = "spans") -> pl.DataFrame:
    return SpanStore(tmp_path).scan_raw(table).collect()


def test_everything_in_the_spool_reaches_the_tables_and_the_segments_go(tmp_path: Path) -> None:
    fill(tmp_path / "spool", [*traces(20), ("logs", log_request().SerializeToString())])

    steps = run(loader(tmp_path))

    assert steps > 3
    assert stored(tmp_path).height == 60
    assert stored(tmp_path, "evaluations").height == 1
    assert len(segments(tmp_path / "spool")) == 1


def test_a_new_loader_goes_on_where_the_old_one_died(tmp_path: Path) -> None:
    fill(tmp_path / "spool", traces(20))
    loader(tmp_path).step()
    loader(tmp_path).step()

    run(loader(tmp_path))

    assert stored(tmp_path).height == 60
    assert stored(tmp_path).select("trace_id", "span_id").is_unique().all()


def test_the_next_batch_is_decoded_while_one_is_committed(tmp_path: Path) -> None:
    fill(tmp_path / "spool", traces(20))
    decodes = Semaphore(0)

    def counted(records):  # type: ignore[no-untyped-def]
        decodes.release()
        return id_rows(records)

    class Waiting(SpanStore):
        """Commits nothing before two batches were begun to be decoded."""

        def commit(self, table, files, transaction=None):  # type: ignore[no-untyped-def]
            assert decodes.acquire(timeout=60)
            assert decodes.acquire(timeout=60)
            super().commit(table, files, transaction)

    subject = loader(tmp_path, Waiting(tmp_path), decode=counted)
    subject.step()
    subject.close()

    assert 0 < stored(tmp_path).height < 60
    run(loader(tmp_path))
    assert stored(tmp_path).height == 60


def test_several_workers_load_what_one_loads(tmp_path: Path) -> None:
    requests = [*traces(40), ("logs", log_request().SerializeToString())]
    requests[7:7] = [("traces", b"\xff no request")]
    decode = rows_reader({}, "")
    for workers in (1, 3):
        place = tmp_path / str(workers)
        fill(place / "spool", requests)
        subject = loader(place, decode=decode)
        for _ in range(workers - 1):
            subject.add_worker(worker(place, decode=decode))
        reports = []
        while (report := subject.step()) is not None:
            reports.append(report)
        subject.remove_added_workers()
        assert subject.step() is None
        subject.close()
        assert sum(report.quarantined for report in reports) == 1
        assert sum(report.records for report in reports) == 42
        numbers = [report.last_number for report in reports]
        assert numbers == sorted(numbers)
        assert Quarantine(place / "quarantine").count() == 1

    for table in LOADED_TABLES:
        one, other = (stored(tmp_path / way, table).drop("received_at") for way in ("1", "3"))
        assert_frame_equal(one.sort(one.columns), other.sort(other.columns))
    assert stored(tmp_path / "3").height == 120


def test_rows_are_marked_in_the_order_of_the_spool_whoever_writes_them(tmp_path: Path) -> None:
    """Every batch sends the same span again, with a name of its own."""
    bodies = [
        ("traces", trace_request(1, seed=1, name=f"version {number}").SerializeToString())
        for number in range(30)
    ]
    fill(tmp_path / "spool", bodies)
    subject = loader(tmp_path, load_bytes=1, decode=rows_reader({}, ""))
    subject.add_worker(worker(tmp_path, decode=rows_reader({}, "")))
    subject.add_worker(worker(tmp_path, decode=rows_reader({}, "")))
    run(subject)
    subject.close()

    rows = pl.read_parquet(tmp_path / "spans" / "*.parquet").sort(APPEND_VERSION)
    assert rows["name"].to_list() == [f"version {number}" for number in range(30)]
    assert rows[APPEND_VERSION].is_unique().all()
    assert SpanStore(tmp_path).scan("spans").collect()["name"].to_list() == ["version 0"]


def test_what_was_written_ahead_of_a_failed_commit_is_taken_back(tmp_path: Path) -> None:
    fill(tmp_path / "spool", traces(20))
    subject = loader(tmp_path, Dying(tmp_path, "spans", after_commit=False))
    subject.add_worker(worker(tmp_path))
    with pytest.raises(StoreUnavailableError):
        subject.step()
    subject.close()

    assert not list((tmp_path / "spans").glob("*.parquet"))
    run(loader(tmp_path))
    assert stored(tmp_path).height == 60


class Dying(SpanStore):
    """A store whose commit to one table fails, before or after it happened."""

    def __init__(self, place: Path, table: str, *, after_commit: bool) -> None:
        super().__init__(place)
        self.table = table
        self.after_commit = after_commit
        self.failures = 0

    def commit(self, table, files, transaction=None):  # type: ignore[no-untyped-def]
        if table == self.table and self.failures < 3:
            self.failures += 1
            if self.after_commit:
                super().commit(table, files, transaction)
            else:
                for file in files:
                    self.drop(table, file)
            raise StoreUnavailableError(self.table_uri(table), "the network is down")
        super().commit(table, files, transaction)


@pytest.mark.parametrize("table", ["evaluations", "spans"])
@pytest.mark.parametrize("after_commit", [True, False])
def test_a_commit_that_may_or_may_not_have_happened_is_neither_lost_nor_doubled(
    tmp_path: Path, table: str, after_commit: bool
) -> None:
    logs = [("logs", log_request().SerializeToString())] * 6
    mixed = [entry for pair in zip(traces(6), logs, strict=True) for entry in pair]
    fill(tmp_path / "spool", mixed)
    subject = loader(tmp_path, Dying(tmp_path, table, after_commit=after_commit))

    for _ in range(100):
        try:
            if subject.step() is None:
                break
        except StoreUnavailableError:
            subject.resume()

    sent = {ids for _, body in traces(6) for ids in span_ids(trace_request().FromString(body))}
    found = stored(tmp_path).select("trace_id", "span_id").rows()
    assert sorted(found) == sorted(sent)
    assert stored(tmp_path, "evaluations").height == 6


def test_tables_that_stand_at_different_numbers_are_brought_together(tmp_path: Path) -> None:
    fill(tmp_path / "spool", [*traces(4), ("logs", log_request().SerializeToString())])
    subject = loader(tmp_path, Dying(tmp_path, "spans", after_commit=False), load_bytes=2**20)
    with pytest.raises(StoreUnavailableError):
        subject.step()
    fill(tmp_path / "spool", traces(7)[4:], first=1000)

    run(loader(tmp_path, load_bytes=2**20))

    assert stored(tmp_path).height == 21
    assert stored(tmp_path, "evaluations").height == 1


def test_what_nothing_can_decode_goes_to_quarantine_and_the_rest_is_stored(tmp_path: Path) -> None:
    fill(tmp_path / "spool", [*traces(2), ("traces", b"poison"), *traces(4)[2:]])

    run(loader(tmp_path))

    (item,) = Quarantine(tmp_path / "quarantine").items()
    assert (item.reason, item.project, item.bytes) == ("poison", "p", 6)
    assert stored(tmp_path).height == 12


def test_every_loaded_table_is_a_field_of_the_rows() -> None:
    rows = id_rows([])

    assert all(getattr(rows, table).is_empty() for table in LOADED_TABLES)


class Killed(BaseException):
    """Ends the loader as kill -9 would: nothing is tidied up."""


@pytest.mark.parametrize("load_bytes", [1500, 2**20])
def test_a_request_that_kills_the_loader_is_found_and_put_into_quarantine(
    tmp_path: Path, load_bytes: int
) -> None:
    deadly = ("traces", trace_request(1, seed=99, name="deadly").SerializeToString())
    fill(tmp_path / "spool", [*traces(9), deadly, *traces(20)[9:]])
    decoded: list[int] = []

    def dies(records):  # type: ignore[no-untyped-def]
        if any(b"deadly" in record.body for record in records):
            raise Killed
        decoded.extend(record.number for record in records)
        return id_rows(records)

    for _ in range(100):
        subject = loader(tmp_path, load_bytes=load_bytes, decode=dies)
        try:
            run(subject)
            break
        except Killed:
            continue

    (item,) = Quarantine(tmp_path / "quarantine").items()
    assert "died" in item.reason
    assert stored(tmp_path).height == 60
    assert len(set(decoded)) == 20
    if load_bytes == 2**20:
        assert len(decoded) == 20, "nothing is decoded twice when nothing was decoded ahead"


def test_an_innocent_request_survives_a_few_kills(tmp_path: Path) -> None:
    fill(tmp_path / "spool", traces(4))

    def dies(_records):  # type: ignore[no-untyped-def]
        raise Killed

    for _ in range(5):
        subject = loader(tmp_path, decode=dies)
        with pytest.raises(Killed):
            subject.step()
    run(loader(tmp_path))

    assert stored(tmp_path).height == 12
    assert not Quarantine(tmp_path / "quarantine").items()


def test_a_store_that_is_down_for_long_sends_nothing_to_quarantine(tmp_path: Path) -> None:
    fill(tmp_path / "spool", traces(1))
    for _ in range(20):
        down = Dying(tmp_path, "spans", after_commit=False)
        with pytest.raises(StoreUnavailableError):
            loader(tmp_path, down).step()

    run(loader(tmp_path))

    assert stored(tmp_path).height == 3
    assert not Quarantine(tmp_path / "quarantine").items()


def test_a_full_disk_beside_the_spool_keeps_nothing_from_being_loaded_and_let_go(
    tmp_path: Path,
) -> None:
    """The tables may be elsewhere, and what is let go makes the room that is missing."""
    fill(tmp_path / "spool", traces(20))
    subject = loader(tmp_path)
    for name in ("attempt.json", "loaded.part"):
        (tmp_path / "spool" / name).symlink_to("/dev/full")

    run(subject)

    assert stored(tmp_path).height == 60
    assert len(segments(tmp_path / "spool")) == 1
