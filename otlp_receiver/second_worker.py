"""A second worker for the loader, as long as there is more than one worker can load."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from otlp_receiver.errors import WorkerDiedError
from otlp_receiver.worker_process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otlp_receiver.loader import Loader

logger = logging.getLogger(__name__)

_RESTS_MAX = 30
"""After so many steps in a row that found nothing, about a second each, the process is ended."""


class SecondWorker:
    """Starts a process that shares in the work of a loader, and ends it when there is none.

    On a machine with one processor it never does: there is nothing to gain.
    """

    def __init__(self, settings: dict[str, Any], command: Sequence[str]) -> None:
        self._settings = settings
        self._command = command
        self._process: WorkerProcess | None = None
        self._is_at_work = False
        self._is_useful = (os.cpu_count() or 1) > 1
        self._rests = 0

    def share(self, loader: Loader) -> None:
        """Called after each batch: let the process take part once it is wanted, and ready."""
        self._rests = 0
        if self._is_at_work or not self._is_useful or not loader.help_wanted:
            return
        try:
            if self._process is None:
                self._process = WorkerProcess(self._settings, self._command)
            elif self._process.is_ready():
                loader.add_worker(self._process)
                self._is_at_work = True
        except (OSError, WorkerDiedError) as error:
            logger.warning(
                "Loading goes on without a second process: %s",
                error,
                extra={"event": "no_second_worker"},
            )
            self._is_useful = False
            self.leave()

    def rest(self, loader: Loader) -> None:
        """Called after each step that found nothing: end the process after some of them."""
        self._rests += 1
        if self._rests >= _RESTS_MAX and self._process is not None:
            loader.remove_added_workers()
            self.leave()

    def leave(self) -> None:
        """End the process; the loader that it worked for is closed, or knows it no longer."""
        if self._process is not None:
            self._process.close()
        self._process = None
        self._is_at_work = False
