"""Where a trace is before it reaches the tables: in the spool, in quarantine, or rejected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from otlp_receiver.quarantine import Quarantine
from otlp_receiver.rejections import RejectionLog
from otlp_receiver.spool_reader import SpoolReader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_READ_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """What the receiver knows of one trace."""

    spooled_requests: int
    """Acknowledged requests in the spool that carry the trace.

    Loaded ones stay there until their segment is deleted, so a trace may be here and in the table.
    """
    spooled_at: int | None
    """When the newest of them was received; nanoseconds since 1970 UTC."""
    quarantined: tuple[str, ...]
    """Ids of requests in quarantine that carry the trace; see ``spandocket quarantine``."""
    quarantine_reasons: tuple[str, ...]
    rejected_spans: int
    """Spans of the trace that were rejected lately."""
    rejection_reasons: tuple[str, ...]


def find(data_dir: Path, project: str, trace_id: str) -> Whereabouts:
    """Look for a trace; ``trace_id`` is 32 hex digits.

    A request is found by the id's bytes, so a request that merely mentions them counts too.
    """
    try:
        wanted = bytes.fromhex(trace_id)
    except ValueError:
        wanted = b""
    spooled = list(_spooled(data_dir / "spool", project, wanted)) if wanted else []
    quarantine = Quarantine(data_dir / "quarantine")
    held = [
        item
        for item in (quarantine.items() if wanted else [])
        if item.project == project and wanted in quarantine.record(item.id).body
    ]
    rejected = [
        str(entry.get("reason"))
        for entry in RejectionLog(data_dir).entries()
        if entry.get("project") == project and entry.get("trace_id") == trace_id.lower()
    ]
    return Whereabouts(
        spooled_requests=len(spooled),
        spooled_at=max(spooled, default=None),
        quarantined=tuple(item.id for item in held),
        quarantine_reasons=tuple(sorted({item.reason for item in held})),
        rejected_spans=len(rejected),
        rejection_reasons=tuple(sorted(set(rejected))),
    )


def _spooled(folder: Path, project: str, wanted: bytes) -> Iterator[int]:
    """When each request that carries these bytes was received."""
    if not folder.is_dir():
        return
    reader = SpoolReader(folder)
    while records := reader.read(_READ_BYTES):
        for record in records:
            if record.project == project and wanted in record.body:
                yield record.received_at
