"""The tool calls of a trace, put together from tool spans and from messages.

One call is often told three times: by the model's output, by the tool's span, and by every later
model call whose input repeats the conversation. Here each becomes one :class:`ToolCall`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from analytics.messages import as_text

if TYPE_CHECKING:
    from collections.abc import Iterable

_CALLS = ("tool_call", "server_tool_call")
_CHECK = "validate_output"
_RESPONSES = ("tool_call_response", "server_tool_call_response")


@dataclass(slots=True, kw_only=True)
class ToolCall:
    """One call of one tool, in the order of the conversation."""

    name: str | None
    call_id: str | None
    arguments: str | None
    result: str | None = None
    span_id: str
    """The tool's own span, else the model call that carried the call or the response."""
    message: int | None = None
    part: int | None = None
    is_from_span: bool = False
    is_error: bool = False
    """The span's error signal, or the response's own error marker."""
    error_type: str | None = None
    error_message: str | None = None
    time: Any = None
    """When the call began, or the model call that carried it."""
    end_time: Any = None
    model_span_id: str | None = None
    """The model call whose output asked for it."""
    problems: list[str] = field(default_factory=list)


def tool_calls(spans: Iterable[dict[str, Any]], parts: Iterable[dict[str, Any]]) -> list[ToolCall]:
    """The calls of one trace, by time.

    ``spans`` are the trace's spans, ``parts`` its exploded messages; both in order of start time.
    """
    spans = list(spans)
    calls = _from_spans(spans)
    by_id = {call.call_id: call for call in calls if call.call_id}
    unclaimed = list(calls)
    starts = {span["span_id"]: span["start_time"] for span in spans}
    # What a framework has a model "call" to deliver its answer, and then checks, is no tool.
    checked = {span["tool_name"] for span in spans if span["operation_name"] == _CHECK}
    asked: dict[str, ToolCall] = {}
    told_by: dict[int, str] = {}
    answers_checked: set[str] = set()
    for part in parts:
        if checked and _is_checked(part, checked, answers_checked):
            continue
        if part["part_type"] in _CALLS:
            elsewhere = [call for call in unclaimed if told_by.get(id(call)) != part["span_id"]]
            known = _find(part, by_id, asked, elsewhere)
            unclaimed = [call for call in unclaimed if call is not known]
            if known is None:
                known = ToolCall(
                    name=part["tool_name"],
                    call_id=part["tool_call_id"] or None,
                    arguments=part["tool_arguments"],
                    span_id=part["span_id"],
                    message=part["message_index"],
                    part=part["part_index"],
                    time=starts.get(part["span_id"]),
                )
                calls.append(known)
                if not known.call_id and part["direction"] == "output":
                    told_by[id(known)] = part["span_id"]
                    unclaimed.append(known)
            _register(known, part, by_id, asked)
        elif part["part_type"] in _RESPONSES:
            _attach(part, by_id, calls, starts)
    return sorted(calls, key=lambda call: (call.time is None, call.time, call.span_id))


def _is_checked(part: dict[str, Any], checked: set[str], call_ids: set[str]) -> bool:
    """Whether a part belongs to the delivery of an answer; ``call_ids`` remembers its calls."""
    if part["part_type"] in _CALLS and part["tool_name"] in checked:
        call_ids.add(part["tool_call_id"])
        return True
    return part["part_type"] in _RESPONSES and part["tool_call_id"] in call_ids


def _from_spans(spans: list[dict[str, Any]]) -> list[ToolCall]:
    """Tool spans; of nested ones that tell the same call, the deepest."""
    tools = {
        span["span_id"]: span
        for span in spans
        if span["operation_name"] == "execute_tool"
        or (span["operation_name"] is None and span["tool_name"] is not None)
    }
    parents = {span["span_id"]: span["parent_span_id"] for span in spans}
    covered: set[str] = set()
    for span_id, span in tools.items():
        above = parents.get(span_id)
        for _ in range(len(parents)):
            if above is None or above not in parents:
                break
            if above in tools and tools[above]["tool_name"] == span["tool_name"]:
                covered.add(above)
            above = parents[above]
    return [
        ToolCall(
            name=span["tool_name"],
            call_id=span["tool_call_id"],
            arguments=span["tool_arguments"],
            result=span["tool_result"],
            span_id=span_id,
            is_from_span=True,
            is_error=bool(span["is_error"]) or bool(span["error_type"]),
            error_type=span["error_type"],
            error_message=span["status_message"],
            time=span["start_time"],
            end_time=span["end_time"],
        )
        for span_id, span in tools.items()
        if span_id not in covered
    ]


def _find(
    part: dict[str, Any],
    by_id: dict[str, ToolCall],
    asked: dict[str, ToolCall],
    unclaimed: list[ToolCall],
) -> ToolCall | None:
    """The call that this message part tells again; None when it is new."""
    if part["tool_call_id"] in by_id:
        return by_id[part["tool_call_id"]]
    identity = _identity(part)
    if (part["is_repeat"] or part["direction"] == "input") and identity in asked:
        return asked[identity]
    for place, call in enumerate(unclaimed):
        if call.call_id and part["tool_call_id"]:
            continue
        if call.name == part["tool_name"] and _same(call.arguments, part["tool_arguments"]):
            # A call that the span or the message tells without an id, and the other one with it.
            return unclaimed.pop(place)
    return None


def _register(
    call: ToolCall,
    part: dict[str, Any],
    by_id: dict[str, ToolCall],
    asked: dict[str, ToolCall],
) -> None:
    if part["tool_call_id"]:
        by_id.setdefault(part["tool_call_id"], call)
        call.call_id = call.call_id or part["tool_call_id"]
    asked.setdefault(_identity(part), call)
    call.name = call.name or part["tool_name"]
    call.arguments = call.arguments if call.arguments is not None else part["tool_arguments"]
    if part["direction"] == "output" and call.model_span_id is None:
        call.model_span_id = part["span_id"]
        call.message, call.part = part["message_index"], part["part_index"]


def _attach(
    part: dict[str, Any],
    by_id: dict[str, ToolCall],
    calls: list[ToolCall],
    starts: dict[str, Any],
) -> None:
    """Give a response to its call: by id, else to the first call still without one.

    A response whose call nobody told is kept as a call without a name.
    """
    call = by_id.get(part["tool_call_id"]) if part["tool_call_id"] else None
    if call is None and not part["is_repeat"]:
        waiting = [
            known
            for known in calls
            if known.result is None
            and not known.is_error
            and (not known.call_id or not part["tool_call_id"])
            and (part["tool_name"] is None or known.name == part["tool_name"])
        ]
        call = waiting[0] if waiting else None
    if call is None:
        if part["is_repeat"] or part["tool_call_id"] is None:
            return
        call = ToolCall(
            name=part["tool_name"],
            call_id=part["tool_call_id"],
            arguments=None,
            span_id=part["span_id"],
            time=starts.get(part["span_id"]),
        )
        calls.append(call)
        by_id[part["tool_call_id"]] = call
    if call.result is None:
        call.result = part["tool_result"]
        if not call.is_from_span:
            call.message, call.part = part["message_index"], part["part_index"]
            call.span_id = part["span_id"]
    if part["is_error"]:
        call.is_error = True


def _identity(part: dict[str, Any]) -> str:
    return f"{part['tool_call_id']}\0{part['tool_name']}\0{part['tool_arguments']}"


def _same(left: str | None, right: str | None) -> bool:
    """Whether two argument texts are equal up to blanks."""
    if left is None or right is None:
        return True
    return as_text(left).replace(" ", "") == as_text(right).replace(" ", "")  # type: ignore[union-attr]
