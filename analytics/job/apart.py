"""The few traces of each chunk that are read closely, put together over chunks.

To ask the rules and classifiers of the semantic detectors costs as much for a hundred texts as for
ten, and in most traffic hardly any text wants it. So chunks leave such traces, with their content,
to be decided a thousand at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, cast

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

APART_SHARE_MAX = 0.1
"""Of a chunk with more such traces nothing is set apart: it is enough by itself."""

TRACES_TOGETHER = 1_000
"""So many are decided together, beside the next chunks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Some traces, and their spans with content."""

    traces: pl.DataFrame
    spans: pl.DataFrame


class SetApart:
    """What chunks leave, in the order of the chunks, whichever is looked through first."""

    def __init__(
        self, decide: Callable[[Content], Future[pl.DataFrame]], marks: Iterable[int]
    ) -> None:
        """``decide`` gets what is enough to be decided; after so many traces anything is."""
        self._decide = decide
        self._marks = sorted(marks)
        self._lock = Lock()
        self._early: dict[int, tuple[int, Content | None]] = {}
        self._next = 0
        self._passed = 0
        self._left: list[Content] = []
        self.answers: list[Future[pl.DataFrame]] = []
        """In order; complete when every chunk has added."""

    def add(self, number: int, height: int, content: Content | None) -> None:
        """What the chunk of this number, of ``height`` traces, leaves."""
        with self._lock:
            self._early[number] = (height, content)
            while self._next in self._early:
                height, content = self._early.pop(self._next)
                self._next += 1
                self._passed += height
                if content is not None:
                    self._left.append(content)
                if self._left and self._is_enough:
                    self.answers.append(self._decide(self._taken()))

    @property
    def _is_enough(self) -> bool:
        """Whether it is worth deciding now."""
        is_due = False
        while self._marks and self._marks[0] <= self._passed:
            is_due = True
            self._marks.pop(0)
        return is_due or sum(one.traces.height for one in self._left) >= TRACES_TOGETHER

    def _taken(self) -> Content:
        """Everything that was left, traces in the order of their ids."""
        traces = pl.concat(content.traces for content in self._left).sort("trace_id")
        spans = pl.concat(content.spans for content in self._left)
        self._left.clear()
        return Content(traces=traces, spans=spans)


def compact(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows without the memory of the frame that they were chosen from."""
    return cast("pl.DataFrame", pl.from_arrow(frame.to_arrow(compat_level=pl.CompatLevel.oldest())))
