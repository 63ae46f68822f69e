"""Calls about spans, traces and scores. ``where`` is a SQL condition over the table's columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spandocket_client.rows import ScoresStored
from spandocket_client.table_rows import (
    Evaluation,
    EvaluationPage,
    Session,
    SessionPage,
    Span,
    SpanPage,
    Trace,
    TracePage,
)
from spandocket_client.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

BATCH_SCORES = 5_000


class TableCalls(Transport):
    """The part of the client that knows the tables.

    A condition that cannot be read raises InvalidFilterError; one that names a column that does
    not exist raises UnknownColumnError with the nearest.
    """

    def list_spans(
        self,
        *,
        where: str | None = None,
        trace_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> SpanPage:
        """One page of spans, oldest first."""
        wanted = {"where": where, "trace_id": trace_id, "limit": limit, "cursor": cursor}
        return self.get(SpanPage, "/spans", **wanted)

    def spans(
        self, *, where: str | None = None, trace_id: str | None = None, page_rows: int = 500
    ) -> Iterator[Span]:
        """Every span that the condition matches, page by page."""
        wanted = {"where": where, "trace_id": trace_id, "limit": page_rows}
        for page in self.pages(SpanPage, "/spans", **wanted):
            yield from page.spans

    def traces(
        self,
        *,
        where: str | None = None,
        queue: str | None = None,
        answered: str | None = None,
        page_rows: int = 500,
    ) -> Iterator[Trace]:
        """Analysed traces, newest first; of one queue, or with an answer to a field."""
        wanted = {"where": where, "queue": queue, "answered": answered, "limit": page_rows}
        for page in self.pages(TracePage, "/traces", **wanted):
            yield from page.traces

    def sessions(self, *, where: str | None = None, page_rows: int = 500) -> Iterator[Session]:
        """Conversations of analysed traces, rolled up, the latest first."""
        for page in self.pages(SessionPage, "/sessions", where=where, limit=page_rows):
            yield from page.sessions

    def evaluations(
        self,
        *,
        evaluator: str | None = None,
        object_id: str | None = None,
        where: str | None = None,
        page_rows: int = 500,
    ) -> Iterator[Evaluation]:
        """Evaluators' scores, oldest first."""
        wanted = {"evaluator": evaluator, "object_id": object_id, "where": where}
        for page in self.pages(EvaluationPage, "/evaluations", **wanted, limit=page_rows):
            yield from page.evaluations

    def add_evaluations(self, scores: Iterable[Mapping[str, Any]]) -> ScoresStored:
        """Store scores; the same score is stored once.

        Each is ``object_type``, ``object_id``, ``evaluator``, and ``score`` or ``label``, and
        optionally ``evaluator_version``, ``explanation``, ``time``. A bad one raises
        BadRequestError that names it; then nothing of its batch of 5,000 is stored.
        """
        found = [dict(score) for score in scores]
        parts = [
            self.send(ScoresStored, "/evaluations", {"evaluations": found[at : at + BATCH_SCORES]})
            for at in range(0, len(found), BATCH_SCORES)
        ]
        added = sum(each.added for each in parts)
        return ScoresStored(added=added, duplicates=sum(each.duplicates for each in parts))
