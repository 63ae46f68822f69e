"""The bytes of a spool file: records one after another, each able to be found and checked alone.

A file is named by the number of the first record it may hold. A record is

=========  =====  ==============================================================
field      bytes  holds
=========  =====  ==============================================================
marker         8  ``MARKER``, so that a reader finds the next record after damage
checksum       4  CRC32C of everything behind it
signal         1  1 traces, 2 logs
reserved       1  zero
project        2  length of the project's name in bytes
body           4  length of the body in bytes
number         8  the record's number
received       8  nanoseconds since 1970 UTC
=========  =====  ==============================================================

followed by the project's name and the body. Integers are little endian. Records that were written
together are followed by zeros up to the end of the block.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import google_crc32c

from otlp_receiver.block_files import BLOCK_BYTES
from otlp_receiver.record import Signal, SpoolRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARKER = b"\xf5SDREC\x01\xf5"
_HEADER = struct.Struct("<8sI")
_FIELDS = struct.Struct("<BBHIQQ")
HEADER_BYTES = _HEADER.size + _FIELDS.size
_SIGNALS: dict[Signal, int] = {"traces": 1, "logs": 2}
_NAMES: dict[int, Signal] = {code: name for name, code in _SIGNALS.items()}
_SUFFIX = ".segment"

assert set(get_args(Signal)) == set(_SIGNALS)


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a segment that are no record, between two offsets."""

    start: int
    end: int


def segment_name(first_number: int) -> str:
    """The name of the file whose records begin at this number."""
    return f"{first_number:020d}{_SUFFIX}"


def segments(directory: Path) -> list[tuple[int, Path]]:
    """Every segment of a spool with its first number, oldest first."""
    found = [
        (int(path.stem), path)
        for path in directory.iterdir()
        if path.suffix == _SUFFIX and path.stem.isdigit()
    ]
    return sorted(found)


def encode(record: SpoolRecord) -> tuple[bytes, bytes]:
    """The record's head (header and project) and its body; written one after the other."""
    project = record.project.encode()
    rest = (
        _FIELDS.pack(
            _SIGNALS[record.signal],
            0,
            len(project),
            len(record.body),
            record.number,
            record.received_at,
        )
        + project
    )
    checksum = google_crc32c.extend(google_crc32c.value(rest), record.body)
    return _HEADER.pack(MARKER, checksum) + rest, record.body


def decode(buffer: bytes | memoryview, start: int) -> tuple[SpoolRecord, int] | None:
    """The record at this offset and the offset behind it; None when it is torn or damaged."""
    if len(buffer) - start < HEADER_BYTES:
        return None
    marker, checksum = _HEADER.unpack_from(buffer, start)
    signal, reserved, project_bytes, body_bytes, number, received_at = _FIELDS.unpack_from(
        buffer, start + _HEADER.size
    )
    body_start = start + HEADER_BYTES + project_bytes
    end = body_start + body_bytes
    if marker != MARKER or reserved or signal not in _NAMES or end > len(buffer):
        return None
    body = bytes(buffer[body_start:end])
    rest = bytes(buffer[start + _HEADER.size : body_start])
    if google_crc32c.extend(google_crc32c.value(rest), body) != checksum:
        return None
    project = rest[_FIELDS.size :].decode()
    record = SpoolRecord(
        number=number,
        project=project,
        signal=_NAMES[signal],
        received_at=received_at,
        body=body,
    )
    return record, end


def padding_bytes(buffer: bytes | memoryview, start: int, offset: int) -> int:
    """How many zeros follow up to the end of the block; 0 when there is something else.

    ``offset`` is where in the file ``start`` lies.
    """
    size = min(-offset % BLOCK_BYTES, len(buffer) - start)
    return 0 if any(buffer[start : start + size]) else size


def missing_bytes(buffer: bytes | memoryview, start: int) -> int:
    """How many bytes a record that begins here still lacks; 0 when it is not a torn one."""
    left = len(buffer) - start
    if left < HEADER_BYTES:
        return HEADER_BYTES - left
    marker, _ = _HEADER.unpack_from(buffer, start)
    if marker != MARKER:
        return 0
    _, _, project_bytes, body_bytes, _, _ = _FIELDS.unpack_from(buffer, start + _HEADER.size)
    return max(0, HEADER_BYTES + int(project_bytes) + int(body_bytes) - left)


def walk(buffer: bytes) -> Iterator[tuple[int, SpoolRecord | Damage]]:
    """Every record and every damaged stretch of a whole segment, with its offset."""
    offset = 0
    while offset < len(buffer):
        found = decode(buffer, offset)
        if found is not None:
            yield offset, found[0]
            offset = found[1]
            continue
        if padding := padding_bytes(buffer, offset, offset):
            offset += padding
            continue
        after = next_record(buffer, offset + 1)
        yield offset, Damage(offset, after)
        offset = after


def next_record(buffer: bytes, start: int, *, accept_torn: bool = False) -> int:
    """The offset of the next whole record; the buffer's end when there is none.

    With ``accept_torn`` a record that the buffer's end cuts counts too: it is being written.
    """
    while (candidate := buffer.find(MARKER, start)) >= 0:
        if decode(buffer, candidate) is not None:
            return candidate
        if accept_torn and missing_bytes(buffer, candidate) > 0:
            return candidate
        start = candidate + 1
    return len(buffer)
