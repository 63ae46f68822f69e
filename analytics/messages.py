"""Messages as rows: the JSON of input and output messages, one row a part.

The columns of a row:

``trace_id, span_id``      the model call that carried the message
``direction``              system, input or output
``message_index``          the message's place in its list
``part_index``             the part's place in its message
``role``                   system, user, assistant, tool, as sent
``part_type``              text, tool_call, tool_call_response, reasoning, blob, uri, file, ...
``text``                   what can be read: text, reasoning, or a tool's response as text
``tool_name, tool_call_id, tool_arguments, tool_result``  of tool parts; JSON text
``finish_reason``          of an output message, as sent
``is_error``               the error marker of a tool response; null when it carries none
``is_repeat``              an input part that an earlier call of the trace already carried in
                           this role: every call repeats the conversation so far
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGES = pl.Schema(
    {
        "trace_id": pl.String(),
        "span_id": pl.String(),
        "direction": pl.String(),
        "message_index": pl.Int64(),
        "part_index": pl.Int64(),
        "role": pl.String(),
        "part_type": pl.String(),
        "text": pl.String(),
        "tool_name": pl.String(),
        "tool_call_id": pl.String(),
        "tool_arguments": pl.String(),
        "tool_result": pl.String(),
        "finish_reason": pl.String(),
        "is_error": pl.Boolean(),
        "is_repeat": pl.Boolean(),
    }
)
"""One part of one message."""

_TOOL_CALLS = ("tool_call", "server_tool_call")
_TOOL_RESPONSES = ("tool_call_response", "server_tool_call_response")


def explode_messages(spans: pl.DataFrame) -> pl.DataFrame:
    """The messages of the model calls among these spans, in order of start time.

    ``spans`` holds ``trace_id, span_id, start_time, is_model_call`` and the three JSON columns.
    A value that does not parse gives no rows: the span's ``content_truncated`` says so.
    Spans that carry messages but do not count as model calls (agent spans that repeat the
    conversation) are read only in traces where no model call carries any.
    """
    carrying = spans.filter(
        pl.any_horizontal(pl.col("input_messages", "output_messages").is_not_null())
    )
    counted = carrying.filter(pl.col("is_model_call"))
    others = carrying.filter(~pl.col("is_model_call").fill_null(value=False)).join(
        counted.select("trace_id").unique(), on="trace_id", how="anti"
    )
    ordered = pl.concat([counted, others]).sort("trace_id", "start_time", "span_id")
    columns = ["trace_id", "span_id", "system_instructions", "input_messages", "output_messages"]
    rows: list[tuple[Any, ...]] = []
    trace_seen: str | None = None
    seen: set[tuple[str | None, str, str | None]] = set()
    told = _NOTHING_TOLD
    for trace_id, span_id, system, inputs, outputs in ordered.select(columns).iter_rows():
        if trace_id != trace_seen:
            trace_seen, seen, told = trace_id, set(), _NOTHING_TOLD
        told, known = _told(inputs, told)
        fresh: list[tuple[str | None, str, str | None]] = []
        for row in _instructions(system):
            fresh.append(_identity(row))
            rows.append((trace_id, span_id, *row, fresh[-1] in seen))
        # What the call before told in the same words is seen already.
        rows += [(trace_id, span_id, *row, True) for row in told.parts[:known]]
        for row in told.parts[known:]:
            fresh.append(_identity(row))
            rows.append((trace_id, span_id, *row, fresh[-1] in seen))
        for row in _listed("output", load(outputs), 0):
            fresh.append(_identity(row))
            rows.append((trace_id, span_id, *row, False))
        seen.update(fresh)
    # Columns are made of rows faster here than there.
    return pl.DataFrame(list(zip(*rows, strict=True)) or None, schema=MESSAGES, orient="col")


def _identity(row: tuple[Any, ...]) -> tuple[str | None, str, str | None]:
    """What makes a part the same as another one: role, kind, and text or arguments."""
    return (row[3], row[4], row[5] if row[5] is not None else row[8])


def _instructions(system: str | None) -> Iterator[tuple[Any, ...]]:
    instructions = load(system)
    if isinstance(instructions, str):
        instructions = [{"type": "text", "content": instructions}]
    if isinstance(instructions, list):
        yield from _message("system", 0, {"role": "system", "parts": instructions})


def _listed(direction: str, messages: Any, first: int) -> Iterator[tuple[Any, ...]]:
    """The parts of a list of messages that are numbered from ``first``."""
    for index, message in enumerate(messages if isinstance(messages, list) else [], first):
        if isinstance(message, dict):
            yield from _message(direction, index, message)


@dataclass(frozen=True, slots=True)
class _Told:
    """What a model call was told: the JSON of a list, how long it is, and its parts."""

    text: str
    length: int
    parts: list[tuple[Any, ...]]


_NOTHING_TOLD = _Told("", 0, [])


def _told(text: str | None, before: _Told) -> tuple[_Told, int]:
    """What a call was told, and how many of its parts are those of the call ``before``.

    A call repeats the conversation so far: mostly its text begins with that of the call before,
    and only what follows needs to be parsed.
    """
    if text is None:
        return _NOTHING_TOLD, 0
    more = _added(text, before)
    if more is None:
        before, more = _NOTHING_TOLD, load(text)
    if not isinstance(more, list):
        return _NOTHING_TOLD, 0
    parts = [*before.parts, *_listed("input", more, before.length)]
    return _Told(text, before.length + len(more), parts), len(before.parts)


def _added(text: str, before: _Told) -> list[Any] | None:
    """The messages that follow those told before; None where the text does not say it so."""
    if text == before.text:
        return []
    begin = before.text.removesuffix("]")
    if not before.length or begin == before.text or not text.startswith(f"{begin},"):
        return None
    more = load("[" + text[len(begin) + 1 :])
    return more if isinstance(more, list) and more else None


def _message(direction: str, index: int, message: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    parts = message.get("parts")
    if parts is None:
        parts = message.get("content")
    if isinstance(parts, str):
        parts = [{"type": "text", "content": parts}]
    if not isinstance(parts, list):
        parts = []
    parts = _with_foreign_tool_parts(message, parts)
    role = as_text(message.get("role"))
    finish = as_text(message.get("finish_reason")) if direction == "output" else None
    if not parts:
        yield (direction, index, 0, role, "none", None, None, None, None, None, finish, None)
    for place, part in enumerate(parts):
        entry = part if isinstance(part, dict) else {"type": "text", "content": part}
        kind = as_text(entry.get("type")) or "text"
        text = name = call_id = arguments = result = None
        is_error: bool | None = None
        if kind in _TOOL_CALLS:
            name, call_id = as_text(entry.get("name")), as_text(entry.get("id"))
            arguments = as_text(entry.get("arguments", entry.get("server_tool_call")))
        elif kind in _TOOL_RESPONSES:
            name, call_id = as_text(entry.get("name")), as_text(entry.get("id"))
            result = text = as_text(response_of(entry))
            is_error = error_marker(entry)
        else:
            text = as_text(entry.get("content", entry.get("text")))
        yield (
            *(direction, index, place, role, kind, text),
            *(name, call_id, arguments, result, finish, is_error),
        )


def _with_foreign_tool_parts(message: dict[str, Any], parts: list[Any]) -> list[Any]:
    """Tool calls and responses that OpenAI's own message form keeps beside the content."""
    calls = message.get("tool_calls")
    if isinstance(calls, list) and not any(
        isinstance(part, dict) and part.get("type") in _TOOL_CALLS for part in parts
    ):
        for call in calls:
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                entry = {"type": "tool_call", "id": call.get("id"), "name": function.get("name")}
                parts = [*parts, entry | {"arguments": function.get("arguments")}]
    if message.get("role") == "tool" and message.get("tool_call_id") is not None:
        return [
            {
                "type": "tool_call_response",
                "id": message["tool_call_id"],
                "response": part["content"],
            }
            if isinstance(part, dict) and part.get("type") == "text" and "content" in part
            else part
            for part in parts
        ]
    return parts


def response_of(part: dict[str, Any]) -> Any:
    """The response of a tool part; published examples write ``result`` for ``response``."""
    for key in ("response", "result", "server_tool_call_response", "content"):
        if part.get(key) is not None:
            return part[key]
    return None


def error_marker(part: dict[str, Any]) -> bool | None:
    """The error marker beside a tool's response, when the sender kept one."""
    for key in ("is_error", "isError"):
        if isinstance(part.get(key), bool):
            return bool(part[key])
    return True if part.get("status") in ("error", "failed", "failure") else None


def load(value: str | None) -> Any:
    """Parsed JSON; None when there is none or it does not parse."""
    if value is None:
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return None


def as_text(value: Any) -> str | None:
    """A JSON value as text: strings as they are, everything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
