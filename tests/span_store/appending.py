"""Programs that the tests of several processes start: ``python appending.py WHAT PLACE …``."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from span_store.compaction import compact
from span_store.errors import ConcurrentWriterError
from span_store.maintenance import Maintenance
from span_store.store import SpanStore
from tests.span_store.rows import span, spans

ROWS = 20


def tell(word: object) -> None:
    """One line for the test that watches."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def append(place: str, writer: int, first: int, last: int) -> None:
    """Commit batches ``first`` to ``last``; a batch's spans say which one they are of."""
    store = SpanStore(place)
    for number in range(first, last + 1):
        rows = [
            span(trace=writer + 1, number=number * ROWS + n, received_at=number, name=f"{number}")
            for n in range(ROWS)
        ]
        store.append("spans", spans(*rows), (f"writer-{writer}", number))
        tell(number)


def keep_compacting(place: str) -> None:
    """Merge whatever lies there, until killed."""
    store = SpanStore(place)
    tell("begun")
    while True:
        try:
            keeper = Maintenance(store, "spans", datetime.now(UTC))
            compact(keeper, target_bytes=2**26, files_min=3)
        except ConcurrentWriterError:
            tell("refused")
        time.sleep(0.01)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["append", place, writer, first, last]:
            append(place, int(writer), int(first), int(last))
        case ["compact", place]:
            keep_compacting(place)
