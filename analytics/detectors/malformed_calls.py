"""Malformed tool interactions: what the model asked for could not have been a proper call."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from analytics.detectors.decision import quote
from analytics.detectors.json_schemas import pointer_of, validator_of
from analytics.detectors.output_schema_validation import delivers
from analytics.messages import load

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from analytics.detectors.tool_calls import ToolCall


CALL = "tool_call"
_RESPONSE = "tool_call_response"
_PLUGIN = re.compile(r"__|[-./:]")
_NOT_ANSWERING = ("system", "developer", "user", "tool", "function")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One malformed call or response."""

    detail: str
    tool: str | None
    evidence: dict[str, Any]


def malformed_calls(spans: list[dict[str, Any]], parts: list[dict[str, Any]]) -> Iterator[Fault]:
    """The faults of one trace, each told once. Truncated traces must not come here."""
    by_span: dict[str, list[dict[str, Any]]] = {}
    for part in parts:
        by_span.setdefault(part["span_id"], []).append(part)
    definitions = {span["span_id"]: span["tool_definitions"] for span in spans}
    cut_off = {span["span_id"] for span in spans if "length" in (span["finish_reasons"] or [])}
    structured = {span["span_id"]: span for span in spans if span.get("output_schema") is not None}
    told: set[tuple[Any, ...]] = set()
    for span_id, own in by_span.items():
        outputs = [p for p in own if p["direction"] == "output" and p["part_type"] == CALL]
        if span_id in structured:
            # An answer that is delivered as a call is judged as an answer.
            outputs = [p for p in outputs if not delivers(p["tool_name"], structured[span_id])]
        if span_id in cut_off:
            # Arguments that the length limit cut off were never executed.
            outputs = []
        faults = [
            *_faulty_outputs(outputs, tools_of(definitions.get(span_id))),
            *_unanswered([part for part in own if part["direction"] == "input"]),
        ]
        for fault in faults:
            identity = (fault.detail, fault.evidence.get("tool_call_id"))
            if identity not in told:
                told.add(identity)
                yield fault


def tools_of(definitions: str | None) -> dict[str, Any]:
    """Declared tools by name, with the schema of their parameters (None when there is none)."""
    declared = load(definitions)
    tools: dict[str, Any] = {}
    for entry in declared if isinstance(declared, list) else []:
        if not isinstance(entry, dict):
            return {}
        function = entry.get("function")
        inner: dict[str, Any] = function if isinstance(function, dict) else entry
        name = inner.get("name")
        if not isinstance(name, str):
            # A tool without a name is built into the provider: the set is not closed.
            return {}
        parameters = inner.get("parameters", inner.get("inputSchema", inner.get("input_schema")))
        if isinstance(parameters, str):
            parameters = load(parameters)
        tools[name] = parameters if isinstance(parameters, dict) else None
    return tools


def _faulty_outputs(outputs: list[dict[str, Any]], tools: dict[str, Any]) -> Iterator[Fault]:
    seen: dict[str, dict[str, Any]] = {}
    for part in outputs:
        name, call_id, arguments = part["tool_name"], part["tool_call_id"], part["tool_arguments"]
        if name is None or not name.strip():
            yield _fault(part, "The model called a tool without a name")
            continue
        if call_id is not None and not call_id.strip():
            yield _fault(part, f"The call of {name} has a blank id")
        elif call_id is not None and call_id in seen and seen[call_id] is not part:
            yield _fault(part, f"Two calls in one answer share the id {call_id!r}")
        if call_id:
            seen[call_id] = part
        declared = declared_name(name, tools)
        if tools and declared is None:
            known = ", ".join(sorted(tools)[:8])
            yield _fault(part, f"The model called {name!r}, which is not declared ({known})")
            continue
        detail = _faulty_arguments(name, arguments, tools.get(declared or name))
        if detail is not None:
            yield _fault(part, detail)


def declared_name(name: str, tools: Collection[str]) -> str | None:
    """The declared tool that a call means; frameworks put a plugin's name before the tool's."""
    if name in tools:
        return name
    own = [tool for tool in tools if _PLUGIN.split(tool)[-1] == name]
    return own[0] if len(own) == 1 else None


def _faulty_arguments(name: str, arguments: str | None, schema: Any) -> str | None:
    if arguments is None or not arguments.strip():
        value: Any = {}
    else:
        try:
            value = orjson.loads(arguments)
        except orjson.JSONDecodeError as error:
            return f"The arguments of {name} are not JSON: {error}"
        if isinstance(value, str):
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError as error:
                return f"The arguments of {name} are not JSON: {error}"
    validator = validator_of(schema)
    first = None if validator is None else next(validator.iter_errors(value), None)
    if first is None:
        return None
    place = pointer_of(first.instance_path) or "the top"
    return f"The arguments of {name} do not meet its parameters at {place}: {first.message[:160]}"


def _unanswered(inputs: list[dict[str, Any]]) -> Iterator[Fault]:
    """Calls without a response, and responses without a call, inside one message list.

    A list that does not begin with the system or the user was cut, and ids that match nowhere
    were renamed by the exporter: both make orphans that are not real.
    """
    if not inputs or inputs[0]["role"] not in ("system", "user", "developer"):
        return
    calls = [part for part in inputs if part["part_type"] == CALL and part["tool_call_id"]]
    responses = [part for part in inputs if part["part_type"] == _RESPONSE and part["tool_call_id"]]
    call_ids = {part["tool_call_id"] for part in calls}
    response_ids = {part["tool_call_id"] for part in responses}
    # Some exporters keep the responses and drop the calls.
    if not calls or (not call_ids & response_ids and len(calls) == len(responses)):
        return
    has_anonymous = any(
        part["part_type"] in (CALL, _RESPONSE) and not part["tool_call_id"] for part in inputs
    )
    if has_anonymous:
        return
    last = inputs[-1]["message_index"]
    for part in calls:
        if part["tool_call_id"] not in response_ids and part["message_index"] < last:
            yield _fault(part, f"The call of {part['tool_name']} was never answered")
    # A history that was cut often keeps the system's message: then responses stand first.
    speaking = (p["message_index"] for p in inputs if p["role"] not in _NOT_ANSWERING)
    begun = min(speaking, default=0)
    for part in responses:
        if part["tool_call_id"] not in call_ids and part["message_index"] > begun:
            yield _fault(part, f"A tool response answers no call: id {part['tool_call_id']!r}")


def left_open(
    calls: list[ToolCall], spans: list[dict[str, Any]], parts: list[dict[str, Any]]
) -> Iterator[Fault]:
    """Calls that a model asked for and that nothing answered before the trace ended.

    Many traces show no execution at all, and some tools only end a run. So a call counts where
    another one of the same answer, or of the same tool, was executed or answered.
    """
    askers = {span["span_id"]: span for span in spans}
    done = [call for call in calls if call.is_from_span or call.result is not None]
    names = {call.name for call in done}
    answers = {call.model_span_id for call in done}
    # Spans that no answer claims may be of any call of their tool.
    unclaimed = {call.name for call in calls if call.is_from_span and call.model_span_id is None}
    places = {(p["span_id"], p["message_index"], p["part_index"]): p for p in parts}
    for call in calls:
        asker = askers.get(call.model_span_id or "")
        if asker is None or call.is_from_span or call.result is not None or call.is_error:
            continue
        if call.name in unclaimed or None in unclaimed or _ended_early(asker):
            continue
        if asker.get("output_schema") is not None and delivers(call.name, asker):
            continue
        part = places.get((asker["span_id"], call.message, call.part))
        if part is not None and (call.name in names or asker["span_id"] in answers):
            yield _fault(part, f"The call of {call.name} was not answered before the trace ended")


def _ended_early(span: dict[str, Any]) -> bool:
    reasons = set(span["finish_reasons"] or [])
    return bool(span["is_error"]) or not reasons.isdisjoint(("length", "content_filter", "error"))


def _fault(part: dict[str, Any], detail: str) -> Fault:
    return Fault(
        detail=detail,
        tool=part["tool_name"],
        evidence={
            "span_id": part["span_id"],
            "message": part["message_index"],
            "part": part["part_index"],
            "kind": "malformed",
            "tool": part["tool_name"],
            "tool_call_id": part["tool_call_id"],
            "detail": detail,
            "quote": quote(part["tool_arguments"] or part["tool_result"]),
        },
    )
