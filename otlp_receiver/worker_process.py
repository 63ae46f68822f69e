"""A worker of the loader in a process of its own: its batches take no time from the other's lock.

Decoding holds the interpreter's lock for most of its time, so that two threads load hardly more
than one. The loader speaks to the process over a pair of sockets, a call and its answer at a time;
when the loader dies, the process finds the other end closed and ends. It commits nothing, so all
that it can leave behind are files that no commit names.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
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

_READY = (True, "ready")


class WorkerProcess:
    """The loader's end: :class:`otlp_receiver.load_worker.LoadWorker` over there."""

    def __init__(self, settings: dict[str, Any], command: Sequence[str] = COMMAND) -> None:
        """Start it; raises :class:`OSError` when the system has no process left."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*command, json.dumps(settings), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                # What the receiver reads from the loader is the loader's alone.
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        self._connection = Connection(ours.detach())
        self._is_ready = False

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def is_ready(self) -> bool:
        """Whether it has started; raises :class:`WorkerDiedError` when it never will."""
        if not self._is_ready and self._connection.poll():
            self._is_ready = self._received() == _READY
        return self._is_ready

    def read(self, order: BatchOrder) -> Extent:
        """As :class:`otlp_receiver.load_worker.LoadWorker` says, and so the others."""
        return self._ask("read", order)  # type: ignore[no-any-return]

    def understand(self) -> Understood:
        """Decode what was read."""
        return self._ask("understand")  # type: ignore[no-any-return]

    def write(self, versions: Mapping[str, int]) -> dict[str, Any]:
        """Write the rows."""
        return self._ask("write", dict(versions))  # type: ignore[no-any-return]

    def close(self) -> None:
        """End it; it works on nothing."""
        self._connection.close()
        self._process.kill()
        self._process.wait()

    def _ask(self, call: str, *arguments: object) -> Any:
        try:
            self._connection.send((call, arguments))
        except OSError as error:
            raise WorkerDiedError(self.pid) from error
        is_answer, answer = self._received()
        if not is_answer:
            raise OSError(answer)
        return answer

    def _received(self) -> tuple[bool, Any]:
        """An answer, or why there is none: the tables or the spool are unavailable."""
        try:
            return self._connection.recv()  # type: ignore[no-any-return]
        except (EOFError, OSError) as error:
            raise WorkerDiedError(self.pid) from error


def main(
    settings: dict[str, Any],
    descriptor: int,
    make_find: Callable[[], Find] | None = None,
) -> NoReturn:
    """Work until the loader closes its end."""
    use_log_lines(logging.WARNING)
    keep_freed_memory(KEPT_BATCHES * settings["load_bytes"], arenas_max=1)
    prepare_polars()
    # Polars must not be imported before it is prepared.
    from otlp_receiver.loader_process import local_worker

    worker = local_worker(settings, None if make_find is None else make_find())
    calls: dict[str, Callable[..., Any]] = {
        "read": worker.read,
        "understand": worker.understand,
        "write": worker.write,
    }
    connection = Connection(descriptor)
    answer: tuple[bool, Any] = _READY
    while True:
        try:
            connection.send(answer)
            call, arguments = connection.recv()
        except (EOFError, OSError):
            os._exit(0)
        try:
            answer = True, calls[call](*arguments)
        except (SpanStoreError, OSError) as error:
            answer = False, str(error)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), int(sys.argv[2]))
