"""The spool's folder: its identity, its lock, its positions, and its repair at start.

``identity``   the spool's id, made once; the tables remember it with the last loaded number
``lock``       held by the receiver and its loader for as long as either lives; holds the pid
``*.position`` the segment that a reader is in; older segments are finished for that reader
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from otlp_receiver.errors import SpoolLockedError, SpoolUnwritableError
from otlp_receiver.segment import Damage, missing_bytes, segments, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NUMBER_GAP = 2**20
"""How far numbers jump at every start.

After a crash of the machine, the tables may hold records that the spool lost, because the loader
reads what is written before it is synced. Their numbers must never be given out again.
"""

_PROBE_BYTES = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What the repair at start found."""

    next_number: int
    records: int
    waiting: tuple[tuple[int, int], ...]
    """Number and time of receipt of every record; some may be in the tables already."""
    cut_bytes: int
    """Torn bytes at the end of a file: a write that was never acknowledged."""
    damaged: tuple[Path, ...]
    """Copies of damaged stretches, kept in quarantine."""


def make_durable(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a file so that after a crash it holds the old content or the new, never a part."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb", opener=partial(os.open, mode=mode)) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_folder(folder: Path) -> None:
    """Make the spool's folder, or say why it cannot be written."""
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """What keeps us from writing there, as an error that names the folder and the remedy."""
    try:
        yield
    except OSError as error:
        raise SpoolUnwritableError(str(folder), error.strerror or str(error)) from error


def can_write(folder: Path) -> bool:
    """Whether something can be made durable there now."""
    probe = folder / f".probe-{os.getpid()}"
    try:
        with probe.open("wb") as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
    return True


def spool_identity(folder: Path) -> str:
    """The spool's id; made at the first call."""
    path = folder / "identity"
    if not path.exists():
        with _writing(folder):
            make_durable(path, uuid.uuid4().hex.encode())
    return path.read_text(encoding="ascii").strip()


class FolderLock:
    """The exclusive right to a data directory.

    The descriptor is handed to the loader process, so that the right ends with the last of both:
    a new receiver never meets the old one's loader.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock"
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)

    def acquire(self, patience_seconds: float = 10.0) -> None:
        """Take the lock; wait only for the loader of a receiver that is already dead.

        Raises :class:`SpoolLockedError` with the owner's pid, :class:`SpoolUnwritableError` where
        not even ours can be written.
        """
        deadline = time.monotonic() + patience_seconds
        while True:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                    raise
                owner = os.pread(self.descriptor, 64, 0).decode(errors="replace").strip()
                if _is_alive(owner) or time.monotonic() > deadline:
                    os.close(self.descriptor)
                    raise SpoolLockedError(str(self.path.parent.parent), owner or "?") from error
                time.sleep(0.05)
        with _writing(self.path.parent):
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the lock back; it stays held while the loader process lives."""
        os.close(self.descriptor)


def _is_alive(owner: str) -> bool:
    if not owner.isdigit():
        return False
    try:
        os.kill(int(owner), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def owner_pid(folder: Path) -> int | None:
    """The process that owns the spool now; None when nobody does."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        text = os.pread(descriptor, 64, 0).decode(errors="replace").strip()
        return int(text) if text.isdigit() else None
    else:
        return None
    finally:
        os.close(descriptor)


def repair(folder: Path, quarantine: Path) -> Repair:
    """Check every segment, cut torn ends, keep copies of damaged stretches.

    Records behind a damaged stretch stay readable: readers skip to the next marker.
    """
    highest, cut_bytes = 0, 0
    waiting: list[tuple[int, int]] = []
    damaged: list[Path] = []
    for first_number, path in segments(folder):
        highest = max(highest, first_number - 1)
        buffer = path.read_bytes()
        for offset, found in walk(buffer):
            if not isinstance(found, Damage):
                highest = max(highest, found.number)
                waiting.append((found.number, found.received_at))
            elif found.end == len(buffer) and missing_bytes(buffer, offset) > 0:
                os.truncate(path, offset)
                cut_bytes += found.end - offset
            else:
                damaged.append(_keep(quarantine, path, buffer[offset : found.end], offset))
                if found.end == len(buffer):
                    os.truncate(path, offset)
    return Repair(
        next_number=highest + NUMBER_GAP,
        records=len(waiting),
        waiting=tuple(waiting),
        cut_bytes=cut_bytes,
        damaged=tuple(damaged),
    )


def _keep(quarantine: Path, segment: Path, content: bytes, offset: int) -> Path:
    quarantine.mkdir(parents=True, exist_ok=True)
    copy = quarantine / f"{segment.stem}-{offset}.damaged"
    if not copy.exists():
        make_durable(copy, content)
    return copy


def write_position(folder: Path, reader: str, segment: int) -> None:
    """Remember that everything before this segment is finished for this reader.

    On a full disk the old content is written over: what it lets go makes room again.
    """
    path = folder / f"{reader}.position"
    content = f"{segment:020d}".encode()
    try:
        make_durable(path, content)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT} or path.stat().st_size != len(content):
            raise
        with path.open("r+b") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def delete_finished(
    folder: Path, own_segment: int, before_delete: Callable[[], None]
) -> list[Path]:
    """Delete the segments that the caller and every registered reader have finished.

    ``before_delete`` makes what was read from them durable elsewhere.
    """
    oldest_needed = own_segment
    for path in folder.glob("*.position"):
        with contextlib.suppress(ValueError, FileNotFoundError):
            oldest_needed = min(oldest_needed, int(path.read_text(encoding="ascii")))
    finished = [path for first, path in segments(folder) if first < oldest_needed]
    if finished:
        before_delete()
        for path in finished:
            path.unlink()
        sync_folder(folder)
    return finished
