"""Trashing: the agent cycles between tools without making progress.

Progress is new information: a result that the trace has not seen before. What repeats because it
was told to (parallel calls of one answer), because it waits (polling whose result changes in the
end) or because something failed for a moment (retries that succeed) is not trashing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import polars as pl

from analytics.detectors.branches import Branches
from analytics.detectors.catalog import entry_of
from analytics.detectors.decision import Decision, decision, decisions, quote
from analytics.detectors.tool_calls import ToolCall, is_parallel, tool_calls
from analytics.detectors.tool_failure import failure_of
from analytics.messages import load

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.config import AnalysisConfig
    from analytics.detectors.context import DetectorContext

_ENTRY = entry_of("trashing")
_CYCLE_LENGTH_MAX = 4
_MANY_CALLS = 10
_FAILED_REPEATS_MIN = 5
_NEW_BETWEEN_MAX = 2.0
_NOVEL_SHARE_MAX = 0.2
_UNSURE = 0.4
_WAITS = re.compile(r"(?i)(?:.*[\W_])?(?:wait|sleep|delay)(?:[\W_]?(?:for|seconds?|ms|time|tool))*")
"""Names of tools that only let time pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One round of a tool: a call, and what makes it the same as another."""

    call: ToolCall
    signature: str
    """Tool and arguments."""
    result: str | None
    """The result, as far as it can be compared; None when it is not known."""
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """Steps that went round without progress."""

    kind: str
    """repeat, cycle or stall."""
    steps: tuple[Step, ...]
    sentence: str
    confidence: float


class Trashing:
    """Looks at the traces with enough tool calls to go in circles."""

    id = _ENTRY.id
    version = "3"
    title = _ENTRY.title
    instructions = _ENTRY.instructions

    def __init__(self, config: AnalysisConfig) -> None:
        self.config = config

    def decide(self, context: DetectorContext) -> pl.DataFrame:
        """One decision for every trace that goes in circles."""
        wanted = candidates(context, self.config.repeats_min)
        if wanted.is_empty():
            return decisions([])
        spans = context.spans_of(wanted)
        parts_by_trace = context.messages_of(wanted).partition_by("trace_id", as_dict=True)
        rows = []
        for key, own in spans.partition_by("trace_id", as_dict=True).items():
            parts = parts_by_trace.get(key)
            part_rows = [] if parts is None else parts.to_dicts()
            row = self._decide(str(key[0]), own.to_dicts(), part_rows)
            if row is not None:
                rows.append(row)
        return decisions(rows)

    def _decide(
        self, trace_id: str, spans: list[dict[str, Any]], parts: list[dict[str, Any]]
    ) -> dict[str, Any] | None:
        calls = tool_calls(spans, parts)
        answered = _ends_with_answer(spans, parts)
        steps = steps_of(calls, Branches(spans))
        loop = find_loop(steps, self.config.repeats_min, has_answer=answered is not False)
        loop = loop or _unknown_repeat(calls)
        cut = {
            span["span_id"]
            for span in spans
            if span["content_truncated"] or (span["dropped_attributes_count"] or 0) > 0
        }
        doubtful = calls if loop is None else [step.call for step in loop.steps]
        if any(call.span_id in cut for call in doubtful):
            # What is left of two texts may be alike where they are not.
            return decision(trace_id, Decision.SKIPPED, skip_reason="truncated")
        return None if loop is None else _matched(trace_id, loop, len(calls), has_answer=answered)


def candidates(context: DetectorContext, repeats_min: int) -> pl.Series:
    """Ids of the traces that can hold a loop, found without parsing.

    Every loop calls one tool ``repeats_min`` times with arguments of one length, or is a stall of
    many calls. Where only messages tell of the calls, their number must do.
    """
    count, places = context.trace_ids.len(), context.trace_places
    called = pl.col("operation_name") == "execute_tool"
    named = pl.col("operation_name").is_null() & pl.col("tool_name").is_not_null()
    is_tool = context.span_frame.select(called.fill_null(value=False) | named).to_series()
    own = is_tool.to_numpy()
    tools = np.bincount(places[own], minlength=count + 1)
    rows = np.flatnonzero(own & (tools >= min(repeats_min, _MANY_CALLS))[places])
    told = _told(context.tool_mentions, places, count + 1)
    by_messages = (told >= repeats_min) & (told > tools)
    ids = context.trace_ids.filter(pl.Series(by_messages[:count]))
    return pl.concat([_looping(context.span_frame, rows, repeats_min), ids]).unique().sort()


def _looping(spans: pl.DataFrame, rows: NDArray[np.int64], repeats_min: int) -> pl.Series:
    """Ids of the traces whose tool spans, those at ``rows``, can be a loop."""
    if rows.size == 0:
        return spans["trace_id"].clear()
    looping = (
        spans.select("trace_id", "tool_name", "tool_arguments", "tool_result")[rows]
        .with_columns(
            size=pl.col("tool_arguments").str.replace_all(" ", "", literal=True).str.len_bytes()
        )
        .with_columns(alike=pl.len().over("trace_id", "tool_name", "size"))
        .group_by("trace_id")
        .agg(alike=pl.col("alike").max(), tools=pl.len(), results=pl.col("tool_result").n_unique())
    )
    can_stall = (pl.col("tools") >= _MANY_CALLS) & (pl.col("results") <= 0.6 * pl.col("tools") + 1)
    return looping.filter((pl.col("alike") >= repeats_min) | can_stall)["trace_id"]


def _told(mentions: pl.DataFrame, places: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """How many calls the messages of each trace tell of, at least; by the trace's place."""
    of = places[mentions["row"].to_numpy()]
    asked, known = (mentions[name].cast(pl.Int64).to_numpy() for name in ("asked", "known"))
    told = np.bincount(of, weights=asked, minlength=count).astype(np.int64)
    np.maximum.at(told, of, known)
    return told


def steps_of(calls: list[ToolCall], branches: Branches) -> list[Step]:
    """The calls in order; twins of one answer, or of agents side by side, counted once."""
    steps: list[Step] = []
    for call in calls:
        if call.arguments is None and (call.result is None or call.name is None):
            # Nobody knows what was asked: no two such calls are the same.
            continue
        signature = f"{call.name}({canonical(call.arguments)})"
        twin = next((step for step in reversed(steps) if step.signature == signature), None)
        if twin is not None and (
            is_parallel(twin.call, call) or branches.overlap(twin.call.span_id, call.span_id)
        ):
            continue
        steps.append(
            Step(
                call=call,
                signature=signature,
                result=None if call.result is None else canonical(call.result),
                failed=call.is_error or failure_of(call.result, call.name) is not None,
            )
        )
    return steps


def canonical(text: str | None) -> str:
    """JSON with sorted keys; other text with its blanks collapsed."""
    if text is None:
        return ""
    value = load(text) if text.lstrip()[:1] in ("{", "[", '"') else None
    if value is None:
        return " ".join(text.split())
    if isinstance(value, str):
        return canonical(value) if value != text else value
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def find_loop(steps: list[Step], repeats_min: int, *, has_answer: bool) -> Loop | None:
    """The clearest loop among the steps; None when the agent makes progress.

    What waits between other calls is no step of its own: what it waits for is looked at.
    """
    acts = [step for step in steps if step.failed or not _WAITS.fullmatch(step.call.name or "")]
    loop = _cycle(acts, repeats_min) or _repeat(acts or steps, repeats_min)
    if loop is not None:
        return _asked_for(loop)
    return None if has_answer else _stall(steps)


def _asked_for(loop: Loop) -> Loop:
    """The loop, of which one cannot be sure where the user spoke before each of its rounds."""
    turns = [step.call.turn for step in loop.steps if step.signature == loop.steps[0].signature]
    if None in turns or len(set(turns)) < len(turns):
        return loop
    sentence = f"{loop.sentence}, each time after the user had spoken again"
    return replace(loop, sentence=sentence, confidence=min(loop.confidence, _UNSURE))


def _repeat(steps: list[Step], repeats_min: int) -> Loop | None:
    """The same call with the same result, again and again, and never another result."""
    by_signature: dict[str, list[int]] = {}
    for place, step in enumerate(steps):
        by_signature.setdefault(step.signature, []).append(place)
    best: Loop | None = None
    for places in by_signature.values():
        last = steps[places[-1]]
        same = [place for place in places if steps[place].result == last.result]
        tail = _tail(places, same)
        needed = max(repeats_min, _FAILED_REPEATS_MIN) if last.failed else repeats_min
        if len(tail) < needed:
            continue
        between = _novel_between(steps, tail) / (len(tail) - 1)
        confidence = 0.9 if between == 0 else 0.7 if between <= _NEW_BETWEEN_MAX else 0.4
        if last.result is None:
            # Nobody knows whether it is the same again: a page that scrolls, a state that changes.
            confidence = _UNSURE
        result = "an unknown result" if last.result is None else "the same result"
        loop = Loop(
            kind="repeat",
            steps=tuple(steps[place] for place in tail),
            sentence=(
                f"{last.call.name} was called {len(tail)} times with the same arguments"
                f" and {result}"
            ),
            confidence=confidence,
        )
        if best is None or (loop.confidence, len(loop.steps)) > (
            best.confidence,
            len(best.steps),
        ):
            best = loop
    return best


def _unknown_repeat(calls: list[ToolCall]) -> Loop | None:
    """One tool over and over, with arguments and results that were not captured: only a hint."""
    if len(calls) < _FAILED_REPEATS_MIN or len({call.name for call in calls}) != 1:
        return None
    if any(call.arguments is not None or call.result is not None for call in calls):
        return None
    steps = tuple(Step(call=call, signature="", result=None, failed=False) for call in calls)
    return Loop(
        kind="repeat",
        steps=steps,
        sentence=f"{calls[0].name} was called {len(calls)} times; arguments were not captured",
        confidence=0.3,
    )


def _tail(places: list[int], same: list[int]) -> list[int]:
    """The last stretch of occurrences without another result in between."""
    wanted = set(same)
    tail: list[int] = []
    for place in reversed(places):
        if place not in wanted:
            break
        tail.append(place)
    return tail[::-1]


def _novel_between(steps: list[Step], tail: list[int]) -> int:
    """How many steps between the repetitions brought something not seen before them."""
    seen = {(step.signature, step.result) for step in steps[: tail[0] + 1]}
    novel = 0
    for step in steps[tail[0] + 1 : tail[-1]]:
        identity = (step.signature, step.result)
        if identity not in seen:
            novel += 1
            seen.add(identity)
    return novel


def _cycle(steps: list[Step], repeats_min: int) -> Loop | None:
    """A sequence of two to four calls, round and round, with the results it had before."""
    for length in range(2, _CYCLE_LENGTH_MAX + 1):
        for start in range(len(steps) - length * repeats_min + 1):
            period = steps[start : start + length]
            if len({step.signature for step in period}) < 2:
                continue
            end = start + length
            while end < len(steps) and _same(steps[end], steps[end - length]):
                end += 1
            rounds = (end - start) // length
            if rounds < repeats_min or _brings_news(steps, end, length):
                continue
            names = " -> ".join(str(step.call.name) for step in period)
            return Loop(
                kind="cycle",
                steps=tuple(steps[start : start + rounds * length]),
                sentence=f"The cycle {names} ran {rounds} times without a new result",
                confidence=0.9,
            )
    return None


def _brings_news(steps: list[Step], end: int, length: int) -> bool:
    """Whether a cycle ended because one of its calls returned something else: it had waited."""
    if end == len(steps):
        return False
    last, before = steps[end], steps[end - length]
    return last.signature == before.signature and last.result is not None and not last.failed


def _same(left: Step, right: Step) -> bool:
    return left.signature == right.signature and left.result == right.result


def _stall(steps: list[Step]) -> Loop | None:
    """Many calls, hardly anything new in the later half, and no answer in the end."""
    if len(steps) < _MANY_CALLS:
        return None
    half = len(steps) // 2
    seen = {step.result for step in steps[:half]}
    asked = {step.signature for step in steps[:half]}
    novel = 0
    for step in steps[half:]:
        is_new = step.result not in seen or _is_done_anew(step, asked)
        if step.result is not None and is_new and not step.failed:
            novel += 1
        seen.add(step.result)
        asked.add(step.signature)
    late = len(steps) - half
    known = [step for step in steps[half:] if step.result is not None]
    if novel > _NOVEL_SHARE_MAX * late or len(known) < late / 2:
        return None
    return Loop(
        kind="stall",
        steps=tuple(steps[half:]),
        sentence=(
            f"Of the last {late} of {len(steps)} tool calls, {novel or 'none'} brought anything new"
        ),
        confidence=0.7,
    )


_DONE = {"ok", "done", "success", "true", '{"ok":true}', '{"success":true}'} | {
    '{"status":"ok"}',
    '{"status":"success"}',
}


def _is_done_anew(step: Step, asked: set[str]) -> bool:
    """Whether something was done that was not done before; that it was is all there is to tell."""
    return step.signature not in asked and (step.result or "").strip('"').lower() in _DONE


def _ends_with_answer(spans: list[dict[str, Any]], parts: list[dict[str, Any]]) -> bool | None:
    """Whether the last output of the trace holds text; None when nobody knows."""
    outputs = [part for part in parts if part["direction"] == "output"]
    models = [span for span in spans if span["is_model_call"]]
    told = {span["span_id"] for span in models if span["output_messages"] is not None}
    if not outputs or (told and models[-1]["span_id"] not in told):
        return False if models and models[-1]["is_error"] else None
    last = [part for part in outputs if part["span_id"] == outputs[-1]["span_id"]]
    return any(part["part_type"] == "text" and (part["text"] or "").strip() for part in last)


def _matched(trace_id: str, loop: Loop, calls: int, *, has_answer: bool | None) -> dict[str, Any]:
    missing = 0.2 if has_answer is False else 0.0
    severity = 0.4 + 0.3 * len(loop.steps) / max(calls, 1) + missing
    ending = "; there is no final answer" if has_answer is False else ""
    return decision(
        trace_id,
        Decision.MATCHED if loop.confidence >= 0.5 else Decision.AMBIGUOUS,
        reason=f"{loop.sentence} ({calls} calls in all){ending}",
        severity=round(min(severity, 1.0), 4),
        confidence=loop.confidence,
        evidence=[
            {
                "span_id": step.call.span_id,
                "message": step.call.message,
                "part": step.call.part,
                "asked_by": step.call.model_span_id,
                "kind": loop.kind,
                "tool": step.call.name,
                "tool_call_id": step.call.call_id,
                "arguments": quote(step.call.arguments),
                "quote": quote(step.call.result),
            }
            | step.call.quoted_from
            for step in loop.steps
        ],
    )
