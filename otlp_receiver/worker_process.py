"""A worker of the loader in a process of its own: its batches take no time from the other's lock.

Decoding holds the interpreter's lock for most of its time, so that two threads load hardly more
than one. The loader speaks to the process over two pairs of sockets, a call and its answer at a
time; when the loader dies, the process finds the other ends closed and ends. It commits nothing, so
all that it can leave behind are files that no commit names.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, NoReturn

from otlp_receiver.errors import WorkerDiedError
from otlp_receiver.log_lines import use_log_lines
from otlp_receiver.memory import keep_freed_memory, prepare_polars
from span_store.errors import SpanStoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from otlp_receiver.decoding import Find
    from otlp_receiver.load_worker import BatchOrder, Extent, Understood

COMMAND = (sys.executable, "-m", "otlp_receiver.worker_process")
KEPT_BATCHES = 6
"""Freed memory that a worker keeps for its next batch, in batches of requests.

Arrow's columns, their texts and the parts of the tables take about as much."""

logger = logging.getLogger(__name__)

_READY = (True, "ready")


class WorkerProcess:
    """The loader's end: :class:`otlp_receiver.load_worker.LoadWorker` over there."""

    def __init__(self, settings: dict[str, Any], command: Sequence[str] = COMMAND) -> None:
        """Start it; raises :class:`OSError` when the system has no process left."""
        pairs = [socket.socketpair() for _ in range(2)]
        theirs = [pair[1].fileno() for pair in pairs]
        try:
            self._process = subprocess.Popen(
                [*command, json.dumps(settings), *map(str, theirs)],
                stdin=subprocess.DEVNULL,
                # What the receiver reads from the loader is the loader's alone.
                stdout=subprocess.DEVNULL,
                pass_fds=theirs,
            )
        finally:
            for _, end in pairs:
                end.close()
        self._reads, self._work = (Connection(end.detach()) for end, _ in pairs)
        self._is_ready = False

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def is_ready(self) -> bool:
        """Whether it has started; raises :class:`WorkerDiedError` when it never will."""
        if not self._is_ready and self._work.poll():
            self._is_ready = self._received(self._work) == _READY
        return self._is_ready

    def read(self, order: BatchOrder) -> Extent:
        """As :class:`otlp_receiver.load_worker.LoadWorker` says, and so the others."""
        return self._ask(self._reads, "read", order)  # type: ignore[no-any-return]

    def understand(self, ticket: int) -> Understood:
        """Decode what was read."""
        return self._ask(self._work, "understand", ticket)  # type: ignore[no-any-return]

    def write(self, versions: Mapping[str, int]) -> dict[str, Any]:
        """Write the rows."""
        return self._ask(self._work, "write", dict(versions))  # type: ignore[no-any-return]

    def close(self) -> None:
        """End it; it works on nothing."""
        self._reads.close()
        self._work.close()
        self._process.kill()
        self._process.wait()

    def _ask(self, connection: Connection, call: str, *arguments: object) -> Any:
        try:
            connection.send((call, arguments))
        except OSError as error:
            raise WorkerDiedError(self.pid) from error
        is_answer, answer = self._received(connection)
        if not is_answer:
            raise OSError(answer)
        return answer

    def _received(self, connection: Connection) -> tuple[bool, Any]:
        """An answer, or why there is none: the tables or the spool are unavailable."""
        try:
            return connection.recv()  # type: ignore[no-any-return]
        except (EOFError, OSError) as error:
            raise WorkerDiedError(self.pid) from error


def main(
    settings: dict[str, Any],
    descriptors: Sequence[int],
    make_find: Callable[[], Find] | None = None,
) -> NoReturn:
    """Work until the loader closes its ends: the first asks to read, the other one for the rest."""
    use_log_lines(logging.WARNING)
    keep_freed_memory(KEPT_BATCHES * settings["load_bytes"], arenas_max=1)
    prepare_polars()
    # Polars must not be imported before it is prepared.
    from otlp_receiver.loader_process import local_worker

    worker = local_worker(settings, None if make_find is None else make_find())
    reads, work = (Connection(descriptor) for descriptor in descriptors)
    threading.Thread(target=_serve, args=(reads, {"read": worker.read}), daemon=True).start()
    work.send(_READY)
    _serve(work, {"understand": worker.understand, "write": worker.write})


def _serve(connection: Connection, calls: Mapping[str, Callable[..., Any]]) -> NoReturn:
    """Answer calls one after another; when the loader is gone, so is the process."""
    try:
        while True:
            call, arguments = connection.recv()
            try:
                answer = True, calls[call](*arguments)
            except (SpanStoreError, OSError) as error:
                answer = False, str(error)
            connection.send(answer)
    except (EOFError, OSError):
        os._exit(0)
    except BaseException:
        logger.exception("A batch meets a defect.", extra={"event": "worker_defect"})
        os._exit(1)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), [int(argument) for argument in sys.argv[2:]])
