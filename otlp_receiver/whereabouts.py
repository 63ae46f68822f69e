"""Where a trace is before it reaches the tables: in the spool, in quarantine, or rejected."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_receiver.quarantine import Quarantine
from otlp_receiver.rejections import RejectionLog
from otlp_receiver.spool_reader import SpoolReader
from span_store.store import SpanStore

if TYPE_CHECKING:
    from pathlib import Path

_READ_BYTES = 32 * 2**20
_REFUSALS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """What the receiver knows of one trace."""

    waiting_spans: int
    """Acknowledged spans in the spool that are not in the table yet."""
    refusals: tuple[str, ...]
    """The newest spans and log records of the trace that were rejected, a sentence each."""
    quarantined: tuple[dict[str, Any], ...]
    """Requests in quarantine that mention the trace: id, reason, received_at."""


def find(
    data_dir: Path, project: str, trace_id: str, store: SpanStore | None = None
) -> Whereabouts:
    """Look for a trace; ``trace_id`` is 32 hex digits.

    ``store`` says where the tables are when not in ``data_dir``.
    """
    try:
        wanted = bytes.fromhex(trace_id)
    except ValueError:
        wanted = b""
    return Whereabouts(
        waiting_spans=_waiting(data_dir, project, wanted, store) if wanted else 0,
        refusals=tuple(
            _refusal(entry)
            for entry in RejectionLog(data_dir).entries()
            if entry.get("project") == project and entry.get("trace_id") == trace_id.lower()
        )[-_REFUSALS_MAX:],
        quarantined=tuple(_quarantined(data_dir, project, wanted)) if wanted else (),
    )


def _refusal(entry: dict[str, Any]) -> str:
    item = entry.get("item", "span")
    named = f"{item} {entry['span_id'] or '(no id)'}" if item == "span" else f"a {item}"
    return f"{named}: {entry['reason']}"


def receipt(
    data_dir: Path, *, project: str, trace_id: str, store: SpanStore | None = None
) -> dict[str, Any]:
    """:func:`find` as plain JSON."""
    found = asdict(find(data_dir, project, trace_id, store))
    return found | {name: list(found[name]) for name in ("refusals", "quarantined")}


def _waiting(data_dir: Path, project: str, wanted: bytes, store: SpanStore | None) -> int:
    folder = data_dir / "spool"
    identity = folder / "identity"
    if not identity.exists():
        return 0
    application = f"{identity.read_text(encoding='ascii').strip()}:spans"
    loaded = (store or SpanStore(data_dir)).last_transaction("spans", application) or 0
    reader = SpoolReader(folder, after=loaded)
    count = 0
    while records := reader.read(_READ_BYTES):
        for record in records:
            if record.project == project and record.signal == "traces" and wanted in record.body:
                count += _spans_of(record.body, wanted)
    return count


def _spans_of(body: bytes, wanted: bytes) -> int:
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        return 0
    return sum(
        span.trace_id == wanted
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    )


def _quarantined(data_dir: Path, project: str, wanted: bytes) -> list[dict[str, Any]]:
    quarantine = Quarantine(data_dir / "quarantine")
    return [
        {"id": item.id, "reason": item.reason, "received_at": item.received_at}
        for item in quarantine.items()
        if item.project == project and wanted in quarantine.record(item.id).body
    ]
