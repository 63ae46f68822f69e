"""A small log of what was rejected for good, so that one can ask where a span went."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from otlp_receiver.inspection import RejectedItem

logger = logging.getLogger(__name__)

_FILE_BYTES_MAX = 2**20
_ITEMS_A_REQUEST_MAX = 100


class RejectionLog:
    """Lines of JSON in ``rejections.jsonl``; when full it becomes ``rejections.1.jsonl``."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "rejections.jsonl"
        self._older = data_dir / "rejections.1.jsonl"

    def add(
        self, project: str, rejected: Sequence[RejectedItem], now: int, items: str = "spans"
    ) -> None:
        """Remember rejected spans or log records; a log that cannot be written holds up nothing."""
        lines = [
            json.dumps(
                {
                    "time": now,
                    "project": project,
                    "item": items.removesuffix("s"),
                    "trace_id": item.trace_id,
                    "span_id": item.span_id,
                    "reason": item.reason,
                }
            )
            for item in rejected[:_ITEMS_A_REQUEST_MAX]
        ]
        try:
            if self._path.exists() and self._path.stat().st_size > _FILE_BYTES_MAX:
                self._path.replace(self._older)
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
        except OSError as error:
            logger.warning(
                "Cannot write the log of what was rejected: %s",
                error,
                extra={"event": "rejections_unwritable"},
            )

    def entries(self) -> Iterator[dict[str, Any]]:
        """Everything that is remembered, oldest first."""
        for path in (self._older, self._path):
            if not path.exists():
                continue
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict):
                    yield entry
