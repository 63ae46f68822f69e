"""Reads a spool in order, while it is being written or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from otlp_receiver.block_files import BlockReader
from otlp_receiver.segment import decode, missing_bytes, next_record, padding_bytes, segments

if TYPE_CHECKING:
    from pathlib import Path

    from otlp_receiver.record import SpoolRecord


_BYTES_AT_ONCE = 8 * 2**20
"""More are read in several goes: the records are copied, and the buffer stays for the next read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolPosition:
    """Where reading goes on, by whomever."""

    after: int
    """Records up to this number were read."""
    segment: int = 0
    """The first number of the segment, or of one that is gone."""
    offset: int = 0
    """Where in it the next record may begin, in bytes."""


class SpoolReader:
    """Reads on from a position in a spool.

    Torn ends of segments that are no longer written are skipped, as are damaged stretches;
    the repair at start copied aside what could hold something.
    """

    def __init__(self, folder: Path, *, after: int = 0) -> None:
        self._folder = folder
        self._blocks = BlockReader()
        self.position = SpoolPosition(after=after)

    @property
    def position(self) -> SpoolPosition:
        """Where the next read begins; may be set."""
        return SpoolPosition(after=self._after, segment=self.segment, offset=self._offset)

    @position.setter
    def position(self, position: SpoolPosition) -> None:
        self._after = position.after
        self.segment = position.segment
        self._offset = position.offset

    def read(self, bytes_max: int, *, records_max: int | None = None) -> list[SpoolRecord]:
        """The next records, up to about this many bytes; empty when there is nothing new."""
        records: list[SpoolRecord] = []
        budget = bytes_max
        # Damage and records that were read before take from the budget, and give nothing.
        while (budget > 0 or not records) and (records_max is None or len(records) < records_max):
            # Listed before the read: only if a newer segment existed before the end was seen
            # is this one certain to be finished.
            known = segments(self._folder)
            current = next((entry for entry in known if entry[0] >= self.segment), None)
            if current is None:
                break
            if current[0] != self.segment:
                self.segment, self._offset = current[0], 0
            limit = None if records_max is None else records_max - len(records)
            is_closed = known[-1][0] != self.segment
            found, used = self._read_segment(
                current[1], _at_once(bytes_max, budget), limit, is_closed=is_closed
            )
            records.extend(found)
            budget -= used
            if used == 0:
                if not is_closed:
                    break
                self.segment, self._offset = self.segment + 1, 0
        return records

    def _read_segment(
        self, path: Path, bytes_max: int, records_max: int | None, *, is_closed: bool
    ) -> tuple[list[SpoolRecord], int]:
        """Whole records from the current offset, and the bytes that were passed."""
        try:
            buffer = self._buffer(path, bytes_max)
        except FileNotFoundError:
            # The loader deleted it after it was listed: its records are in the tables.
            return [], 0
        records: list[SpoolRecord] = []
        passed = 0
        while passed < len(buffer) and (records_max is None or len(records) < records_max):
            found = decode(buffer, passed)
            if found is not None:
                if found[0].number > self._after:
                    records.append(found[0])
                passed = found[1]
            elif padding := padding_bytes(buffer, passed, self._offset + passed):
                passed += padding
            elif missing_bytes(buffer, passed) > 0 and (passed > 0 or not is_closed):
                # Cut by the size of this read, or still being written: the next read begins here.
                break
            else:
                passed += self._damaged_bytes(path, self._offset + passed, is_closed=is_closed)
                break
        self._offset += passed
        return records, passed

    def _buffer(self, path: Path, bytes_max: int) -> memoryview:
        """Bytes from the current offset, with at least one whole record when there is one."""
        size = bytes_max
        buffer = self._blocks.read(path, self._offset, size)
        while len(buffer) == size and (lacking := missing_bytes(buffer, 0)):
            size += lacking
            buffer = self._blocks.read(path, self._offset, size)
        return buffer

    def _damaged_bytes(self, path: Path, start: int, *, is_closed: bool) -> int:
        """How far it is from damage to the next record."""
        with path.open("rb") as file:
            file.seek(start)
            rest = file.read()
        return next_record(rest, 1, accept_torn=not is_closed)


def _at_once(bytes_max: int, budget: int) -> int:
    """How much of a budget to read in one go; all of it anew when damage has used it up."""
    return min(bytes_max if budget <= 0 else budget, _BYTES_AT_ONCE)
