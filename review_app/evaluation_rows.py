"""Rows of an evaluations file, checked one by one and turned into rows of the table."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import polars as pl

from analytics.alignment.errors import MissingColumnError
from analytics.alignment.pairs import as_text
from span_store.object_ids import check_form, typed
from span_store.schema import EVALUATIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from span_store.store import SpanStore

REQUIRED = ("object_type", "object_id", "evaluator", "score")
OPTIONAL = ("evaluator_version", "label", "explanation", "time")
OBJECT_TYPES = ("trace", "span", "session")
_BEYOND_MICROSECONDS = re.compile(r"[.,]\d{6}(\d{1,3})")
"""The digits of a second that Python's own reading leaves out."""
_FARTHEST = timedelta(days=365 * 290)
_TOO_FAR = "which lies more than 290 years from 1970: nanoseconds cannot tell it"
_WORDS = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRows:
    """The good rows as the table holds them, and what is wrong with the others."""

    rows: pl.DataFrame
    problems: list[tuple[int, str]]
    """The line of each bad row, and what is wrong with it."""
    repeated: int
    """Good rows that stood in the file before."""


def evaluation_rows(
    frame: pl.DataFrame, project: str, now: datetime, lines: Sequence[int]
) -> CheckedRows:
    """Check every row; ``lines`` says where each stands, for the problems.

    Raises MissingColumnError when a needed column is not there.
    """
    for name in REQUIRED:
        if name not in frame.columns:
            raise MissingColumnError(name, frame.columns)
    text = pl.DataFrame(
        {
            name: as_text(frame[name]).cast(pl.String)
            if name in frame.columns
            else pl.Series([None] * frame.height, dtype=pl.String)
            for name in (*REQUIRED, *OPTIONAL)
        }
    )
    received = int(now.timestamp() * 1_000_000) * 1_000
    good: dict[str, dict[str, Any]] = {}
    problems: list[tuple[int, str]] = []
    repeated = 0
    for line, row in zip(lines, text.iter_rows(named=True), strict=True):
        try:
            values = _values(row, project, received)
        except ValueError as error:
            problems.append((line, str(error)))
            continue
        repeated += values["evaluation_id"] in good
        good[values["evaluation_id"]] = values
    rows = pl.DataFrame(list(good.values()), schema=EVALUATIONS.polars, orient="row")
    return CheckedRows(rows=rows, problems=problems, repeated=repeated)


def unseen(rows: pl.DataFrame, store: SpanStore, project: str) -> pl.DataFrame:
    """The rows that the table does not hold yet."""
    known = store.scan_raw("evaluations", project=project).select("evaluation_id").collect()
    return rows.join(known, on="evaluation_id", how="anti", maintain_order="left")


def _values(row: dict[str, Any], project: str, received: int) -> dict[str, Any]:
    kind, object_id = row["object_type"], row["object_id"]
    if kind not in OBJECT_TYPES:
        raise ValueError(f"object_type is {kind!r}, it must be one of {', '.join(OBJECT_TYPES)}")
    for name in ("object_id", "evaluator"):
        if row[name] is None:
            raise ValueError(f"{name} is missing")
    _, object_id = typed(object_id, kind)
    check_form(kind, object_id)
    trace_id, _, span_id = object_id.partition(":")
    score = _score(row["score"])
    if score is None and row["label"] is None:
        raise ValueError("neither score nor label is given")
    moment = _time(row["time"])
    key = [project, kind, object_id, row["evaluator"], row["evaluator_version"], score,
           row["label"], row["explanation"], moment]  # fmt: skip
    return dict.fromkeys(EVALUATIONS.names) | {
        "project": project,
        "evaluation_id": blake2b(json.dumps(key).encode(), digest_size=16).hexdigest(),
        "object_type": kind,
        "object_id": object_id,
        "trace_id": None if kind == "session" else trace_id,
        "span_id": span_id if kind == "span" else None,
        "evaluator": row["evaluator"],
        "evaluator_version": row["evaluator_version"],
        "score": score,
        "label": row["label"],
        "explanation": row["explanation"],
        "time": moment,
        "received_at": received,
        "source": "import",
    }


def _score(text: str | None) -> float | None:
    if text is None:
        return None
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"score is {text!r}, it must be a number or empty") from None
    if not math.isfinite(number):
        raise ValueError(f"score is {text}; leave it empty when the evaluator failed")
    return number


def _time(text: str | None) -> int | None:
    """RFC 3339 as nanoseconds since 1970 UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"time is {text!r}, not such as 2026-01-31T12:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"time is {text!r}, which has no zone; end it with Z")
    try:
        since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    except OverflowError:
        raise ValueError(f"time is {text!r}, {_TOO_FAR}") from None
    if abs(since) > _FARTHEST:
        raise ValueError(f"time is {text!r}, {_TOO_FAR}")
    whole = (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
    beyond = _BEYOND_MICROSECONDS.search(text)
    return whole if beyond is None else whole + int(beyond[1].ljust(3, "0"))
