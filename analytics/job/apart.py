"""The few traces of each chunk that are read closely, put together over chunks.

To ask the rules and classifiers of the semantic detectors costs as much for a hundred texts as for
ten, and in most traffic hardly any text wants it. So chunks leave such traces, with their content,
to be decided some hundred at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import polars as pl

APART_SHARE_MAX = 0.1
"""Of a chunk with more such traces nothing is set apart: it is enough by itself."""

TRACES_TOGETHER = 400
"""So many are decided together, beside the next chunks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Some traces, and their spans with content."""

    traces: pl.DataFrame
    spans: pl.DataFrame


@dataclass(slots=True)
class SetApart:
    """What chunks left, in the order of the chunks."""

    _left: list[Content] = field(default_factory=list)

    def add(self, content: Content) -> None:
        """Keep it for later."""
        self._left.append(content)

    @property
    def is_enough(self) -> bool:
        """Whether it is worth deciding now."""
        return sum(content.traces.height for content in self._left) >= TRACES_TOGETHER

    def taken(self) -> Content | None:
        """Everything that was left, traces in the order of their ids; None when nothing was."""
        if not self._left:
            return None
        traces = pl.concat(content.traces for content in self._left).sort("trace_id")
        spans = pl.concat(content.spans for content in self._left)
        self._left.clear()
        return Content(traces=traces, spans=spans)


def compact(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows without the memory of the frame that they were chosen from."""
    return cast("pl.DataFrame", pl.from_arrow(frame.to_arrow(compat_level=pl.CompatLevel.oldest())))
