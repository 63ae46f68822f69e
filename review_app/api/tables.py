"""Spans, traces and scores: pages of the tables, by SQL condition and cursor."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.sessions import SESSIONS
from queue_store.errors import NotPermittedError
from queue_store.model import Role
from review_app.api.endpoint import Endpoint, Parameter
from review_app.api.shapes import (
    EVALUATION,
    SCORES_STORED,
    SESSION,
    SPAN,
    TRACE,
    integer,
    listed,
    nullable,
    one_of,
    page,
    taken,
    text,
)
from review_app.errors import BadRequestError
from review_app.evaluation_rows import evaluation_rows, unseen
from review_app.traces import matching, matching_sessions
from span_store.filters import applying
from span_store.plain_rows import canonical_rows
from span_store.schema import EVALUATIONS, SPANS, TRACES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from review_app.api.endpoint import Asked
    from span_store.schema import TableSchema

LIMIT = Parameter(
    name="limit",
    schema=integer(default=50, minimum=1, maximum=1000),
    sentence="Most rows of a page.",
)
CURSOR = Parameter(
    name="cursor", schema=text(), sentence="The cursor of the page before; as fast at any depth."
)
_WHERE = "SQL condition over the columns, such as is_error AND service_name = 'chatbot'."


def list_spans(asked: Asked) -> dict[str, Any]:
    """Spans in the order of their start times."""
    _require(asked, Role.VIEWER, "read the spans")
    trace_id = asked.query.get("trace_id")
    frame = asked.spans.scan(
        "spans",
        project=asked.project,
        where=asked.query.get("where"),
        trace_ids=None if trace_id is None else [trace_id],
        # What lies before the cursor is not read again.
        started_since=_moment_of(asked),
    )
    return _page(asked, frame, SPANS, "spans", ["start_time", "trace_id", "span_id"])


def list_traces(asked: Asked) -> dict[str, Any]:
    """Analysed traces in their latest revision, the newest first."""
    _require(asked, Role.VIEWER, "read the traces")
    frame = matching(
        asked.queues,
        asked.spans,
        asked.project,
        **{name: asked.query.get(name) for name in ("where", "queue", "answered")},
    )
    return _page(asked, frame, TRACES, "traces", ["start_time", "trace_id"], newest=True)


def list_sessions(asked: Asked) -> dict[str, Any]:
    """Conversations, rolled up, the latest first."""
    _require(asked, Role.VIEWER, "read the sessions")
    frame = matching_sessions(asked.spans, asked.project, asked.query.get("where"))
    keys = ["start_time", "conversation_id"]
    return _page(asked, frame, SESSIONS, "sessions", keys, newest=True)


def list_evaluations(asked: Asked) -> dict[str, Any]:
    """Scores, oldest first."""
    _require(asked, Role.VIEWER, "read the scores")
    frame = asked.spans.scan("evaluations", project=asked.project, where=asked.query.get("where"))
    for name in ("evaluator", "object_id"):
        if name in asked.query:
            frame = frame.filter(pl.col(name) == asked.query[name])
    return _page(asked, frame, EVALUATIONS, "evaluations", ["time", "evaluation_id"])


def add_evaluations(asked: Asked) -> dict[str, Any]:
    """Store scores; the same score is stored once, and a bad one keeps all of them out."""
    _require(asked, Role.MANAGER, "store scores")
    rows = asked.body["evaluations"]
    names = ["object_type", "object_id", "evaluator", "evaluator_version", "score", "label"]
    names += ["explanation", "time"]
    columns = {name: [_written(row.get(name)) for row in rows] for name in names}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))
    checked = evaluation_rows(frame, asked.project, asked.now, range(len(rows)))
    if checked.problems:
        told = [f"evaluations/{place}: {why}" for place, why in checked.problems]
        raise BadRequestError("; ".join(told[:20]))
    fresh = unseen(checked.rows, asked.spans, asked.project)
    if fresh.height:
        asked.spans.append("evaluations", fresh)
    return {"added": fresh.height, "duplicates": len(rows) - fresh.height}


def _require(asked: Asked, role: Role, action: str) -> None:
    """The tables know no roles: a person needs one in the whole project, once it has members."""
    if not asked.queues.permits(project=asked.project, person=asked.person, role=role):
        raise NotPermittedError(asked.person, action, f"that needs the role {role.value}")


def _written(value: Any) -> str | None:
    return None if value is None else str(value)


def _page(
    asked: Asked,
    frame: pl.LazyFrame,
    schema: TableSchema,
    name: str,
    keys: Sequence[str],
    newest: bool = False,
) -> dict[str, Any]:
    """One page in the order of the keys, the first of them newest first when told so."""
    descending = [newest, *[False] * (len(keys) - 1)]
    times = keys[0]
    if asked.query.get("cursor"):
        frame = frame.filter(_behind(asked.query["cursor"], keys, descending))
    limit = asked.query["limit"]
    # Unknown times come first in either order, so that the cursor knows where they are.
    with applying(asked.query.get("where")):
        found = frame.sort(keys, descending=descending, nulls_last=False).head(limit + 1).collect()
    more = found.height > limit
    kept = found.head(limit)
    cursor = None
    if more:
        last = kept.select(pl.col(times).to_physical(), *keys[1:]).row(-1)
        cursor = urlsafe_b64encode(json.dumps(last).encode()).decode().rstrip("=")
    return {name: list(canonical_rows(kept, schema)), "cursor": cursor}


def _moment_of(asked: Asked) -> int | None:
    """The time at which the page begins, in nanoseconds; None from the start."""
    cursor = asked.query.get("cursor")
    return _read_cursor(cursor)[0] if cursor else None


def _read_cursor(cursor: str) -> tuple[int | None, list[str]]:
    """The time and the further keys of the last row of the page before."""
    try:
        moment, *rest = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return None if moment is None else int(moment), [str(value) for value in rest]
    except (ValueError, TypeError, OverflowError) as error:
        raise BadRequestError("cursor is not one of this listing") from error


def _behind(cursor: str, keys: Sequence[str], descending: Sequence[bool]) -> pl.Expr:
    """Rows behind the one that the cursor names."""
    moment, rest = _read_cursor(cursor)
    if len(rest) != len(keys) - 1:
        raise BadRequestError("cursor is not one of this listing")
    time = pl.col(keys[0]).to_physical()
    later: pl.Expr = pl.lit(value=False)
    same: pl.Expr = pl.lit(value=True)
    for name, value in zip(keys[1:], rest, strict=True):
        later |= same & (pl.col(name) > value)
        same &= pl.col(name) == value
    if moment is None:
        return time.is_not_null() | later
    beyond = time < moment if descending[0] else time > moment
    return time.is_not_null() & (beyond | ((time == moment) & later))


_SCORE = taken(
    ("object_type", "object_id", "evaluator"),
    object_type=one_of(("trace", "span", "session")),
    object_id=text(minLength=1),
    evaluator=text(minLength=1),
    evaluator_version=nullable(text()),
    score={"type": ["number", "boolean", "null"], "description": "Null when the evaluator failed."},
    label=nullable(text()),
    explanation=nullable(text()),
    time=nullable(text("RFC 3339 with its zone.")),
)
_where = Parameter(name="where", schema=text(), sentence=_WHERE)

ENDPOINTS = (
    Endpoint(
        name="list_spans",
        method="GET",
        path="/spans",
        noun="spans",
        sentence="List canonical spans, oldest first, duplicates removed.",
        call=list_spans,
        query=(
            _where,
            Parameter(name="trace_id", schema=text(), sentence="Only this trace's spans."),
            LIMIT,
            CURSOR,
        ),
        result=page("SpanPage", "spans", SPAN),
    ),
    Endpoint(
        name="list_traces",
        method="GET",
        path="/traces",
        noun="traces",
        sentence="List the facts of analysed traces, newest first.",
        call=list_traces,
        query=(
            Parameter(
                name="where",
                schema=text(),
                sentence='SQL condition over the columns, scored_by, "score:EVALUATOR", '
                '"label:EVALUATOR" and "decision:DETECTOR".',
            ),
            Parameter(name="queue", schema=text(), sentence="Only traces with an item there."),
            Parameter(
                name="answered",
                schema=text(),
                sentence="Only traces that have an answer to this field.",
            ),
            LIMIT,
            CURSOR,
        ),
        result=page("TracePage", "traces", TRACE),
    ),
    Endpoint(
        name="list_sessions",
        method="GET",
        path="/sessions",
        noun="traces",
        sentence="List conversations of analysed traces, rolled up, the latest first.",
        call=list_sessions,
        query=(_where, LIMIT, CURSOR),
        result=page("SessionPage", "sessions", SESSION),
    ),
    Endpoint(
        name="list_evaluations",
        method="GET",
        path="/evaluations",
        noun="evaluations",
        sentence="List evaluators' scores, oldest first.",
        call=list_evaluations,
        query=(
            _where,
            Parameter(name="evaluator", schema=text(), sentence="Only this evaluator's."),
            Parameter(name="object_id", schema=text(), sentence="Only scores of this object."),
            LIMIT,
            CURSOR,
        ),
        result=page("EvaluationPage", "evaluations", EVALUATION),
    ),
    Endpoint(
        name="add_evaluations",
        method="POST",
        path="/evaluations",
        noun="evaluations",
        sentence="Store evaluators' scores; the same score is stored once.",
        call=add_evaluations,
        body=taken(("evaluations",), evaluations=listed(_SCORE, minItems=1, maxItems=10_000)),
        result=SCORES_STORED,
    ),
)
