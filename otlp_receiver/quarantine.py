"""Requests that were acknowledged and that nothing can decode: kept with their reason.

One request is two files: ``ID.json`` says where it came from and why it is here, ``ID.binpb``
holds its bytes. The JSON file is written last, so that an item without one does not exist yet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from otlp_receiver.decoding import LOADED_TABLES
from otlp_receiver.errors import UnknownQuarantineError
from otlp_receiver.record import Signal, SpoolRecord
from otlp_receiver.spool_folder import make_durable

if TYPE_CHECKING:
    from pathlib import Path

    from otlp_receiver.decoding import Decode
    from span_store.store import SpanStore


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineItem:
    """One request in quarantine."""

    id: str
    project: str
    signal: Signal
    received_at: int
    """Nanoseconds since 1970 UTC."""
    number: int
    """Its number in the spool."""
    reason: str
    bytes: int


class Quarantine:
    """The folder of requests that cannot be loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, item_id: str, record: SpoolRecord, reason: str) -> None:
        """Keep a request; adding the same one again changes nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if (self.folder / f"{item_id}.json").exists():
            return
        make_durable(self.folder / f"{item_id}.binpb", record.body)
        facts = {
            "id": item_id,
            "project": record.project,
            "signal": record.signal,
            "received_at": record.received_at,
            "number": record.number,
            "reason": reason,
            "bytes": len(record.body),
        }
        make_durable(self.folder / f"{item_id}.json", json.dumps(facts, indent=1).encode())

    def ids(self) -> set[str]:
        """The ids of everything in quarantine."""
        return {path.stem for path in self.folder.glob("*.json")}

    def count(self) -> int:
        """How many requests are in quarantine."""
        return len(self.ids())

    def items(self) -> list[QuarantineItem]:
        """Everything in quarantine, oldest first."""
        if not self.folder.is_dir():
            return []
        found = [
            QuarantineItem(**json.loads(path.read_text(encoding="utf-8")))
            for path in self.folder.glob("*.json")
        ]
        return sorted(found, key=lambda item: (item.received_at, item.id))

    def item(self, item_id: str) -> QuarantineItem:
        """One item; raises :class:`UnknownQuarantineError` naming the nearest."""
        path = self.folder / f"{item_id}.json"
        if not path.is_file() or path.parent != self.folder:
            raise UnknownQuarantineError(item_id, [item.id for item in self.items()])
        return QuarantineItem(**json.loads(path.read_text(encoding="utf-8")))

    def record(self, item_id: str) -> SpoolRecord:
        """The request itself."""
        item = self.item(item_id)
        return SpoolRecord(
            number=item.number,
            project=item.project,
            signal=item.signal,
            received_at=item.received_at,
            body=(self.folder / f"{item_id}.binpb").read_bytes(),
        )

    def retry(self, item_id: str, store: SpanStore, decode: Decode) -> dict[str, Any]:
        """Load one request; ``{"loaded": bool, "reason": str | None}``.

        Loading it twice stores it once: each table remembers the item.
        """
        record = self.record(item_id)
        rows = decode([record])
        if rows.failed:
            return {"loaded": False, "reason": rows.failed[0][1]}
        for table in LOADED_TABLES:
            frame = getattr(rows, table)
            application = f"quarantine:{item_id}"
            if not frame.is_empty() and store.last_transaction(table, application) is None:
                store.append(table, frame, (application, 1))
        self.drop(item_id)
        return {"loaded": True, "reason": None}

    def drop(self, item_id: str) -> None:
        """Forget a request for good."""
        self.item(item_id)
        (self.folder / f"{item_id}.json").unlink()
        (self.folder / f"{item_id}.binpb").unlink(missing_ok=True)
