"""What was understood against what really happened, field by field.

The truth is the journal of the fake provider and of the tools. A field that the truth leaves null
is one that the telemetry does not carry: it is not compared, and shown as absent in the dialect.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from otlp_receiver.dialects.captures import Capture, Understood

MODEL_FIELDS = (
    "provider",
    "request_model",
    "response_model",
    "response_id",
    "input_messages",
    "output_text",
    "refusal",
    "tool_calls",
    "tool_results",
    "finish_reason",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "streaming",
    "first_chunk_after_s",
    "error_type",
    "response_schema",
    "tools_offered",
)

TOOL_FIELDS = ("name", "arguments", "result", "failed", "error_type")
AGENT_FIELDS = ("name", "input_text", "output_text")
EVALUATION_FIELDS = ("name", "value", "label", "explanation", "error_type")
TRACE_FIELDS = ("conversation_id", "user_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One field of one call: what happened and what was understood."""

    capture: str
    place: str
    field: str
    expected: Any
    found: Any

    @property
    def agrees(self) -> bool:
        """Whether the two say the same."""
        return _agree(self.field, self.expected, self.found)

    @property
    def is_silent(self) -> bool:
        """Whether nothing was found where nothing much happened: many libraries omit zeros."""
        return self.found in (None, [], "") and self.expected in (0, [], "", False)


def compare(capture: Capture, understood: Understood) -> Iterator[Check]:
    """Every field that the truth knows."""
    spans = [*understood.spans.sort("start_time", "end_time").iter_rows(named=True)]
    calls = capture.truth["calls"]
    yield from _model_calls(capture, calls, spans)
    yield from _tools(capture, calls, spans)
    yield from _agents(capture, calls, spans)
    yield from _evaluations(capture, calls, understood.evaluations)
    for field in TRACE_FIELDS:
        if capture.truth.get(field) is not None and spans:
            said = {span[field] for span in spans if span[field] is not None}
            found = next(iter(said)) if len(said) == 1 else sorted(said) or None
            yield _check(capture, "trace", field, capture.truth[field], found)


def _check(capture: Capture, place: str, field: str, expected: Any, found: Any) -> Check:
    return Check(capture=capture.name, place=place, field=field, expected=expected, found=found)


def _model_calls(
    capture: Capture, calls: list[dict[str, Any]], spans: list[dict[str, Any]]
) -> Iterator[Check]:
    told = [
        call
        for call in calls
        if call["kind"] in ("model", "embedding") and call.get("has_own_span")
    ]
    counted = [span for span in spans if span["is_model_call"]]
    yield _check(capture, "calls", "count", len(told), len(counted))
    if len(told) != len(counted):
        return
    for number, (call, span) in enumerate(zip(told, counted, strict=True)):
        found = _model_view(span)
        for field in MODEL_FIELDS:
            if call.get(field) is not None:
                yield _check(capture, f"model {number}", field, call[field], found[field])


def _load(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _model_view(span: dict[str, Any]) -> dict[str, Any]:
    """A span in the words of the truth."""
    inputs = _load(span["input_messages"]) or []
    outputs = _load(span["output_messages"])
    system = _load(span["system_instructions"])
    if system and not any(message.get("role") == "system" for message in inputs):
        inputs = [{"role": "system", "parts": system}, *inputs]
    parts = [part for message in outputs or [] for part in message["parts"]]
    first = span["time_to_first_chunk_ms"]
    return {
        "provider": span["provider_name"],
        "request_model": span["request_model"],
        "response_model": span["response_model"],
        "response_id": span["response_id"],
        "input_messages": inputs,
        "output_text": None if outputs is None else _text(parts),
        "refusal": "".join(p["content"] for p in parts if p["type"] == "refusal") or None,
        "tool_calls": None
        if outputs is None
        else [
            {"name": part.get("name"), "arguments": part.get("arguments")}
            for part in parts
            if part["type"] == "tool_call"
        ],
        "tool_results": [
            part.get("response")
            for message in inputs
            for part in message["parts"]
            if part["type"] == "tool_call_response"
        ],
        "finish_reason": (span["finish_reasons"] or [None])[0],
        "input_tokens": span["input_tokens"],
        "output_tokens": span["output_tokens"],
        "cached_tokens": span["cache_read_tokens"],
        "reasoning_tokens": span["reasoning_tokens"],
        "streaming": span["is_streaming"],
        "first_chunk_after_s": None if first is None else first / 1000,
        "error_type": span["error_type"],
        "response_schema": _load(span["output_schema"]),
        "tools_offered": [tool.get("name") for tool in _load(span["tool_definitions"]) or []],
    }


def _text(parts: list[dict[str, Any]]) -> str:
    return "".join(part.get("content", "") for part in parts if part["type"] == "text")


def _tools(
    capture: Capture, calls: list[dict[str, Any]], spans: list[dict[str, Any]]
) -> Iterator[Check]:
    told = [call for call in calls if call["kind"] == "tool" and call.get("has_own_span")]
    found = [span for span in spans if span["is_tool_call"]]
    yield _check(capture, "tools", "tool_spans", len(told), len(found))
    for number, (call, span) in enumerate(zip(told, _in_order(told, found), strict=False)):
        view = {
            "name": span["tool_name"],
            "arguments": _load(span["tool_arguments"]),
            "result": _load(span["tool_result"]),
            "failed": span["is_error"],
            "error_type": span["error_type"],
        }
        for field in TOOL_FIELDS:
            if call.get(field) is not None:
                yield _check(capture, f"tool {number}", f"tool_{field}", call[field], view[field])


def _in_order(told: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tool spans in the order of the calls: parallel calls may begin in any order."""
    left = list(found)
    ordered = []
    for call in told[: len(found)]:
        same = [span for span in left if _load(span["tool_arguments"]) == call.get("arguments")]
        ordered.append(same[0] if same else left[0])
        left.remove(ordered[-1])
    return ordered


def _agents(
    capture: Capture, calls: list[dict[str, Any]], spans: list[dict[str, Any]]
) -> Iterator[Check]:
    told = [call for call in calls if call["kind"] == "agent" and call.get("has_own_span")]
    found = [
        span
        for span in spans
        if span["operation_name"] in ("invoke_agent", "invoke_workflow", "chain", "create_agent")
    ]
    for number, call in enumerate(told):
        views = [
            {
                "name": span["agent_name"],
                "input_text": _conversation(span["input_messages"], last=False),
                "output_text": _conversation(span["output_messages"], last=True),
            }
            for span in found
        ]
        for field in AGENT_FIELDS:
            if call.get(field) is not None:
                said = [view[field] for view in views if view[field] is not None]
                same = [value for value in said if _agree(field, call[field], value)]
                best = same[0] if same else (said[0] if said else None)
                yield _check(capture, f"agent {number}", f"agent_{field}", call[field], best)


def _conversation(text: str | None, *, last: bool) -> str | None:
    """The text of the last message, or of the last one that the user said."""
    messages = _load(text)
    if not messages:
        return None
    wanted = [message for message in messages if last or message["role"] == "user"]
    return _text(wanted[-1]["parts"]) if wanted else None


def _evaluations(
    capture: Capture, calls: list[dict[str, Any]], evaluations: pl.DataFrame
) -> Iterator[Check]:
    told = [call for call in calls if call["kind"] == "evaluation"]
    if not told and evaluations.is_empty():
        return
    yield _check(capture, "evaluations", "count", len(told), len(evaluations))
    by_name = {row["evaluator"]: row for row in evaluations.iter_rows(named=True)}
    for number, call in enumerate(told):
        row = by_name.get(call["name"], {})
        for field, column in zip(
            EVALUATION_FIELDS,
            ("evaluator", "score", "label", "explanation", "error_type"),
            strict=True,
        ):
            if call.get(field) is not None:
                yield _check(
                    capture,
                    f"evaluation {number}",
                    f"evaluation_{field}",
                    call[field],
                    row.get(column),
                )


def _agree(field: str, expected: Any, found: Any) -> bool:
    """Whether two values say the same, leaving aside spelling that carries no meaning."""
    match field:
        case "error_type" | "tool_error_type" | "evaluation_error_type":
            return found is not None and _last_word(found) == _last_word(expected)
        case "input_messages":
            return _same_conversation(expected, found)
        case "tool_results":
            return len(expected) == len(found or []) and all(
                _same_result(one["text"], other) for one, other in zip(expected, found, strict=True)
            )
        case "tool_calls":
            return bool(expected == found)
        case "tool_result":
            return _same_result(expected, found)
        case "first_chunk_after_s":
            return found is not None and abs(expected - found) < 0.25
        case "tools_offered":
            return sorted(expected) == sorted(found)
        case "agent_output_text" | "output_text" | "agent_input_text" | "input_text":
            return isinstance(found, str) and expected.strip() == found.strip()
        case "response_schema":
            return isinstance(found, dict) and _without_dialect(expected) == _without_dialect(found)
        case _:
            return bool(expected == found)


def _without_dialect(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "$schema"}


def _last_word(name: str) -> str:
    return name.rsplit(".", 1)[-1].rsplit(":", 1)[-1]


def _same_result(expected: Any, found: Any) -> bool:
    """Results as values: JSON in a text is the value that it spells."""
    one, other = _plain(expected), _plain(found)
    if isinstance(other, dict) and set(other) in ({"result"}, {"output"}, {"content"}):
        inner = _plain(next(iter(other.values())))
        if one == inner:
            return True
    if isinstance(other, dict) and isinstance(one, dict):
        return one == other or one == {key: _plain(value) for key, value in other.items()}
    return bool(one == other)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value.strip()
    return value


def _same_conversation(expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> bool:
    """Roles, texts, calls and results in the same order, however they are cut into messages."""
    said = [turn for message in expected for turn in _expected_turns(message)]
    heard = [turn for message in found for turn in _found_turns(message)]
    return len(said) == len(heard) and all(
        one[:2] == other[:2] and _same_result(one[2], other[2])
        for one, other in zip(said, heard, strict=True)
    )


def _expected_turns(message: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    role = message["role"]
    if role == "tool":
        yield role, "result", message["text"]
        return
    if message.get("text"):
        yield role, "text", message["text"]
    for call in message.get("tool_calls") or []:
        yield role, "call " + call["name"], call["arguments"]


def _found_turns(message: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    role = message.get("role", "")
    texts = _text(message["parts"])
    if texts:
        yield role, "text", texts
    for part in message["parts"]:
        if part["type"] == "tool_call":
            yield role, "call " + str(part.get("name")), part.get("arguments")
        elif part["type"] == "tool_call_response":
            yield role, "result", part.get("response")
