"""Loads OTLP files into the tables the way the receiver would, without its spool.

A file is known by the hash of its content: each commit carries, for every file in it, the number
of its requests that the table now holds. So a file that is imported twice is stored once, and an
import that died goes on where it stopped. The tables take commits of several writers, so it works
while a receiver owns the data directory.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from otlp_receiver.decoding import LOADED_TABLES
from otlp_receiver.errors import UnreadableFileError
from otlp_receiver.file_formats import (
    FileRequest,
    ForeignJsonError,
    read_content,
    requests_of,
)
from otlp_receiver.inspection import inspect_logs, inspect_metrics, inspect_traces
from otlp_receiver.record import SpoolRecord
from otlp_receiver.status import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from otlp_receiver.decoding import Decode
    from span_store.store import SpanStore

_BATCH_BYTES = 32 * 2**20
_BATCH_FILES = 2000
_INSPECT = {"traces": inspect_traces, "logs": inspect_logs, "metrics": inspect_metrics}


@dataclass(kw_only=True)
class ImportReport:
    """What an import did."""

    files: int = 0
    files_already_imported: int = 0
    """Files whose content was imported before, under whatever name."""
    files_ignored: int = 0
    """JSON files of a folder that are not OTLP."""
    requests: int = 0
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LOADED_TABLES, 0))
    rejected_spans: int = 0
    rejected_log_records: int = 0
    problems: list[str] = field(default_factory=list)
    """One sentence each, with the file's name."""
    ignored: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """One file: its transaction name, and what each table holds of it."""

    path: Path
    application: str
    held: dict[str, int]


class Importer:
    """Imports files into one project; ``clock`` gives nanoseconds since 1970 UTC."""

    def __init__(
        self,
        *,
        store: SpanStore,
        decode: Decode,
        project: str,
        clock: Callable[[], int],
        progress: Callable[[Path], None] | None = None,
    ) -> None:
        self._store = store
        self._decode = decode
        self._project = project
        self._clock = clock
        self._progress = progress
        self._report = ImportReport()
        self._records: list[SpoolRecord] = []
        self._places: dict[int, tuple[_Source, int, str]] = {}
        self._bytes = 0
        self._number = 0
        self._state: tuple[bool, ...] = ()
        self._held_by = {table: store.transaction_reader(table) for table in LOADED_TABLES}
        # Requests of each file of this run, so that a copy of it is not taken a second time.
        self._queued: dict[str, int] = {}

    def run(self, paths: Sequence[Path]) -> ImportReport:
        """Import files and folders; raises only when the tables cannot be written."""
        for path, is_named in _files(paths):
            if self._progress is not None:
                self._progress(path)
            try:
                self._import_file(path)
            except ForeignJsonError as error:
                if is_named:
                    self._report.problems.append(str(error))
                else:
                    self._report.files_ignored += 1
                    self._report.ignored.append(str(error))
            except UnreadableFileError as error:
                self._report.problems.append(str(error))
        self._flush()
        return self._report

    def _import_file(self, path: Path) -> None:
        content = read_content(path)
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        application = f"import:{self._project}:{digest}"
        queued = self._queued.get(application)
        held = {table: queued or self._held_by[table](application) or 0 for table in LOADED_TABLES}
        source = _Source(path=path, application=application, held=held)
        count = 0
        is_new = False
        for position, request in enumerate(requests_of(path, content), start=1):
            count += 1
            is_new = is_new or all(position > number for number in held.values())
            self._add(source, position, request)
        self._queued[application] = max(count, queued or 0)
        self._report.files += 1
        self._report.files_already_imported += not is_new and count > 0

    def _add(self, source: _Source, position: int, request: FileRequest) -> None:
        """Queue one request behind those that stand in the same tables as this one."""
        where = f"{source.path}: {request.place}: " if request.place else f"{source.path}: "
        if request.problem:
            self._report.problems.append(where + request.problem)
            return
        try:
            inspected = _INSPECT[request.signal](request.body)
        except Refusal as refusal:
            self._report.problems.append(where + refusal.details)
            return
        self._report.requests += 1
        if request.signal == "logs":
            self._report.rejected_log_records += len(inspected.rejected)
        else:
            self._report.rejected_spans += len(inspected.rejected)
        if inspected.rejected:
            self._report.problems.append(where + inspected.message())
        if request.signal == "metrics" or not inspected.accepted:
            return
        state = tuple(position <= source.held[table] for table in LOADED_TABLES)
        if state != self._state or self._bytes > _BATCH_BYTES or self._is_full():
            self._flush()
            self._state = state
        self._number += 1
        self._places[self._number] = (source, position, where)
        self._bytes += len(inspected.body)
        self._records.append(
            SpoolRecord(
                number=self._number,
                project=self._project,
                signal="traces" if request.signal == "traces" else "logs",
                received_at=self._clock(),
                body=inspected.body,
            )
        )

    def _is_full(self) -> bool:
        return len(self._records) >= _BATCH_FILES

    def _flush(self) -> None:
        """Decode and commit what is queued."""
        if not self._records:
            return
        rows = self._decode(self._records)
        for number, reason in rows.failed:
            self._report.problems.append(self._places[number][2] + reason)
        reached: dict[str, int] = {}
        for source, position, _ in self._places.values():
            reached[source.application] = position
        for table, is_held in zip(LOADED_TABLES, self._state, strict=True):
            frame = getattr(rows, table)
            if not is_held and not frame.is_empty():
                self._store.append(table, frame, list(reached.items()))
                self._report.rows[table] += frame.height
        self._records, self._places, self._bytes = [], {}, 0


def _files(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Every file below the paths in a stable order, and whether it was named by itself."""
    for path in paths:
        if path.is_dir():
            for entry in sorted(path.rglob("*")):
                if entry.is_file() and not entry.name.startswith("."):
                    yield entry, False
        else:
            yield path, True
