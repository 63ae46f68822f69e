"""Batches under way: several workers at once, one batch each, in the order of the spool."""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from otlp_receiver.load_worker import Understood

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from otlp_receiver.load_worker import BatchOrder, Extent, LoadWorker
    from span_store.store import SpanStore


class _Lane:
    """A worker and the threads that wait for it: one for reading ahead, one for the rest."""

    def __init__(self, worker: LoadWorker) -> None:
        self.worker = worker
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="batch-read")
        self._working = ThreadPoolExecutor(1, thread_name_prefix="batch")

    def read(self, order: BatchOrder) -> Future[Extent]:
        return self._reading.submit(self.worker.read, order)

    def understand(self, extent: Future[Extent]) -> Future[Understood]:
        return self._working.submit(self._understood, extent)

    def write(self, versions: Mapping[str, int]) -> Future[dict[str, Any]]:
        return self._working.submit(self.worker.write, versions)

    def shutdown(self) -> None:
        self._reading.shutdown()
        self._working.shutdown()

    def _understood(self, extent: Future[Extent]) -> Understood:
        found = extent.result()
        if not found.records:
            return Understood(rows={}, failed=[], decoded_slowly=0)
        return self.worker.understand(found.ticket)


@dataclass(slots=True, eq=False, kw_only=True)
class _Batch:
    """How far one batch is."""

    lane: _Lane
    extent: Future[Extent]
    understood: Future[Understood] | None = None
    written: Future[dict[str, Any]] | None = None
    """The files, that nobody sees before they are committed."""

    def awaited(self) -> list[Future[Any]]:
        """What is not done yet of what was begun."""
        begun: list[Future[Any] | None] = [self.extent, self.understood, self.written]
        return [step for step in begun if step is not None and not step.done()]


class Batches:
    """Gives out batches in the order of the spool, and works on later ones meanwhile.

    A worker reads its next batch while it works on one. What was understood is handed to
    ``versions`` in the order of the spool, which says what the rows of each table are marked with.
    Not for several threads.
    """

    def __init__(
        self,
        worker: LoadWorker,
        versions: Callable[[Extent, Understood], Mapping[str, int]],
    ) -> None:
        self._versions = versions
        self._lanes = [_Lane(worker)]
        self._under_way: deque[_Batch] = deque()
        self._order: BatchOrder | None = None
        self._is_exhausted = False

    def add(self, worker: LoadWorker) -> None:
        """One more at a time from now on."""
        self._lanes.append(_Lane(worker))

    def remove_added(self) -> None:
        """Only the first worker from now on; nothing is under way."""
        assert not self._under_way
        for lane in self._lanes[1:]:
            lane.shutdown()
        del self._lanes[1:]

    def first(self, order: BatchOrder) -> Extent:
        """The extent of the oldest batch; nothing waits where it holds no records.

        Nothing under way, one is begun as ``order`` says; its position is that of the first call
        alone, later batches begin where the last one ended.
        """
        self._is_exhausted = False
        position = order.position if self._order is None else self._order.position
        self._order = replace(order, position=position)
        if not self._under_way:
            # Nothing is decoded before its extent is known: what kills is noted down before.
            lane = self._lanes[0]
            self._under_way.append(_Batch(lane=lane, extent=lane.read(self._order)))
        oldest = self._under_way[0].extent.result()
        if len(self._under_way) == 1:
            self._went_on_to(oldest)
        return oldest

    def finished(self) -> tuple[Understood, dict[str, Any]]:
        """What the oldest batch was decoded to, and its files; it is no longer under way."""
        batch = self._under_way[0]
        if batch.understood is None:
            batch.understood = batch.lane.understand(batch.extent)
        while True:
            self._advance()
            if batch.written is not None and batch.written.done():
                break
            steps = [step for each in self._under_way for step in each.awaited()]
            wait(steps, return_when=FIRST_COMPLETED)
        self._under_way.popleft()
        return batch.understood.result(), batch.written.result()

    def forget(self, store: SpanStore) -> None:
        """Let go of what is under way, and of its files."""
        for batch in self._under_way:
            wait(batch.awaited())
            if batch.written is not None and batch.written.exception() is None:
                for table, file in batch.written.result().items():
                    store.drop(table, file)
        self._under_way.clear()
        self._order = None

    def close(self, store: SpanStore) -> None:
        """As :meth:`forget`, and end the threads."""
        self.forget(store)
        for lane in self._lanes:
            lane.shutdown()

    def _advance(self) -> None:
        """Have written what is understood, in order, and begin with more where there is more."""
        for batch in self._under_way:
            if batch.understood is None or not batch.understood.done():
                break
            if batch.written is None:
                versions = self._versions(batch.extent.result(), batch.understood.result())
                batch.written = batch.lane.write(versions)
        if self._order is not None and self._order.records_max is None:
            self._read_ahead()
            self._understand_ahead()

    def _read_ahead(self) -> None:
        """Let workers that have read nothing for later do so, as long as much waits."""
        by_work = sorted(self._lanes, key=lambda lane: len(self._unwritten(lane)))
        for lane in by_work:
            assert self._order is not None
            newest = self._under_way[-1].extent
            if self._is_exhausted or not newest.done():
                return
            self._went_on_to(newest.result())
            if self._is_exhausted or not newest.result().is_large(self._order.load_bytes):
                return
            if all(batch.understood is not None for batch in self._unwritten(lane)):
                self._under_way.append(_Batch(lane=lane, extent=lane.read(self._order)))

    def _understand_ahead(self) -> None:
        """Let workers go on with what they read, once what they had is being written."""
        for lane in self._lanes:
            waiting = self._unwritten(lane)
            if waiting and waiting[0].understood is None:
                waiting[0].understood = lane.understand(waiting[0].extent)

    def _unwritten(self, lane: _Lane) -> list[_Batch]:
        """What this worker has in hand, oldest first."""
        return [batch for batch in self._under_way if batch.lane is lane and batch.written is None]

    def _went_on_to(self, newest: Extent) -> None:
        """The newest batch is read: the next one begins behind it. One without records is none."""
        assert self._order is not None
        self._order = replace(self._order, position=newest.position)
        if not newest.records:
            self._under_way.pop()
            self._is_exhausted = True
