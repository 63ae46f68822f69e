"""The loader as a process of its own: Polars and Arrow take no time from the servers' lock.

The receiver speaks to it over stdin (``drain`` asks it to load everything and end; the end of
the stream means that the receiver died) and reads one JSON report a line from its stdout.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from otlp_receiver.log_lines import use_log_lines
from otlp_receiver.memory import give_back_freed_memory, keep_freed_memory, prepare_polars
from span_store.errors import SpanStoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from otlp_receiver.decoding import Note
    from otlp_receiver.loader import Loader

_RETRY_SECONDS_MAX = 30.0
_KEPT_BATCHES = 12
"""Freed memory that is kept while there is something to load, in batches of requests.

Arrow's columns, their texts and the parts of the tables take about as much."""


class _Orders:
    """What the receiver said."""

    def __init__(self) -> None:
        self.changed = threading.Event()
        self.is_draining = False

    def listen(self) -> None:
        """Follow stdin; end the process at once when the receiver is gone."""
        for line in sys.stdin:
            if line.strip() == "drain":
                self.is_draining = True
                self.changed.set()
        # A commit is atomic; whatever is under way now is done or was never begun. The lock must
        # not outlive the receiver, or the next one could not start.
        os._exit(0)


def run(settings: dict[str, Any], note: Note | None = None) -> None:
    """Load until told to drain, then until nothing is left."""
    orders = _Orders()
    threading.Thread(target=orders.listen, daemon=True).start()
    loader = _open(settings, orders, note)
    failures = 0
    while loader is not None:
        try:
            report = loader.step()
        except (SpanStoreError, OSError) as error:
            failures += 1
            _say({"error": str(error)})
            orders.changed.wait(min(0.1 * 2**failures, _RETRY_SECONDS_MAX))
            if orders.is_draining:
                time.sleep(0.5)
            loader = _open(settings, orders, note)
            continue
        failures = 0
        if report is not None:
            _say(asdict(report))
            if report.body_bytes >= settings["load_bytes"] // 2:
                continue
        elif orders.is_draining:
            return
        else:
            give_back_freed_memory()
        orders.changed.wait(settings["load_interval_seconds"])


def _open(settings: dict[str, Any], orders: _Orders, note: Note | None) -> Loader | None:
    """Open the tables, again and again while their place is unavailable."""
    # Polars must not be imported before it is prepared.
    from otlp_receiver.file_bound import FileBound
    from otlp_receiver.loader import Loader
    from otlp_receiver.rows import rows_reader
    from span_store.store import SpanStore

    while True:
        try:
            store = SpanStore(settings["store"], settings.get("store_options"))
            loader = Loader(
                spool=Path(settings["spool"]),
                quarantine=Path(settings["quarantine"]),
                store=store,
                appended=FileBound(store, lambda: datetime.now(UTC)).appended,
                decode=rows_reader(settings.get("attributes", {}), settings.get("prices", "")),
                load_bytes=settings["load_bytes"],
                note=note,
            )
        except (SpanStoreError, OSError) as error:
            _say({"error": str(error)})
            orders.changed.wait(1.0)
            if orders.is_draining:
                time.sleep(0.5)
        else:
            _say(asdict(loader.standing()))
            return loader


def _say(report: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


def main(given: dict[str, Any], make_note: Callable[[], Note] | None = None) -> NoReturn:
    """Load as told by stdin, and end the process. ``make_note`` is called once Polars is set up."""
    # Acknowledging comes first; the limits on the spool slow senders down before it grows too far.
    # Not nicer than that, or a busy machine would leave nothing for it.
    os.nice(5)
    use_log_lines(logging.WARNING)
    keep_freed_memory(_KEPT_BATCHES * given["load_bytes"], arenas_max=1)
    prepare_polars()
    run(given, None if make_note is None else make_note())
    # The thread that listens holds stdin, on which an orderly end of the interpreter would wait.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
