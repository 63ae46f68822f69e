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
    is_marked: bool = False
    """A message marks the response as an error."""
    is_echo: bool = False
    """The error is that of a tool that this one called."""
    time: Any = None
    """When the call began, or the model call that carried it."""
    end_time: Any = None
    model_span_id: str | None = None
    """The model call whose output asked for it."""
    turn: int | None = None
    """How often the user had spoken in the conversation when it was asked for."""
    quoted_from: dict[str, Any] = field(default_factory=dict)
    """Where a result stands that the call's own span does not hold: span, message and part."""


def tool_calls(spans: Iterable[dict[str, Any]], parts: Iterable[dict[str, Any]]) -> list[ToolCall]:
    """The calls of one trace, by time.

    ``spans`` are the trace's spans, ``parts`` its exploded messages; both in order of start time.
    """
    spans = list(spans)
    calls = _from_spans(spans)
    by_id = _by_id(calls)
    ids, turns = _Ids(), _Turns()
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
        key, turn = ids.key(part), turns.before(part)
        if part["part_type"] in _CALLS:
            elsewhere = [call for call in unclaimed if told_by.get(id(call)) != part["span_id"]]
            known = _find(part, key, by_id, asked, elsewhere)
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
            _register(known, part, key, by_id, asked)
            known.turn = turn if known.turn is None else known.turn
        elif part["part_type"] in _RESPONSES:
            _attach(part, key, by_id, calls, starts)
    return sorted(calls, key=lambda call: (call.time is None, call.time, call.span_id))


_Key = tuple[str, int]
"""An id, and which of the calls that have it; the first is 1."""


class _Ids:
    """Tells calls of one id apart: some servers number the calls of each answer from the start.

    In one conversation an id that was answered and is asked with again is that of another call.
    """

    def __init__(self) -> None:
        self._span_id: str | None = None
        self._calls: dict[str, int] = {}
        self._answered: set[str] = set()

    def key(self, part: dict[str, Any]) -> _Key | None:
        """The key of the call that a part belongs to; parts come in order. None without an id."""
        call_id = part["tool_call_id"]
        if part["span_id"] != self._span_id:
            self._span_id, self._calls, self._answered = part["span_id"], {}, set()
        if not call_id:
            return None
        number = self._calls.setdefault(call_id, 1)
        if part["part_type"] not in _CALLS:
            self._answered.add(call_id)
        elif call_id in self._answered:
            self._answered.discard(call_id)
            self._calls[call_id] = number = number + 1
        return call_id, number


class _Turns:
    """Counts how often the user spoke in a conversation."""

    def __init__(self) -> None:
        self._span_id: str | None = None
        self._message: int | None = None
        self._count = 0

    def before(self, part: dict[str, Any]) -> int:
        """How many messages of the user stand before a part, or hold it; parts come in order."""
        if part["span_id"] != self._span_id:
            self._span_id, self._message, self._count = part["span_id"], None, 0
        is_spoken = part["role"] == "user" and part["part_type"] not in _RESPONSES
        if is_spoken and part["message_index"] != self._message:
            self._message = part["message_index"]
            self._count += 1
        return self._count


def _by_id(calls: list[ToolCall]) -> dict[_Key, ToolCall]:
    """The calls that spans tell, by key; of spans of one id inside of one another the last."""
    numbers: dict[str, int] = {}
    by_id: dict[_Key, ToolCall] = {}
    for call in calls:
        if not call.call_id:
            continue
        number = numbers.get(call.call_id, 0)
        before = by_id.get((call.call_id, number))
        if before is None or not is_parallel(before, call):
            number += 1
        numbers[call.call_id] = number
        by_id[call.call_id, number] = call
    return by_id


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
    inner = _inner_tools(tools, {span["span_id"]: span["parent_span_id"] for span in spans})
    covered: set[str] = set()
    calls: dict[str, ToolCall] = {}
    # Deeper spans come first: what is left out fills gaps of what is kept.
    for span_id in sorted(tools, key=lambda outer: len(inner[outer])):
        call = _call_of(tools[span_id])
        same = [calls[one] for one in inner[span_id] if _tell_one_call(call, calls[one])]
        if same and call.is_error and not any(one.is_error for one in same):
            # The tool failed around what it called.
            covered.update(one.span_id for one in same)
        elif same:
            covered.add(span_id)
            if len(same) == 1:
                _fill(same[0], call)
        call.is_echo = any(_echoes(call, calls[one]) for one in inner[span_id])
        calls[span_id] = call
    return [calls[span_id] for span_id in tools if span_id not in covered]


def _inner_tools(
    tools: dict[str, dict[str, Any]], parents: dict[str, str | None]
) -> dict[str, list[str]]:
    """The tool spans somewhere below each tool span."""
    inner: dict[str, list[str]] = {span_id: [] for span_id in tools}
    for span_id in tools:
        path = {span_id: None}
        above = parents.get(span_id)
        while above is not None and above in parents and above not in path:
            path[above] = None
            above = parents[above]
        if above == span_id:
            # Of spans that stand in one another in a circle, none is the inner one.
            continue
        for outer in path:
            if outer in tools and outer != span_id:
                inner[outer].append(span_id)
    return inner


def _call_of(span: dict[str, Any]) -> ToolCall:
    return ToolCall(
        name=span["tool_name"],
        call_id=span["tool_call_id"],
        arguments=span["tool_arguments"],
        result=span["tool_result"],
        span_id=span["span_id"],
        is_from_span=True,
        is_error=bool(span["is_error"]) or bool(span["error_type"]),
        error_type=span["error_type"],
        error_message=span["status_message"],
        time=span["start_time"],
        end_time=span["end_time"],
    )


def _tell_one_call(outer: ToolCall, inner: ToolCall) -> bool:
    return outer.name == inner.name and same_arguments(outer.arguments, inner.arguments)


def _fill(kept: ToolCall, other: ToolCall) -> None:
    kept.call_id = kept.call_id or other.call_id
    kept.arguments = other.arguments if kept.arguments is None else kept.arguments
    if kept.result is None and other.result is not None:
        kept.result, kept.quoted_from = other.result, {"quoted_from": {"span_id": other.span_id}}


def _echoes(outer: ToolCall, inner: ToolCall) -> bool:
    """Whether both carry the same error: the deepest counts."""
    if not outer.is_error or not inner.is_error:
        return False
    said, cause = (outer.error_message or "").strip(), (inner.error_message or "").strip()
    if said and cause:
        return cause in said
    types = {outer.error_type, inner.error_type} - {None}
    return len(types) <= 1


def _find(
    part: dict[str, Any],
    key: _Key | None,
    by_id: dict[_Key, ToolCall],
    asked: dict[str, ToolCall],
    unclaimed: list[ToolCall],
) -> ToolCall | None:
    """The call that this message part tells again; None when it is new."""
    if key in by_id:
        return by_id[key]
    identity = _identity(part, key)
    if (part["is_repeat"] or part["direction"] == "input") and identity in asked:
        return asked[identity]
    for place, call in enumerate(unclaimed):
        if call.call_id and part["tool_call_id"]:
            continue
        if call.name == part["tool_name"] and same_arguments(
            call.arguments, part["tool_arguments"]
        ):
            # A call that the span or the message tells without an id, and the other one with it.
            return unclaimed.pop(place)
    return None


def _register(
    call: ToolCall,
    part: dict[str, Any],
    key: _Key | None,
    by_id: dict[_Key, ToolCall],
    asked: dict[str, ToolCall],
) -> None:
    if key is not None:
        by_id.setdefault(key, call)
        call.call_id = call.call_id or part["tool_call_id"]
    asked.setdefault(_identity(part, key), call)
    call.name = call.name or part["tool_name"]
    call.arguments = call.arguments if call.arguments is not None else part["tool_arguments"]
    if part["direction"] == "output" and call.model_span_id is None:
        call.model_span_id = part["span_id"]
        call.message, call.part = part["message_index"], part["part_index"]


def _attach(
    part: dict[str, Any],
    key: _Key | None,
    by_id: dict[_Key, ToolCall],
    calls: list[ToolCall],
    starts: dict[str, Any],
) -> None:
    """Give a response to its call: by id, else to the first call still without one.

    A response whose call nobody told is kept as a call without a name.
    """
    call = None if key is None else by_id.get(key)
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
        if key is not None:
            by_id[key] = call
    if call.result is None:
        call.result = part["tool_result"]
        if call.is_from_span and call.result is not None:
            place = {name: part[f"{name}_index"] for name in ("message", "part")}
            call.quoted_from = {"quoted_from": {"span_id": part["span_id"]} | place}
        if not call.is_from_span:
            call.message, call.part = part["message_index"], part["part_index"]
            call.span_id = part["span_id"]
    if part["is_error"]:
        call.is_error = call.is_marked = True


def _identity(part: dict[str, Any], key: _Key | None) -> str:
    return f"{key}\0{part['tool_name']}\0{part['tool_arguments']}"


def same_arguments(left: str | None, right: str | None) -> bool:
    """Whether two argument texts are equal up to blanks."""
    if left is None or right is None:
        return True
    return as_text(left).replace(" ", "") == as_text(right).replace(" ", "")  # type: ignore[union-attr]


def is_parallel(first: ToolCall, second: ToolCall) -> bool:
    """Whether the second call did not wait for the first one's result."""
    if first.model_span_id is not None and second.model_span_id is not None:
        return first.model_span_id == second.model_span_id
    if first.end_time is None or second.time is None or not second.is_from_span:
        return False
    return bool(second.time < first.end_time)
