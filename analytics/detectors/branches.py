"""Which parts of a trace ran side by side: agents that fan out, each with calls of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class Branches:
    """The tree of one trace's spans; ``spans`` are its rows."""

    def __init__(self, spans: Iterable[dict[str, Any]]) -> None:
        self._spans = {span["span_id"]: span for span in spans}

    def overlap(self, first: str, second: str) -> bool:
        """Whether two spans belong to branches that ran at the same time.

        Their branches are the spans just below the closest span that holds both of them. One
        span, and a span inside of the other, are of one branch.
        """
        above, beside = self._path(first), self._path(second)
        shared = 0
        while shared < min(len(above), len(beside)) and above[shared] == beside[shared]:
            shared += 1
        if shared in (len(above), len(beside)):
            return False
        left, right = self._spans[above[shared]], self._spans[beside[shared]]
        bounds = (*_bounds(left), *_bounds(right))
        if None in bounds:
            return False
        begin, end, other_begin, other_end = bounds
        return bool(begin < other_end and other_begin < end)

    def _path(self, span_id: str) -> list[str]:
        """The span and what it stands in, from the outermost known one on."""
        path: list[str] = []
        above: str | None = span_id
        while above is not None and above in self._spans and above not in path:
            path.append(above)
            above = self._spans[above]["parent_span_id"]
        return path[::-1]


def _bounds(span: dict[str, Any]) -> tuple[Any, Any]:
    """When the span began and ended; None where it does not say."""
    return span["start_time"], span["end_time"]
