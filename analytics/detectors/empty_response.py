"""Empty response: nothing, or nothing but debris, where a substantive answer was expected."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from analytics.detectors.catalog import entry_of
from analytics.detectors.decision import Decision, decision, decisions, quote
from analytics.messages import explode_messages

if TYPE_CHECKING:
    from analytics.config import AnalysisConfig
    from analytics.detectors.context import DetectorContext

_ENTRY = entry_of("empty_response")

_OTHER_OUTPUTS = ("image", "speech", "audio", "video")
_OPERATIONS_WITHOUT_ANSWER = ("embeddings", "embedding", "retrieval", "rerank", "rerankers")
_ROLE_MARKER = re.compile(
    r"(?:<\|?/?(?:im_start|im_end|assistant|user|system|endoftext|eot_id|eom_id|s|bos|eos"
    r"|start_header_id|end_header_id|begin_of_text|end_of_text|start_of_turn|end_of_turn)\|?>"
    r"|\[/?INST\]|<</?SYS>>|\s|assistant|ai|bot|model|(?:human|user|system)\s*:|:)+",
    re.IGNORECASE,
)
_EMPTY_MARKUP = re.compile(
    r"(?:<([a-z][\w-]*)>(?:\s|&nbsp;|<br ?/?>)*</\1>\s*)+|(```|~~~)[ \t]*[\w-]*\s*(?:\2)?",
    re.IGNORECASE,
)
_THOUGHT = re.compile(r"\s*<think>(?=.*\S)(?:(?!</think>).)*(?:</think>\s*)?", re.DOTALL)
"""Reasoning as some servers leave it in the text, and nothing else."""

_UNSEEN = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f")
"""Marks without width or ink that count as letters or symbols."""
_PLACEHOLDER = re.compile(
    r"[\[<{(\"']*\s*(?:null|undefined|nan|placeholder|empty|\[?object object\]?|your answer here|"
    r"insert .{0,30} here|response|todo|tbd)?\s*[\]>})\"']*"
    # A lone name in brackets that says what was to stand there.
    r"|(?:\[|<|\{\{?|<<)\s*(?:(?:your|the|insert|assistant|final|generated|my)[ _-])?"
    r"(?:answer|response|reply|output|text|content|message|result|completion|summary)"
    r"(?:[ _-](?:here|goes here|text))?\s*(?:\]|>>?|\}\}?)"
    r"|[\[(<]\s*no (?:answer|response|reply|output|text|content|data|result)s?\s*[\])>]",
    re.IGNORECASE,
)
_TERSE = re.compile(r"[\"']?(?:none|n/?a|nil)[\"'.]?", re.IGNORECASE)

# A text of some length in which letters of both halves of the alphabet stand is neither blank, nor
# one repeated character, nor a placeholder: its message need not be parsed.
_LONG = r'"content":\s?"[^"]{60}'
_VARIED = r'"content":\s?"[^"]*(?:[a-m][^"]*[n-z]|[n-z][^"]*[a-m])'


# Both at once, told by one look at the first such text; most answers are of this kind.
_LONG_AND_VARIED = (
    r'"content":\s?"(?:[^"a-z]*[a-m][^"n-z]*[n-z]|[^"a-z]*[n-z][^"a-m]*[a-m])[^"]{58}'
)


class EmptyResponse:
    """Looks at the model calls that nothing in the trace followed."""

    id = _ENTRY.id
    version = "5"
    title = _ENTRY.title
    instructions = _ENTRY.instructions

    def __init__(self, config: AnalysisConfig) -> None:
        self.config = config

    def decide(self, context: DetectorContext) -> pl.DataFrame:
        """One decision for every trace whose last word is missing or degenerate."""
        doubtful = last_calls(context)
        if doubtful.is_empty():
            return decisions([])
        parts = _parts_by_span(doubtful)
        rows = []
        for (trace_id,), calls in doubtful.group_by("trace_id", maintain_order=True):
            row = _decide(str(trace_id), calls, parts)
            if row is not None:
                rows.append(row)
        return decisions(rows)


def suspicious() -> pl.Expr:
    """Calls whose output must be parsed before it can be called an answer."""
    output = pl.col("output_messages")
    return (
        ~output.str.contains(_LONG).fill_null(value=False)
        | ~output.str.contains(_VARIED).fill_null(value=False)
        | output.str.contains('"reasoning"', literal=True)
        | output.str.contains("<think>", literal=True)
    )


_NEVER = np.iinfo(np.int64).min


def evident(outputs: pl.Series) -> pl.Series:
    """Outputs that are not suspicious, as far as one expression tells."""
    is_answer = outputs.str.contains(_LONG_AND_VARIED).fill_null(value=False)
    reasons = outputs.str.contains('"reasoning"', literal=True)
    thinks = outputs.str.contains("<think>", literal=True)
    return is_answer & ~(reasons | thinks).fill_null(value=False)


def last_calls(context: DetectorContext) -> pl.DataFrame:
    """The model calls that no model call and no tool of the trace started after.

    Only those whose output must be parsed.
    """
    spans, places = context.span_frame, context.trace_places
    operation = pl.col("operation_name")
    is_model = pl.col("is_model_call").fill_null(value=False)
    is_tool = (operation == "execute_tool").fill_null(value=False)
    acts = spans.select(is_model | is_tool).to_series().to_numpy()
    # What has no start began before everything; where nothing has one, nothing is later.
    start = pl.col("start_time").to_physical().fill_null(_NEVER)
    starts = spans.select(start).to_series().to_numpy()
    last_starts = np.full(context.trace_ids.len() + 1, _NEVER)
    np.maximum.at(last_starts, places[acts], starts[acts])
    last_start = pl.lit(pl.Series(last_starts[places]))
    is_last = spans.select(
        is_model
        & (
            (start == last_start)
            | (pl.col("end_time").to_physical() > last_start).fill_null(value=False)
        )
        & ~operation.is_in(_OPERATIONS_WITHOUT_ANSWER).fill_null(value=False)
    ).to_series()
    # Narrow columns choose the rows; content is only carried along for those.
    rows = is_last.arg_true()
    outputs = spans.select("output_messages").filter(is_last)
    rows = rows.filter(~evident(outputs["output_messages"]))
    rows = rows.filter(spans.select("output_messages")[rows].select(suspicious()).to_series())
    columns = spans.select(_CALL_COLUMNS)
    return columns.clear() if rows.is_empty() else columns[rows]


_CALL_COLUMNS = (
    "trace_id",
    "span_id",
    "start_time",
    "is_model_call",
    "is_error",
    "error_type",
    "system_instructions",
    "input_messages",
    "output_messages",
    "finish_reasons",
    "output_type",
    "output_schema",
    "output_tokens",
    "reasoning_tokens",
    "is_streaming",
    "time_to_first_chunk_ms",
    "content_truncated",
    "dropped_attributes_count",
)


def _parts_by_span(calls: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    outputs = calls.with_columns(
        system_instructions=pl.lit(None, dtype=pl.String),
        input_messages=pl.lit(None, dtype=pl.String),
    )
    parts: dict[str, list[dict[str, Any]]] = {}
    for row in explode_messages(outputs).iter_rows(named=True):
        parts.setdefault(row["span_id"], []).append(row)
    return parts


def _decide(
    trace_id: str, calls: pl.DataFrame, parts: dict[str, list[dict[str, Any]]]
) -> dict[str, Any] | None:
    """The worst of the trace's last calls."""
    skipped_reason = None
    for call in calls.iter_rows(named=True):
        verdict = _verdict(call, parts.get(call["span_id"], []))
        if verdict is None:
            continue
        kind, sentence, severity, confidence, text = verdict
        if kind is Decision.SKIPPED:
            skipped_reason = sentence
            continue
        evidence = {
            "span_id": call["span_id"],
            "message": 0,
            "part": 0,
            "quote": quote(text),
            "finish_reason": (call["finish_reasons"] or [None])[0],
            "output_tokens": call["output_tokens"],
        }
        return decision(
            trace_id,
            kind,
            reason=sentence,
            severity=severity,
            confidence=confidence,
            evidence=[evidence],
        )
    if skipped_reason is not None:
        return decision(trace_id, Decision.SKIPPED, skip_reason=skipped_reason)
    return None


_Verdict = tuple[Decision, str, float, float, str | None]


def _verdict(  # noqa: PLR0911  # One exit a rule.
    call: dict[str, Any], parts: list[dict[str, Any]]
) -> _Verdict | None:
    """What one last call says; None when it holds an answer or needs none."""
    reasons = call["finish_reasons"] or []
    if (
        call["is_error"]
        or call["error_type"]
        or {"content_filter", "error", "tool_call"} & set(reasons)
    ):
        return None
    if any(part["part_type"].endswith(("tool_call", "tool_call_response")) for part in parts):
        return None
    if any(part["part_type"] in ("blob", "uri", "file", "compaction") for part in parts):
        return None
    if call["output_type"] in _OTHER_OUTPUTS and not parts:
        # A picture or a voice is no message, and mostly not captured.
        return None
    if call["content_truncated"] or (call["dropped_attributes_count"] or 0) > 0:
        return (Decision.SKIPPED, "truncated", 0.0, 0.0, None)
    if call["output_messages"] is None and call["input_messages"] is None:
        if call["output_tokens"] == 0:
            sentence = "The model reports 0 output tokens; content was not captured"
            return (Decision.MATCHED, sentence, 0.6, 0.7, None)
        return (Decision.SKIPPED, "no_content", 0.0, 0.0, None)
    if call["output_messages"] is None and call["output_tokens"] is None:
        if call["is_streaming"] or call["time_to_first_chunk_ms"] is not None:
            return (Decision.SKIPPED, "no_content", 0.0, 0.0, None)
        sentence = "The input was captured, and no output message; tokens are unknown"
        return (Decision.AMBIGUOUS, sentence, 0.6, 0.4, None)
    texts = [part["text"] or "" for part in parts if part["part_type"] != "reasoning"]
    if any(len(text.strip()) == 0 for text in texts) and "length" in reasons:
        sentence = "The answer is blank: the length limit was spent before any text"
        return (Decision.MATCHED, sentence, 0.7, 0.9, "".join(texts))
    text = "\n".join(texts)
    spoken = (call["output_tokens"] or 0) - (call["reasoning_tokens"] or 0)
    if not text.strip('"') and spoken > _TOKENS_UNSEEN_MAX:
        # The model said more than the telemetry shows: a refusal field, content switched off.
        return _NOT_CAPTURED
    return degenerate(text, has_message=bool(parts), is_json=_asks_for_json(call))


_NOT_CAPTURED: _Verdict = (Decision.SKIPPED, "text_not_captured", 0.0, 0.0, None)
_TOKENS_UNSEEN_MAX = 4


def _asks_for_json(call: dict[str, Any]) -> bool:
    return call["output_type"] == "json" or call["output_schema"] is not None


def degenerate(  # noqa: PLR0911  # One exit a rule.
    text: str, *, has_message: bool = True, is_json: bool = False
) -> _Verdict | None:
    """Why this text is no answer; None when it is one."""
    # Marks that nobody sees are no text either.
    bare = "".join(
        c for c in text if not c.isspace() and c not in _UNSEEN and unicodedata.category(c) != "Cf"
    )
    if not bare:
        what = "is blank" if text else "holds no text" if has_message else "has no output message"
        return (Decision.MATCHED, f"The last answer {what}", 0.8, 0.95, text)
    if len(bare) >= 3 and len(set(bare)) == 1:
        sentence = f"The last answer is the character {bare[0]!r} repeated {len(bare)} times"
        return (Decision.MATCHED, sentence, 0.8, 0.6 if bare.isdigit() else 0.95, text)
    if not any(character.isalnum() or ord(character) >= 0x2190 for character in bare):
        if is_json and bare in ("{}", "[]", '""'):
            return None
        return (Decision.MATCHED, "The last answer holds only punctuation", 0.7, 0.85, text)
    stripped = text.strip()
    if _ROLE_MARKER.fullmatch(stripped):
        return (Decision.MATCHED, "The last answer is only a role marker", 0.7, 0.85, text)
    if _THOUGHT.fullmatch(text):
        sentence = "The last answer is reasoning alone: nothing follows its <think> block"
        return (Decision.MATCHED, sentence, 0.7, 0.9, text)
    if is_json:
        return None
    if _EMPTY_MARKUP.fullmatch(stripped):
        return (Decision.MATCHED, "The last answer holds only empty markup", 0.7, 0.85, text)
    if _PLACEHOLDER.fullmatch(stripped):
        return (Decision.MATCHED, "The last answer is a lone placeholder", 0.7, 0.8, text)
    if _TERSE.fullmatch(stripped):
        sentence = "The last answer is a bare 'none', which may be meant"
        return (Decision.AMBIGUOUS, sentence, 0.4, 0.4, text)
    return None
