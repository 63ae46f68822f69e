"""Batches under way: several workers at once, one batch each, in the order of the spool."""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from otlp_receiver.load_worker import BatchOrder, Extent, LoadWorker, Understood
    from span_store.store import SpanStore


class _Lane:
    """A worker and the thread that waits for it: what it is told comes one after another."""

    def __init__(self, worker: LoadWorker) -> None:
        self.worker = worker
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="batch")


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

    A worker begins with its next batch as soon as the files of the last one are being written.
    What was understood is handed to ``versions`` in the order of the spool, which says what the
    rows of each table are marked with. Not for several threads.
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
            lane.thread.shutdown()
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
            extent = lane.thread.submit(lane.worker.read, self._order)
            self._under_way.append(_Batch(lane=lane, extent=extent))
        oldest = self._under_way[0].extent.result()
        if len(self._under_way) == 1:
            self._went_on_to(oldest)
        return oldest

    def finished(self) -> tuple[Understood, dict[str, Any]]:
        """What the oldest batch was decoded to, and its files; it is no longer under way."""
        batch = self._under_way[0]
        if batch.understood is None:
            batch.understood = batch.lane.thread.submit(batch.lane.worker.understand)
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
            lane.thread.shutdown()

    def _advance(self) -> None:
        """Have written what is understood, in order, and begin with more where there is more."""
        for batch in self._under_way:
            if batch.understood is None or not batch.understood.done():
                break
            if batch.written is None:
                versions = self._versions(batch.extent.result(), batch.understood.result())
                batch.written = batch.lane.thread.submit(batch.lane.worker.write, versions)
        self._begin_ahead()

    def _begin_ahead(self) -> None:
        """Let every worker that is free take a batch, as long as much waits."""
        order = self._order
        assert order is not None
        if order.records_max is not None:
            # A loader died: the batch that kills must be found, one at a time.
            return
        busy = [batch.lane for batch in self._under_way if batch.written is None]
        for lane in self._lanes:
            newest = self._under_way[-1].extent
            if lane in busy or self._is_exhausted or not newest.done():
                continue
            self._went_on_to(newest.result())
            if self._is_exhausted or not newest.result().is_large(order.load_bytes):
                return
            assert self._order is not None
            extent = lane.thread.submit(lane.worker.read, self._order)
            understood = lane.thread.submit(lane.worker.understand)
            self._under_way.append(_Batch(lane=lane, extent=extent, understood=understood))

    def _went_on_to(self, newest: Extent) -> None:
        """The newest batch is read: the next one begins behind it. One without records is none."""
        assert self._order is not None
        self._order = replace(self._order, position=newest.position)
        if not newest.records:
            self._under_way.pop()
            self._is_exhausted = True
