"""Tool call errors: failed calls, failed results, malformed calls."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from analytics.detectors.catalog import entry_of
from analytics.detectors.decision import Decision, decision, decisions, quote
from analytics.detectors.malformed_calls import left_open, malformed_calls
from analytics.detectors.odd_calls import traces_with_odd_calls
from analytics.detectors.prefilters import FOREIGN_CALLS, TOOL_CALL_ERRORS
from analytics.detectors.tool_calls import ToolCall, is_parallel, same_arguments, tool_calls
from analytics.detectors.tool_failure import Failure, failure_of, is_client_error
from analytics.messages import load

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.config import AnalysisConfig
    from analytics.detectors.context import DetectorContext

_ENTRY = entry_of("tool_call_errors")
_RECOVERED_SEVERITY = 0.25
_CORRECTED_SEVERITY = 0.35
_SAID_CHARACTERS_MAX = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    kind: str
    detail: str
    severity: float
    confidence: float
    evidence: dict[str, Any]
    tool: str | None


class ToolCallErrors:
    """Reads tool spans and messages of the traces that a string prefilter lets through."""

    id = _ENTRY.id
    version = "3"
    title = _ENTRY.title
    instructions = _ENTRY.instructions

    def __init__(self, config: AnalysisConfig) -> None:
        self.config = config

    def decide(self, context: DetectorContext) -> pl.DataFrame:
        """One decision for every trace with a sign of failure or truncated content."""
        wanted = candidates(context)["trace_id"]
        if wanted.is_empty():
            return decisions([])
        spans = context.spans_of(wanted)
        parts = context.messages_of(wanted)
        parts_by_trace = parts.partition_by("trace_id", as_dict=True, include_key=True)
        rows = []
        for key, own in spans.partition_by("trace_id", as_dict=True).items():
            own_parts = parts_by_trace.get(key)
            part_rows = [] if own_parts is None else own_parts.to_dicts()
            row = self._decide(str(key[0]), own.to_dicts(), part_rows)
            if row is not None:
                rows.append(row)
        return decisions(rows)

    def _decide(
        self, trace_id: str, spans: list[dict[str, Any]], parts: list[dict[str, Any]]
    ) -> dict[str, Any] | None:
        calls = tool_calls(spans, parts)
        problems = [p for call in calls if (p := self._failure(call, calls)) is not None]
        cut = {
            span["span_id"]
            for span in spans
            if span["content_truncated"] or (span["dropped_attributes_count"] or 0) > 0
        }
        whole = [part for part in parts if part["span_id"] not in cut]
        faults = [*malformed_calls(spans, whole), *([] if cut else left_open(calls, spans, parts))]
        problems += [
            _Problem(
                kind="malformed",
                detail=fault.detail,
                severity=0.5,
                confidence=0.8,
                tool=fault.tool,
                evidence=fault.evidence,
            )
            for fault in faults
        ]
        if not problems:
            if cut and calls:
                return decision(trace_id, Decision.SKIPPED, skip_reason="truncated")
            return None
        worst = max(problem.severity for problem in problems)
        head = max(problems, key=lambda problem: (problem.severity, problem.confidence))
        more = f"; {len(problems)} problems in {len(calls)} calls" if len(problems) > 1 else ""
        return decision(
            trace_id,
            Decision.MATCHED,
            reason=f"{head.detail}{more}",
            severity=round(min(1.0, worst + 0.05 * (len(problems) - 1)), 4),
            confidence=max(problem.confidence for problem in problems),
            span_id=head.evidence["span_id"],
            evidence=[problem.evidence for problem in problems],
        )

    def _failure(self, call: ToolCall, calls: list[ToolCall]) -> _Problem | None:
        """What went wrong with this call; None when nothing did."""
        sign = failure_of(call.result, call.name)
        if call.is_echo or (not call.is_error and sign is None):
            return None
        http = self.config.http_client_error_severity
        is_client_error = (sign is not None and sign.is_client_error) or _is_4xx(call)
        if is_client_error and http <= 0:
            return None
        if call.is_error:
            what = _told(call, sign)
            severity, confidence = 0.7, 0.95
        else:
            assert sign is not None
            what = sign.detail
            severity, confidence = (0.5, 0.75) if sign.is_textual else (0.6, 0.9)
        recovered, is_same = _recovered_by(call, calls)
        if is_client_error:
            severity = min(severity, http)
        note = ""
        if recovered is not None:
            severity = min(severity, _RECOVERED_SEVERITY if is_same else _CORRECTED_SEVERITY)
            note = ", and a later call of the same tool succeeded (recovered)"
            if not is_same:
                note = (
                    ", and a later call of the same tool with other arguments succeeded"
                    " (perhaps recovered)"
                )
        return _Problem(
            kind="recovered" if recovered is not None else "failed",
            detail=f"Tool {call.name or '(unnamed)'} failed: {what}{note}",
            severity=severity,
            confidence=confidence,
            tool=call.name,
            evidence={
                "span_id": call.span_id,
                "message": call.message,
                "part": call.part,
                "asked_by": call.model_span_id,
                "kind": "recovered" if recovered is not None else "failed",
                "tool": call.name,
                "tool_call_id": call.call_id,
                "sign": sign.sign if sign else "is_error" if call.is_marked else "span",
                "error_type": call.error_type,
                "quote": quote(call.result or call.error_message),
                "recovered_by": None if recovered is None else recovered.span_id,
            }
            | (call.quoted_from if call.result else {}),
        )


def candidates(context: DetectorContext) -> pl.DataFrame:
    """Ids of the traces worth parsing, found by filters over columns and strings.

    Parsing every message would cost many times everything else; a trace is worth it when a tool
    span or a response looks failed, when calls and responses do not pair up, or when a model's
    call does not fit what was declared.
    """
    spans, places = context.span_frame, context.trace_places
    tools = (
        spans.select(*_TOOL_COLUMNS)
        .with_row_index("row")
        .filter(
            (pl.col("operation_name") == "execute_tool").fill_null(value=False)
            | (pl.col("operation_name").is_null() & pl.col("tool_name").is_not_null())
        )
    )
    bad_tools = tools.filter(
        pl.col("is_error").fill_null(value=False)
        | pl.col("error_type").is_not_null()
        | pl.col("content_truncated").fill_null(value=False)
        | (pl.col("dropped_attributes_count").fill_null(0) > 0)
        | (pl.col("tool_name").fill_null("") == "")
    )
    mentions = context.tool_mentions
    unpaired = mentions.filter(pl.col("told") != pl.col("answered"))
    count = context.trace_ids.len()
    # By place of the trace; one more is for spans of no trace.
    has_tools, is_wanted = np.zeros((2, count + 1), dtype=np.bool_)
    for rows in (tools, mentions):
        has_tools[places[rows["row"].to_numpy()]] = True
    for rows in (bad_tools, unpaired):
        is_wanted[places[rows["row"].to_numpy()]] = True
    done = np.bincount(places[tools["row"].to_numpy()], minlength=count + 1)
    is_wanted |= has_tools & _hit(context, TOOL_CALL_ERRORS)
    is_wanted |= _hit(context, FOREIGN_CALLS)
    is_wanted |= _more_asked_than_done(mentions, places, done)
    known = set(context.trace_ids.filter(pl.Series(is_wanted[:count])))
    calling = (
        spans.select("trace_id", "tool_definitions", "output_messages")
        # Nulls are dropped first: an expression costs as much on a null as on a word.
        .drop_nulls("output_messages")
        .filter(pl.col("output_messages").str.contains('"tool_call"', literal=True))
    )
    known |= traces_with_odd_calls(calling, known)
    return pl.DataFrame({"trace_id": sorted(known)}, schema={"trace_id": pl.String})


def _hit(context: DetectorContext, prefilter: str) -> NDArray[np.bool_]:
    """By the trace's place, whether a prefilter let it through."""
    hits = context.hits.filter(prefilter)["trace_id"]
    return np.append(context.trace_ids.is_in(hits.implode()).to_numpy(), [False])


def _more_asked_than_done(
    mentions: pl.DataFrame, places: NDArray[np.int64], done: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """By the trace's place, whether models asked for more than it shows done: something, at least.

    ``done`` are executions; responses show it, too.
    """
    of = places[mentions["row"].to_numpy()]
    asked, answered = (
        np.bincount(of, weights=mentions[name].to_numpy(), minlength=done.size)
        for name in ("asked", "answered")
    )
    told = np.maximum(answered, done)
    return np.asarray((told > 0) & (asked > told))


_TOOL_COLUMNS = (
    "operation_name",
    "tool_name",
    "is_error",
    "error_type",
    "content_truncated",
    "dropped_attributes_count",
)


def _told(call: ToolCall, sign: Failure | None) -> str:
    """What a failed call says of its error: its words tell a person more than a code."""
    said = shorten(call.error_message or "", _SAID_CHARACTERS_MAX, placeholder=" \u2026")
    if " " in said:
        return said
    kind = call.error_type or said
    told = sign.detail if sign is not None else _text_of(call.result)
    if not kind and sign is None and not call.is_marked:
        return "its status is an error" + (f", and it returned {told}" if told else "")
    if not told or not kind or kind in told:
        return told or kind or "its status is an error"
    return f"{kind}: {told}"


def _text_of(result: str | None) -> str:
    """A result that is a text, as it reads; nothing for structured ones."""
    value = load(result) if (result or "").lstrip()[:1] in ("{", "[", '"') else result
    text = value if isinstance(value, str) else ""
    return shorten(text, _SAID_CHARACTERS_MAX, placeholder=" \u2026")


def _recovered_by(failed: ToolCall, calls: list[ToolCall]) -> tuple[ToolCall | None, bool]:
    """A later successful call of the same tool, and whether it has the same arguments.

    What ran beside the failed call, or was asked for in the same answer, is no retry.
    """
    place = next(index for index, call in enumerate(calls) if call is failed)
    other: ToolCall | None = None
    for call in calls[place + 1 :]:
        if (
            call.name == failed.name
            and not call.is_error
            and call.result is not None
            and failure_of(call.result, call.name) is None
            and not is_parallel(failed, call)
        ):
            if same_arguments(failed.arguments, call.arguments):
                return call, True
            other = other or call
    return other, False


def _is_4xx(call: ToolCall) -> bool:
    """Whether the span's error is an HTTP status of 4xx, as a code or in a client's words."""
    if not call.is_error:
        return False
    kind = call.error_type or ""
    return (len(kind) == 3 and kind.startswith("4")) or is_client_error(call.error_message or "")
