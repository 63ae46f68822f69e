"""Findings that the loader leaves for forwarding, so that no request is understood twice.

The loader understands every request anyway, one process away from the one that forwards. What it
finds in a batch it appends, before it commits the batch, to a file in the spool's folder:
``FIRST-PID.findings``, named by the first record that the file speaks of. A line is

    {"first": 17, "last": 40, "settings": "…", "found": {"19": {"TRACE:SPAN": [0.5, ["error"]]}}}

and says that every record from ``first`` to ``last`` was looked at. A finding is a fact of the
request and of the settings alone, so it makes no difference who found it: lines may be lost,
torn, or written twice, and what no line speaks of is found again by whoever forwards. For the
same reason nothing is synced.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from otlp_receiver.forward_enrichment import SpanFindings
from otlp_receiver.load_mark import read_mark

if TYPE_CHECKING:
    from pathlib import Path

    from otlp_receiver.forward_enrichment import Findings

_SUFFIX = ".findings"
_FILE_BYTES_MAX = 2**20
"""A file beyond this size is followed by another, so that what was forwarded can be deleted."""


class FindingsWriter:
    """Appends what was found; one process, a thread at a time."""

    def __init__(self, spool: Path, settings: str) -> None:
        self._spool = spool
        self._settings = settings
        self._path: Path | None = None
        self._size = 0

    def write(self, first: int, last: int, findings: Findings) -> None:
        """Say what was found in all records between two numbers; raises :class:`OSError`."""
        found = {
            str(number): {span: [of.severity, list(of.names)] for span, of in spans.items()}
            for number, spans in findings.items()
        }
        line = {"first": first, "last": last, "settings": self._settings, "found": found}
        # A line that was torn by a full disk before must not spoil this one.
        content = b"\n" + json.dumps(line, separators=(",", ":")).encode() + b"\n"
        if self._path is None or self._size > _FILE_BYTES_MAX:
            self._path = self._spool / f"{first:020d}-{os.getpid()}{_SUFFIX}"
            self._size = 0
        with self._path.open("ab") as file:
            file.write(content)
        self._size += len(content)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Neighbouring records that the loader looked at."""

    first: int
    last: int


class FindingsReader:
    """What the loader left, read no further than it is asked for."""

    def __init__(self, spool: Path, settings: str) -> None:
        self._spool = spool
        self._settings = settings
        self._offsets: dict[str, int] = {}
        self._stretches: list[_Stretch] = []
        self._found: dict[int, dict[str, SpanFindings]] = {}
        self._forgotten = -1
        self.newest = -1
        """The last record that a line read so far speaks of, or that the loader has loaded."""

    def advance(self, number: int) -> None:
        """Read on until a line speaks of this record or a later one, or there are no more lines."""
        # Of what is in the tables there are lines already, or there will never be any.
        loaded = read_mark(self._spool)
        for path in sorted(self._spool.glob(f"*{_SUFFIX}")):
            if self.newest >= number:
                return
            self._read(path, number)
        if self.newest < number <= loaded:
            self.newest = loaded

    def is_known(self, number: int) -> bool:
        """Whether the loader looked at this record."""
        return any(stretch.first <= number <= stretch.last for stretch in self._stretches)

    def of(self, number: int) -> dict[str, SpanFindings]:
        """What it found there, by ``TRACE:SPAN``."""
        return self._found.get(number, {})

    def forget(self, number: int) -> None:
        """Records up to this one are forwarded: delete the files that speak of no other."""
        self._forgotten = number
        self._stretches = [stretch for stretch in self._stretches if stretch.last > number]
        self._found = {key: spans for key, spans in self._found.items() if key > number}
        paths = sorted(self._spool.glob(f"*{_SUFFIX}"))
        for path, later in pairwise(paths):
            # Of what a later loader wrote again, this deletes the first writing.
            if int(later.name.partition("-")[0]) > number + 1:
                break
            if self._is_at_end(path):
                path.unlink(missing_ok=True)
                self._offsets.pop(path.name, None)

    def _is_at_end(self, path: Path) -> bool:
        try:
            return self._offsets.get(path.name, 0) >= path.stat().st_size
        except FileNotFoundError:
            return True

    def _read(self, path: Path, number: int) -> None:
        """Take in whole lines of one file."""
        try:
            with path.open("rb") as file:
                file.seek(self._offsets.get(path.name, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    self._offsets[path.name] = self._offsets.get(path.name, 0) + len(line)
                    self._take(line)
                    if self.newest >= number:
                        return
        except FileNotFoundError:
            return

    def _take(self, line: bytes) -> None:
        """One line; a torn or foreign one says nothing."""
        try:
            entry = json.loads(line)
            stretch = _Stretch(entry["first"], entry["last"])
            if entry["settings"] != self._settings or stretch.last <= self._forgotten:
                return
            found = {int(number): _spans(spans) for number, spans in entry["found"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            return
        self._found.update(found)
        self._stretches.append(stretch)
        self.newest = max(self.newest, stretch.last)


def _spans(entry: dict[str, Any]) -> dict[str, SpanFindings]:
    return {
        span: SpanFindings(names=tuple(names), severity=severity)
        for span, (severity, names) in entry.items()
    }


def clear_findings(spool: Path) -> None:
    """Delete all that was left: nobody will forward with findings."""
    for path in spool.glob(f"*{_SUFFIX}"):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
