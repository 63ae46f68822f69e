"""The spool: what was acknowledged is read back, in order, whatever happened to the files."""

from __future__ import annotations

import os
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otlp_receiver.errors import SpoolLockedError, SpoolUnwritableError
from otlp_receiver.record import SpoolRecord
from otlp_receiver.segment import MARKER, encode, segment_name, segments
from otlp_receiver.spool_folder import (
    NUMBER_GAP,
    FolderLock,
    delete_finished,
    open_folder,
    owner_pid,
    repair,
    spool_identity,
    write_position,
)
from otlp_receiver.spool_reader import SpoolReader
from otlp_receiver.spool_writer import SpoolWriter

if TYPE_CHECKING:
    from collections.abc import Callable


def write(folder: Path, bodies: list[bytes], *, segment_bytes: int = 2**20) -> None:
    folder.mkdir(exist_ok=True)
    repaired = repair(folder, folder.parent / "quarantine")
    writer = SpoolWriter(
        folder, next_number=repaired.next_number, segment_bytes=segment_bytes, clock=lambda: 7
    )
    for body in bodies:
        durable = threading.Event()
        writer.append("p", "traces", body, lambda _, event=durable: event.set())
        assert durable.wait(120)
    writer.close()


def read_all(folder: Path, bytes_max: int = 2**20) -> list[SpoolRecord]:
    reader = SpoolReader(folder)
    found = []
    while batch := reader.read(bytes_max):
        found.extend(batch)
    return found


def bodies(records: list[SpoolRecord]) -> list[bytes]:
    return [record.body for record in records]


def test_records_come_back_in_order_over_many_segments(tmp_path: Path) -> None:
    sent = [bytes([number]) * (number * 37) for number in range(60)]

    write(tmp_path / "spool", sent, segment_bytes=500)

    found = read_all(tmp_path / "spool", bytes_max=700)
    assert bodies(found) == sent
    assert len(segments(tmp_path / "spool")) > 10
    assert [record.number for record in found] == sorted({record.number for record in found})
    assert {(record.project, record.signal, record.received_at) for record in found} == {
        ("p", "traces", 7)
    }


def test_a_record_larger_than_a_read_comes_back_whole(tmp_path: Path) -> None:
    write(tmp_path / "spool", [b"a", b"x" * 5000, b"b"])

    assert bodies(read_all(tmp_path / "spool", bytes_max=100)) == [b"a", b"x" * 5000, b"b"]


@pytest.mark.parametrize("cut", [1, 20, 36, 40, 96])
def test_a_torn_tail_is_cut_and_the_records_before_it_stay(tmp_path: Path, cut: int) -> None:
    spool = tmp_path / "spool"
    write(spool, [b"first", b"second" * 10])
    path = segments(spool)[0][1]
    whole = path.read_bytes()
    start = whole.rindex(MARKER)
    path.write_bytes(whole[: start + min(cut, len(whole) - start - 1)])

    found = repair(spool, tmp_path / "quarantine")

    assert found.records == 1
    assert found.cut_bytes > 0
    assert not found.damaged
    assert path.stat().st_size == start
    assert bodies(read_all(spool)) == [b"first"]


def test_damage_in_the_middle_loses_only_the_damaged_record(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    write(spool, [b"first" * 9, b"second" * 9, b"third" * 9])
    path = segments(spool)[0][1]
    path.write_bytes(path.read_bytes().replace(b"second", b"sEcond", 1))

    found = repair(spool, tmp_path / "quarantine")

    assert bodies(read_all(spool)) == [b"first" * 9, b"third" * 9]
    assert b"sEcond" in found.damaged[0].read_bytes()


def test_a_damaged_length_loses_only_its_record(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    write(spool, [b"first" * 9, b"second" * 9, b"third" * 9])
    path = segments(spool)[0][1]
    content = bytearray(path.read_bytes())
    second = content.index(MARKER, 1)
    content[second + 19] = 0x7F
    path.write_bytes(content)

    found = repair(spool, tmp_path / "quarantine")

    assert found.records == 2
    assert bodies(read_all(spool)) == [b"first" * 9, b"third" * 9]
    assert bodies(read_all(spool, bytes_max=60)) == [b"first" * 9, b"third" * 9]


def test_records_without_zeros_between_them_are_read_as_an_older_program_wrote_them(
    tmp_path: Path,
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    sent = [bytes([number]) * (number * 97) for number in range(100)]
    content = b"".join(
        b"".join(
            encode(
                SpoolRecord(
                    number=number + 2, project="p", signal="traces", received_at=7, body=body
                )
            )
        )
        for number, body in enumerate(sent)
    )
    (spool / segment_name(1)).write_bytes(content)

    found = repair(spool, tmp_path / "quarantine")

    assert (found.records, found.cut_bytes, found.damaged) == (100, 0, ())
    assert bodies(read_all(spool, bytes_max=700)) == sent


def test_zeros_that_are_no_padding_are_damage(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    write(spool, [b"first" * 9, b"second" * 9, b"third" * 9])
    path = segments(spool)[0][1]
    content = bytearray(path.read_bytes())
    second = content.index(MARKER, 1)
    content[second : second + 60] = bytes(60)
    path.write_bytes(content)

    found = repair(spool, tmp_path / "quarantine")

    assert (found.records, len(found.damaged)) == (2, 1)
    assert bodies(read_all(spool)) == [b"first" * 9, b"third" * 9]


def test_numbers_are_never_given_out_twice(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    write(spool, [b"first"])
    first = read_all(spool)[-1].number
    for _, path in segments(spool)[:-1]:
        path.unlink()

    write(spool, [b"second"])

    assert read_all(spool)[-1].number >= first + NUMBER_GAP


def test_one_read_gives_what_was_asked_for_however_large_the_records_are(tmp_path: Path) -> None:
    sent = [bytes([number]) * size for number, size in enumerate([3 * 2**20] * 5 + [20 * 2**20, 9])]
    write(tmp_path / "spool", sent, segment_bytes=2**30)

    reader = SpoolReader(tmp_path / "spool")
    first = reader.read(16 * 2**20)
    rest = reader.read(64 * 2**20)

    assert 15 * 2**20 <= sum(map(len, bodies(first))) <= 36 * 2**20
    assert bodies(first + rest) == sent


def test_another_reader_goes_on_at_a_position(tmp_path: Path) -> None:
    sent = [b"%d" % number * 50 for number in range(60)]
    write(tmp_path / "spool", sent, segment_bytes=500)

    readers = [SpoolReader(tmp_path / "spool") for _ in range(2)]
    found = readers[0].read(400)
    while True:
        for reader, other in (readers, readers[::-1]):
            other.position = reader.position
            records = other.read(400)
            found += records
        if not records:
            break

    assert bodies(found) == sent


def test_a_reader_follows_a_writer(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    writer = SpoolWriter(spool, next_number=1, segment_bytes=200, clock=lambda: 7)
    reader = SpoolReader(spool)
    found = []
    for number in range(40):
        durable = threading.Event()
        writer.append("p", "logs", b"%d" % number, lambda _, event=durable: event.set())
        assert durable.wait(120)
        found.extend(reader.read(10_000))
    writer.close()

    assert bodies(found) == [b"%d" % number for number in range(40)]


def test_calls_that_wait_together_are_synced_together(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    held = threading.Event()
    writer = SpoolWriter(
        spool, next_number=1, segment_bytes=2**20, clock=lambda: (held.wait(120) and 7) or 7
    )
    for number in range(100):
        writer.append("p", "traces", b"%d" % number, lambda _: None)
    held.set()
    writer.close()

    assert len(read_all(spool)) == 100
    assert writer.groups < 100


def test_a_failed_write_is_reported_and_the_next_one_goes_to_a_new_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    writer = SpoolWriter(spool, next_number=1, segment_bytes=2**20, clock=lambda: 7)
    answers: list[OSError | None] = []
    answered = threading.Semaphore(0)

    def done(error: OSError | None) -> None:
        answers.append(error)
        answered.release()

    def append(body: bytes) -> None:
        writer.append("p", "traces", body, done)
        assert answered.acquire(timeout=120)

    append(b"good")
    with monkeypatch.context() as patch:
        patch.setattr("os.fdatasync", _disk_full)
        append(b"lost")
    append(b"after")
    writer.close()

    assert [error is None for error in answers] == [True, False, True]
    assert bodies(read_all(spool)) == [b"good", b"after"]


class Disk:
    """What would be left after a loss of power: synced bytes of files with synced names."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.bytes: dict[str, int] = {}
        self.names: set[str] = set()
        for name in ("fsync", "fdatasync"):
            patch.setattr(f"os.{name}", partial(self._sync, getattr(os, name)))

    def _sync(self, really: Callable[[int], None], descriptor: int) -> None:
        really(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_dir():
            self.names.update(map(str, path.iterdir()))
        else:
            self.bytes[str(path)] = os.fstat(descriptor).st_size

    def left(self, folder: Path) -> dict[str, bytes]:
        found = {}
        for first, path in segments(folder):
            if str(path) in self.names:
                found[segment_name(first)] = path.read_bytes()[: self.bytes.get(str(path), 0)]
        return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc which file is synced")
def test_after_a_loss_of_power_everything_acknowledged_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands and falls with what a disk calls synced; only pulling a plug would prove that."""
    spool = tmp_path / "spool"
    spool.mkdir()
    disk = Disk(monkeypatch)
    writer = SpoolWriter(spool, next_number=1, segment_bytes=2000, clock=lambda: 7)
    answered = threading.Semaphore(0)
    acknowledged: list[bytes] = []
    cuts: list[tuple[list[bytes], dict[str, bytes]]] = []

    def done(body: bytes, _: OSError | None) -> None:
        acknowledged.append(body)
        cuts.append((list(acknowledged), disk.left(spool)))
        answered.release()

    for number in range(40):
        body = b"%d" % number * 100
        writer.append("p", "traces", body, partial(done, body))
        if number % 2:
            # Every second time two wait together.
            assert answered.acquire(timeout=120)
            assert answered.acquire(timeout=120)
    writer.close()

    assert len(acknowledged) == len(cuts) == 40
    assert len(segments(spool)) > 2
    for number, (sure, files) in enumerate(cuts):
        after = tmp_path / f"after-{number}"
        after.mkdir()
        for name, content in files.items():
            (after / name).write_bytes(content)
        assert set(sure) <= set(bodies(read_all(after)))


def _disk_full(descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def test_finished_segments_are_deleted_unless_another_reader_needs_them(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    write(spool, [b"x" * 300] * 4, segment_bytes=200)
    firsts = [first for first, _ in segments(spool)]
    synced: list[bool] = []
    write_position(spool, "forward", firsts[2])

    delete_finished(spool, firsts[3], lambda: synced.append(True))

    assert [first for first, _ in segments(spool)] == firsts[2:]
    assert synced == [True]


def test_the_identity_stays(tmp_path: Path) -> None:
    assert spool_identity(tmp_path) == spool_identity(tmp_path)
    assert len(spool_identity(tmp_path)) == 32


def test_a_second_owner_is_refused_with_the_first_ones_pid(tmp_path: Path) -> None:
    import os

    lock = FolderLock(tmp_path)
    lock.acquire()

    with pytest.raises(SpoolLockedError, match=str(os.getpid())):
        FolderLock(tmp_path).acquire()

    assert owner_pid(tmp_path) == os.getpid()
    lock.release()
    assert owner_pid(tmp_path) is None


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SpoolUnwritableError, match="file/spool"):
        open_folder(tmp_path / "file" / "spool")
