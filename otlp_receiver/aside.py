"""Long computations beside the event loop, on threads that nothing waits for at the end.

The event loop's own threads are joined when the loop ends, however long they still compute: six
bodies of JSON that somebody sent just before a stop held it up for most of a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    Answer = TypeVar("Answer")

THREADS_MAX = 2
"""They take turns at the interpreter, and the event loop with them: each more is a turn to wait."""


class Aside:
    """Runs functions on threads of their own, a few at a time. Lives on one event loop."""

    def __init__(self, threads_max: int = THREADS_MAX) -> None:
        self._loop = asyncio.get_running_loop()
        self._turns = asyncio.Semaphore(threads_max)
        self._running = 0

    @property
    def running(self) -> int:
        """How many are computing, waited for or not."""
        return self._running

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """What ``work`` returns or raises; whoever is cancelled meanwhile leaves it to itself."""
        await self._turns.acquire()
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._running += 1
        # A thread that is no daemon is joined when the process ends.
        thread = threading.Thread(target=self._compute, args=(work, answer), daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._finished()
            raise
        return await answer

    def _finished(self) -> None:
        self._running -= 1
        self._turns.release()

    def _compute(self, work: Callable[[], Answer], answer: asyncio.Future[Answer]) -> None:
        try:
            found = work()
        except BaseException as error:  # noqa: BLE001  # Whatever it is, the caller is told.
            self._tell(answer, error=error)
        else:
            self._tell(answer, found)

    def _tell(
        self,
        answer: asyncio.Future[Answer],
        found: Answer | None = None,
        error: BaseException | None = None,
    ) -> None:
        def settle() -> None:
            self._finished()
            if answer.done():
                return
            if error is None:
                answer.set_result(found)  # type: ignore[arg-type]
            else:
                answer.set_exception(error)

        # The loop may have ended meanwhile.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(settle)
