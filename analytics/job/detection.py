"""The detectors over every chunk of a run, three chunks at a time.

Polars leaves a core idle wherever one thread goes through a column; other chunks keep it busy.
What a run finds does not depend on it: chunks share nothing that they change, their answers are
taken in the order of the chunks. The first ones are read while the baselines are still looked at:
what these say is asked for last. A judge is asked when all of them are known: its budget goes to
what matters most in the whole run.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from analytics.detectors.context import DetectorContext
from analytics.detectors.evaluation import FOUND, evaluate
from analytics.job.apart import APART_SHARE_MAX, Content, SetApart, compact
from analytics.job.intake import chunks, read_content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from datetime import datetime

    from analytics.baselines import Verdicts
    from analytics.config import AnalysisConfig
    from analytics.detectors.catalog import Detector
    from analytics.job.session_history import SessionHistory
    from analytics.judge.bench import Judge
    from analytics.learning.rung import LearnedRung
    from span_store.store import SpanStore

    Item = TypeVar("Item")
    Work = TypeVar("Work")

CHUNKS_AT_ONCE = 3
"""Their content is in memory at the same time.

Measured on two cores: with three a run takes a tenth less time than with two, with four no less.
"""

GROUPS_AT_ONCE = 2
"""Groups of traces that are read closely at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What the detectors of one run have to go by."""

    store: SpanStore
    project: str
    as_of: datetime
    as_of_ns: int
    config: AnalysisConfig
    detectors: Sequence[Detector]
    verdicts: Future[Verdicts]
    """What the baselines say; waited for when the content of a chunk has been looked through."""
    history: SessionHistory
    learned: LearnedRung | None
    judge: Judge | None

    def run(
        self,
        evaluated: pl.DataFrame,
        tell: Callable[[int], None],
        when_chunks_are_done: Callable[[], None],
    ) -> pl.DataFrame:
        """Every decision but ``no_match``; ``tell`` hears how many traces are done.

        ``when_chunks_are_done`` is called when only the last closely read traces are waited for.
        """
        parts = [pl.DataFrame(schema=FOUND)]
        done = 0
        tell(done)
        cut = chunks(self.store, evaluated, self.config.chunk_traces, project=self.project)
        with (
            ThreadPoolExecutor(CHUNKS_AT_ONCE, thread_name_prefix="chunk") as pool,
            ThreadPoolExecutor(GROUPS_AT_ONCE, thread_name_prefix="closely") as reader,
        ):
            # Before the last chunks once, so that little is left when nothing else is.
            last = CHUNKS_AT_ONCE * self.config.chunk_traces
            marks = (evaluated.height - last, evaluated.height)
            apart = SetApart(lambda group: reader.submit(self._closely, group), marks)
            for (_, chunk), answer in in_order(
                lambda numbered: pool.submit(self._offline, *numbered, apart), enumerate(cut)
            ):
                parts.append(answer.result())
                done += chunk.height
                tell(done)
            when_chunks_are_done()
            parts += [answer.result() for answer in apart.answers]
        found = pl.concat(parts)
        if self.judge is not None:
            found = self._judged(self.judge, found, evaluated)
        return found.sort("trace_id", "detector")

    def _judged(self, judge: Judge, found: pl.DataFrame, evaluated: pl.DataFrame) -> pl.DataFrame:
        """The decisions after the judge, who is asked about the most important ones first."""
        order = judge.to_ask(found, evaluated["trace_id"], self.config, self.project)
        size = self.config.chunk_traces
        parts = [found.filter(~pl.col("trace_id").is_in(order.implode()))]
        for start in range(0, order.len(), size):
            wanted = order.slice(start, size)
            chunk = evaluated.filter(pl.col("trace_id").is_in(wanted.implode()))
            own = found.filter(pl.col("trace_id").is_in(wanted.implode()))
            context = self._context(chunk, self._content(chunk))
            parts.append(judge.judge(own, context))
            context.forget()
        return pl.concat(parts)

    def _offline(self, number: int, chunk: pl.DataFrame, apart: SetApart) -> pl.DataFrame:
        """What the detectors say of one chunk; nothing here changes what other chunks see.

        ``apart`` gets the few traces that want to be read closely, as soon as they are known.
        """
        context = self._context(chunk, self._content(chunk))
        content = self._set_apart(context)
        apart.add(number, chunk.height, content)
        if content is None:
            return self._decided(context)
        context.skim()
        is_apart = pl.col("trace_id").is_in(content.traces["trace_id"].implode())
        return self._decided(context).filter(~is_apart)

    def _set_apart(self, context: DetectorContext) -> Content | None:
        """The traces of a chunk that are decided later, with their content; None for none."""
        wanted = context.semantic.wanted
        chunk = context.traces
        if self.learned is not None or not 0 < wanted.len() <= chunk.height * APART_SHARE_MAX:
            return None
        is_apart = pl.col("trace_id").is_in(wanted.implode())
        return Content(traces=chunk.filter(is_apart), spans=compact(context.spans_of(wanted)))

    def _closely(self, content: Content) -> pl.DataFrame:
        """What the detectors say of traces that chunks left."""
        return self._decided(self._context(content.traces, content.spans))

    def _decided(self, context: DetectorContext) -> pl.DataFrame:
        verdicts = self.verdicts.result()
        context.compare(verdicts.judged_of(context.trace_ids), verdicts.outliers)
        found = evaluate(context, self.detectors, self.learned)
        context.forget()
        return found

    def _content(self, chunk: pl.DataFrame) -> pl.DataFrame:
        return read_content(self.store, chunk, project=self.project, as_of_ns=self.as_of_ns)

    def _context(self, chunk: pl.DataFrame, spans: pl.DataFrame) -> DetectorContext:
        return DetectorContext(
            project=self.project,
            as_of=self.as_of,
            config=self.config,
            traces=chunk,
            span_frame=spans,
            earlier_traces=self.history.before(chunk),
            read_earlier=self.history.read,
        )


def in_order(begin: Callable[[Item], Work], items: Iterable[Item]) -> Iterator[tuple[Item, Work]]:
    """Each item with the work on it, in order; one more is begun than can be worked on.

    So a thread that is done goes on while the answer before its own is waited for.
    """
    under_way: deque[tuple[Item, Work]] = deque()
    for item in items:
        under_way.append((item, begin(item)))
        if len(under_way) > CHUNKS_AT_ONCE:
            yield under_way.popleft()
    yield from under_way
