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

from otlp_receiver.errors import WorkerDiedError
from otlp_receiver.log_lines import use_log_lines
from otlp_receiver.memory import give_back_freed_memory, keep_freed_memory, prepare_polars
from otlp_receiver.second_worker import SecondWorker
from otlp_receiver.worker_process import COMMAND, KEPT_BATCHES
from span_store.errors import SpanStoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from otlp_receiver.decoding import Find, FindingsLeft
    from otlp_receiver.load_worker import LocalWorker
    from otlp_receiver.loader import Loader

logger = logging.getLogger(__name__)

_RETRY_SECONDS_MAX = 30.0


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


def run(
    settings: dict[str, Any],
    findings: FindingsLeft | None = None,
    worker_command: Sequence[str] = COMMAND,
) -> None:
    """Load until told to drain, then until nothing is left."""
    orders = _Orders()
    threading.Thread(target=orders.listen, daemon=True).start()
    second = SecondWorker(settings, worker_command)
    loader = _open(settings, orders, findings)
    failures = 0
    while loader is not None:
        began = time.monotonic()
        try:
            report = loader.step()
        except (SpanStoreError, OSError) as error:
            failures += 1
            _say({"error": str(error)})
            loader.close()
            second.leave()
            orders.changed.wait(min(0.1 * 2**failures, _RETRY_SECONDS_MAX))
            if orders.is_draining:
                time.sleep(0.5)
            loader = _open(settings, orders, findings)
            continue
        failures = 0
        if report is not None:
            _say(asdict(report) | {"seconds": time.monotonic() - began})
            second.share(loader)
            if report.body_bytes >= settings["load_bytes"] // 2:
                continue
        elif orders.is_draining:
            second.leave()
            return
        else:
            second.rest(loader)
            give_back_freed_memory()
        orders.changed.wait(settings["load_interval_seconds"])


def _open(
    settings: dict[str, Any], orders: _Orders, findings: FindingsLeft | None
) -> Loader | None:
    """Open the tables, again and again while their place is unavailable."""
    # Polars must not be imported before it is prepared.
    from otlp_receiver.file_bound import FileBound
    from otlp_receiver.loader import Loader

    while True:
        try:
            worker = local_worker(settings, None if findings is None else findings.find)
            loader = Loader(
                worker=worker,
                load_bytes=settings["load_bytes"],
                leave=None if findings is None else findings.leave,
                appended=FileBound(worker.store, lambda: datetime.now(UTC)).appended,
            )
        except (SpanStoreError, OSError) as error:
            _say({"error": str(error)})
            orders.changed.wait(1.0)
            if orders.is_draining:
                time.sleep(0.5)
        else:
            _say(asdict(loader.standing()))
            return loader


def local_worker(settings: dict[str, Any], find: Find | None) -> LocalWorker:
    """A worker in this process; the settings are those of the loader."""
    from otlp_receiver.load_worker import LocalWorker
    from otlp_receiver.rows import rows_reader
    from span_store.store import SpanStore

    return LocalWorker(
        spool=Path(settings["spool"]),
        quarantine=Path(settings["quarantine"]),
        store=SpanStore(settings["store"], settings.get("store_options")),
        decode=rows_reader(settings.get("attributes", {}), settings.get("prices", "")),
        find=find,
    )


def _say(report: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


def main(
    given: dict[str, Any],
    make_findings: Callable[[], FindingsLeft] | None = None,
    worker_command: Sequence[str] = COMMAND,
) -> NoReturn:
    """Load as told by stdin, and end the process.

    ``make_findings`` is called once Polars is set up; ``worker_command`` starts a worker that finds
    the same.
    """
    # Acknowledging comes first; the limits on the spool slow senders down before it grows too far.
    # Not nicer than that, or a busy machine would leave nothing for it.
    os.nice(5)
    use_log_lines(logging.WARNING)
    keep_freed_memory(KEPT_BATCHES * given["load_bytes"], arenas_max=1)
    prepare_polars()
    try:
        run(given, None if make_findings is None else make_findings(), worker_command)
    except WorkerDiedError as error:
        logger.error("%s", error, extra={"event": "worker_died"})  # noqa: TRY400  # Not here.
        os._exit(1)
    # The thread that listens holds stdin, on which an orderly end of the interpreter would wait.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
