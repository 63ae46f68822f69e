"""Output schema validation: structured output was declared, and the answer is not that.

A model call declares structured output by ``output_schema``, or by ``output_type = json``, which
asks for well-formed JSON only. Prose that merely looks like JSON is never touched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl

from analytics.detectors.catalog import entry_of
from analytics.detectors.decision import Decision, decision, decisions, quote
from analytics.detectors.json_schemas import pointer_of, validator_of
from analytics.messages import explode_messages, load
from analytics.text.declining import declines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analytics.config import AnalysisConfig
    from analytics.detectors.context import DetectorContext

_ENTRY = entry_of("output_schema_validation")

_FENCE = re.compile(
    r"\s*(?P<fence>```|~~~)(?:[ \t]*[a-zA-Z][a-zA-Z0-9_-]*)?\s(?P<body>.*?)\s*(?P=fence)\s*",
    re.DOTALL,
)
_REFUSAL = re.compile(
    r"\s*(?:I['\u2019]?m (?:really |very |so )?(?:sorry|unable)|I am (?:sorry|unable)|Sorry\b"
    r"|I can(?:['\u2019]t|not)\b"
    r"|I (?:won['\u2019]t|will not)\b|As an AI\b)",
    re.IGNORECASE,
)
# "I cannot" as other languages say it: enough to tell who declines from who failed to write JSON.
_REFUSAL_ELSEWHERE = re.compile(
    r"\b(?:kann|darf|werde|m\u00f6chte|k\u00f6nnen|d\u00fcrfen)\b(?: \w+){0,6} nicht\b"
    r"|\bne (?:peux|puis|pouvons|pourrai)\b|\bno (?:puedo|podemos|podr[e\u00e9])\b"
    r"|\bn\u00e3o (?:posso|podemos|consigo)\b|\bnon (?:posso|possiamo|riesco)\b"
    r"|\bkan(?: \w+){0,6} niet\b|\bkan (?:inte|ikke)\b|\bnie mog\u0119\b|\bnem tudok\b"
    r"|\b\u043d\u0435 (?:\u043c\u043e\u0433\u0443|\u0441\u043c\u043e\u0433\u0443)\b"
    r"|\u65e0\u6cd5|\u4e0d\u80fd|\u7121\u6cd5|\u3067\u304d\u307e\u305b\u3093"
    r"|\u3067\u304d\u304b\u306d\u307e\u3059|\uc218 \uc5c6|\bolamam\b"
    r"|\u0644\u0627 (?:\u0623\u0633\u062a\u0637\u064a\u0639|\u064a\u0645\u0643\u0646\u0646\u064a)"
    r"|\u0928\u0939\u0940\u0902 \u0915\u0930 \u0938\u0915",
    re.IGNORECASE,
)
_OPENING_CHARACTERS = 200
_BEGIN_CHARACTERS = 40
_SEVERITIES = {"truncated": 0.7, "parse_error": 0.7, "schema_violation": 0.6, "code_fence": 0.2}
_CONFIDENCES = {
    "truncated": 0.95,
    "parse_error": 0.9,
    "schema_violation": 0.95,
    "code_fence": 0.9,
}


def declaring(spans: pl.DataFrame) -> pl.DataFrame:
    """The model calls with a declaration, their own or that of the span just above them."""
    declared = pl.col("output_schema").is_not_null() | (pl.col("output_type") == "json")
    # Few traces declare anything; only their spans are joined.
    traces = spans.select("trace_id", "output_schema", "output_type").filter(declared)["trace_id"]
    if traces.is_empty():
        return spans.clear()
    spans = spans.filter(pl.col("trace_id").is_in(traces.implode()))
    calls = spans.filter(pl.col("is_model_call").fill_null(value=False))
    above = spans.filter(
        ~pl.col("is_model_call").fill_null(value=False) & pl.col("output_schema").is_not_null()
    ).select("trace_id", parent_span_id="span_id", schema_above="output_schema")
    return (
        calls.join(above, on=["trace_id", "parent_span_id"], how="left", maintain_order="left")
        .with_columns(output_schema=pl.coalesce("output_schema", "schema_above"))
        .filter(pl.col("output_schema").is_not_null() | (pl.col("output_type") == "json"))
        .drop("schema_above")
        # Spans come as they lie on disk; which answer leads must not depend on it.
        .sort("trace_id", "start_time", "span_id")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """What is wrong with one structured answer."""

    kind: str
    """truncated, parse_error, schema_violation or code_fence."""
    detail: str
    pointer: str | None = None
    """JSON pointer to the offending value."""


class OutputSchemaValidation:
    """Checks every model call that declared structured output."""

    id = _ENTRY.id
    version = "3"
    title = _ENTRY.title
    instructions = _ENTRY.instructions

    def __init__(self, config: AnalysisConfig) -> None:
        self.config = config
        self._validators: dict[str, Any] = {}

    def decide(self, context: DetectorContext) -> pl.DataFrame:
        """One decision for every trace with a declaration; the worst defect leads."""
        declared = declaring(context.span_frame)
        if declared.is_empty():
            return decisions([])
        outputs = declared.with_columns(
            pl.lit(None, dtype=pl.String).alias(name)
            for name in ("system_instructions", "input_messages")
        )
        parts: dict[str, list[dict[str, Any]]] = {}
        for part in explode_messages(outputs).iter_rows(named=True):
            parts.setdefault(part["span_id"], []).append(part)
        rows = []
        for (trace_id,), calls in declared.group_by("trace_id", maintain_order=True):
            row = self._decide(str(trace_id), calls, parts)
            if row is not None:
                rows.append(row)
        return decisions(rows)

    def _decide(
        self, trace_id: str, calls: pl.DataFrame, parts: dict[str, list[dict[str, Any]]]
    ) -> dict[str, Any] | None:
        skip_reason: str | None = None
        found: list[tuple[Defect, dict[str, Any]]] = []
        choices = (
            choice
            for call in calls.iter_rows(named=True)
            for choice in _choices(call, parts.get(call["span_id"], []))
        )
        for call, own in choices:
            reason = _reason_to_skip(call, own)
            if reason is not None:
                skip_reason = skip_reason or reason
                continue
            if call["output_schema"] is not None and not self._is_usable(call["output_schema"]):
                skip_reason = skip_reason or "schema_unusable"
            for message in _answers(own, call):
                if _declines(message["text"], call):
                    skip_reason = skip_reason or "refusal"
                    continue
                defect = self.check(message["text"], call)
                if defect is not None:
                    found.append((defect, _evidence(defect, call, message)))
        if not found:
            if skip_reason is None:
                return None
            return decision(trace_id, Decision.SKIPPED, skip_reason=skip_reason)
        worst = max(found, key=lambda pair: _SEVERITIES[pair[0].kind])[0]
        more = f"; {len(found)} answers are affected" if len(found) > 1 else ""
        return decision(
            trace_id,
            Decision.MATCHED,
            reason=f"Structured output: {worst.detail}{more}",
            severity=_SEVERITIES[worst.kind],
            confidence=_CONFIDENCES[worst.kind],
            span_id=next(evidence for defect, evidence in found if defect is worst)["span_id"],
            evidence=[evidence for _, evidence in found],
        )

    def check(self, text: str, call: dict[str, Any]) -> Defect | None:
        """What is wrong with one answer; None when it is as declared."""
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            return self._unreadable(text, call, str(error))
        return self._violation(value, call["output_schema"])

    def _unreadable(self, text: str, call: dict[str, Any], why: str) -> Defect | None:
        if "length" in (call["finish_reasons"] or []):
            return Defect(
                kind="truncated",
                detail=f"cut off at the length limit after {len(text)} characters",
            )
        fenced = _FENCE.fullmatch(text)
        inner = load(fenced["body"]) if fenced is not None else None
        if inner is not None:
            return self._violation(inner, call["output_schema"]) or Defect(
                kind="code_fence", detail="valid JSON inside a code fence"
            )
        if text.lstrip()[:1] not in ("{", "[", '"'):
            begin = " ".join(text.split())
            if len(begin) > _BEGIN_CHARACTERS:
                begin = f"{begin[:_BEGIN_CHARACTERS]}\u2026"
            why = f"it begins with {begin!r}"
        return Defect(kind="parse_error", detail=f"the answer is not JSON: {why}")

    def _violation(self, value: Any, schema: str | None) -> Defect | None:
        validator = self._validator(schema)
        if validator is None:
            return None
        error = next(validator.iter_errors(value), None)
        if error is None:
            return None
        pointer = pointer_of(error.instance_path)
        return Defect(
            kind="schema_violation",
            detail=f"at {pointer or 'the top'}: {error.message[:200]}",
            pointer=pointer,
        )

    def _validator(self, schema: str | None) -> Any:
        """A compiled validator; None when the declaration asks for well-formed JSON only."""
        if schema is None:
            return None
        if schema not in self._validators:
            self._validators[schema] = validator_of(schema_of(load(schema)))
        return self._validators[schema]

    def _is_usable(self, schema: str) -> bool:
        """Whether a declaration can be checked: it is a schema, or asks for JSON alone."""
        if self._validator(schema) is not None:
            return True
        declared = load(schema)
        return isinstance(declared, dict) and schema_of(declared) is None


def schema_of(declared: Any) -> dict[str, Any] | None:
    """The JSON Schema inside a declaration, out of the vendors' wrappings."""
    for _ in range(4):
        if not isinstance(declared, dict):
            return None
        if isinstance(declared.get("schema"), dict) and "properties" not in declared:
            declared = declared["schema"]
        elif isinstance(declared.get("json_schema"), dict):
            declared = declared["json_schema"]
        elif isinstance(declared.get("format"), dict) and "properties" not in declared:
            declared = declared["format"]
        else:
            break
    if declared.get("type") in ("json_object", "json_schema", "text"):
        return None
    return declared or None


def _choices(
    call: dict[str, Any], parts: list[dict[str, Any]]
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """The parts of each answer, with the call as it ended for it: a filter stops one alone."""
    by_message: dict[int, list[dict[str, Any]]] = {}
    for part in parts:
        by_message.setdefault(part["message_index"], []).append(part)
    if len(by_message) < 2:
        yield call, parts
        return
    for _, own in sorted(by_message.items()):
        told = own[0]["finish_reason"]
        yield (call if told is None else call | {"finish_reasons": [told]}), own


def _reason_to_skip(call: dict[str, Any], parts: list[dict[str, Any]]) -> str | None:
    reasons = set(call["finish_reasons"] or [])
    if call["is_error"] or call["error_type"]:
        return "error"
    if "content_filter" in reasons:
        return "content_filter"
    if any(part["part_type"] == "refusal" for part in parts):
        return "refusal"
    if call["content_truncated"] or (call["dropped_attributes_count"] or 0) > 0:
        return "truncated"
    return None if parts else "no_content"


def _declines(text: str, call: dict[str, Any]) -> bool:
    """Whether the answer is a refusal in words; who writes braces tried to answer."""
    if "{" in text or "length" in (call["finish_reasons"] or []) or _is_json(text):
        return False
    opening = text[:_OPENING_CHARACTERS]
    return bool(_REFUSAL.match(text) or _REFUSAL_ELSEWHERE.search(opening)) or declines(text)


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _answers(parts: list[dict[str, Any]], call: dict[str, Any]) -> list[dict[str, Any]]:
    """The texts to check, one a message; a forced tool's arguments where there is no text."""
    by_message: dict[int, list[dict[str, Any]]] = {}
    for part in parts:
        by_message.setdefault(part["message_index"], []).append(part)
    answers = []
    for index, own in sorted(by_message.items()):
        texts = [part["text"] for part in own if part["part_type"] == "text" and part["text"]]
        calls = [part for part in own if part["part_type"] == "tool_call"]
        text = "".join(texts)
        if text.strip() and not calls:
            answers.append({"text": text, "message": index, "part": own[0]["part_index"]})
        elif len(calls) == 1 and not text.strip() and delivers(calls[0]["tool_name"], call):
            answers.append(
                {
                    "text": calls[0]["tool_arguments"] or "",
                    "message": index,
                    "part": calls[0]["part_index"],
                }
            )
    return answers


def delivers(tool_name: str | None, call: dict[str, Any]) -> bool:
    """Whether this is the tool by which the model delivers its structured answer.

    Frameworks have names of their own for it; under any other name it is the tool whose parameters
    are the schema that was asked for.
    """
    if tool_name is None or tool_name.startswith(("final_result", "structured_output")):
        return tool_name is not None
    schema, offered = load(call["output_schema"]), load(call["tool_definitions"])
    return schema is not None and any(
        isinstance(tool, dict)
        and tool.get("name") == tool_name
        and tool.get("parameters") == schema
        for tool in (offered if isinstance(offered, list) else [])
    )


def _evidence(defect: Defect, call: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    return {
        "span_id": call["span_id"],
        "message": message["message"],
        "part": message["part"],
        "kind": defect.kind,
        "pointer": defect.pointer,
        "detail": defect.detail,
        "finish_reason": (call["finish_reasons"] or [None])[0],
        "quote": quote(message["text"]),
    }
