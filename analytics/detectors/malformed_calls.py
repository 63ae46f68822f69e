"""Malformed tool interactions: what the model asked for could not have been a proper call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import orjson
import polars as pl

from analytics.detectors.decision import quote
from analytics.detectors.output_schema_validation import delivers
from analytics.messages import load

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


_CALL = "tool_call"
_RESPONSE = "tool_call_response"


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
        outputs = [p for p in own if p["direction"] == "output" and p["part_type"] == _CALL]
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


def traces_with_odd_calls(spans: pl.DataFrame, known: Collection[str]) -> set[str]:
    """Ids of the traces in which some output holds a call that is not evidently proper.

    It decides which traces the exact rules look at. Outputs with one call that differ only in
    the values of strings are alike, so one of them stands for all, unless the declared schema
    looks into values. ``known`` are traces that need no further reason.
    """
    checks = _Checks()
    odd: set[str] = set()
    kinds = ["tool_definitions", "shape"]
    shaped = _with_shapes(spans)
    alike = shaped.unique(kinds, keep="first", maintain_order=True)
    stands = [
        checks.is_proper(row["output_messages"], row["tool_definitions"])
        and _has_one_call(row["shape"])
        and checks.is_blind_to_values(row["tool_definitions"], _name_in(row["output_messages"]))
        for row in alike.select("output_messages", *kinds).iter_rows(named=True)
    ]
    doubtful = alike.select(kinds).filter(~pl.Series(stands, dtype=pl.Boolean))
    if doubtful.is_empty():
        return odd
    rows = shaped.join(doubtful, on=kinds, how="semi", nulls_equal=True)
    columns = ("trace_id", "tool_definitions", "output_messages")
    for trace_id, definitions, output in rows.select(columns).iter_rows():
        is_settled = trace_id in known or trace_id in odd
        if not is_settled and not checks.is_proper(output, definitions):
            odd.add(trace_id)
    return odd


def _has_one_call(shape: str) -> bool:
    """Whether outputs of this shape hold one call: of several, ids and names must be compared."""
    return shape.count('"name"') == 1 and shape.count('"id"') == 1


def _name_in(output: str) -> str:
    """The name of the only call of an output that is known to be proper."""
    calls = (part for message in orjson.loads(output) for part in message["parts"])
    return next((str(part["name"]) for part in calls if part["type"] == _CALL), "")


def _with_shapes(spans: pl.DataFrame) -> pl.DataFrame:
    """Add the output's ``shape``: its text without its strings but the name of the one call.

    What stands before the arguments of a call without words beside it varies in the id alone,
    and to blank that one string is much cheaper than to look for every string.
    """
    outputs = pl.col("output_messages")
    cut = spans.with_columns(
        outputs.str.splitn('"arguments"', 2).struct.rename_fields(["head", "tail"]).struct.unnest()
    )
    tail = pl.col("tail").fill_null("")
    # A colon before a closing quotation mark would be taken for one between a key and its value,
    # and a name or an id after the arguments would be blanked with them.
    is_bare = ~(
        pl.col("head").str.contains('"content"', literal=True)
        | tail.str.contains(r':"\s*[,\]}:]|"name"|"id"')
    )
    # A blank id stays, and makes a shape of its own.
    head = pl.col("head").str.replace(r'"id"\s*:\s*"[^"\\\s][^"\\]*"', '"id":"x"')
    values = tail.str.replace_all(r':\s*"(?:[^"\\]|\\.)*"', ':""')
    bare = cut.filter(is_bare).with_columns(shape=pl.concat_str(head, values, separator=" "))
    name = outputs.str.extract(r'"name"\s*:\s*"([^"\\]+)"').fill_null("")
    has_id = outputs.str.contains(r'"id"\s*:\s*"[^"\s]').cast(pl.String)
    told = pl.concat_str(_blanked(outputs), has_id, name, separator=" ")
    wordy = cut.filter(~is_bare).with_columns(shape=told)
    return pl.concat([bare, wordy]).drop("head", "tail")


def _blanked(text: pl.Expr) -> pl.Expr:
    """JSON text with every string that is a value blanked."""
    return text.str.replace_all(r'"(?:[^"\\]|\\.)*"(\s*[,}\]])', '""$1')


_VALUE_KEYWORDS = {
    *("enum", "const", "pattern", "format", "minLength", "maxLength", "minimum", "maximum"),
    *("exclusiveMinimum", "exclusiveMaximum", "multipleOf", "contentEncoding", "if", "not"),
    *("contentMediaType", "uniqueItems", "$ref", "$dynamicRef"),
}


def _looks_into_values(schema: Any) -> bool:
    if isinstance(schema, dict):
        return not _VALUE_KEYWORDS.isdisjoint(schema) or any(
            _looks_into_values(value) for value in schema.values()
        )
    return isinstance(schema, list) and any(_looks_into_values(value) for value in schema)


class _Checks:
    """Declared tools and their compiled validators, each read once."""

    def __init__(self) -> None:
        self._tools: dict[str | None, dict[str, Any]] = {}
        self._validators: dict[tuple[str | None, str], Any] = {}

    def _declared(self, definitions: str | None) -> dict[str, Any]:
        if definitions not in self._tools:
            self._tools[definitions] = tools_of(definitions)
            for name, schema in self._tools[definitions].items():
                self._validators[definitions, name] = _validator(schema)
        return self._tools[definitions]

    def is_proper(self, output: str, definitions: str | None) -> bool:
        """Whether every call of an output has a name, an id of its own and proper arguments."""
        return _are_proper(output, definitions, self._declared(definitions), self._validators)

    def is_blind_to_values(self, definitions: str | None, name: str) -> bool:
        """Whether the declared schema of this tool looks at kinds of values only."""
        return not _looks_into_values(self._declared(definitions).get(name))


def _are_proper(
    outputs: str,
    definitions: str | None,
    tools: dict[str, Any],
    validators: dict[tuple[str | None, str], Any],
) -> bool:
    ids = set()
    try:
        for message in orjson.loads(outputs):
            for part in message["parts"]:
                if part["type"] != _CALL:
                    continue
                name, call_id, arguments = part["name"], part.get("id"), part.get("arguments")
                if not name or call_id == "" or call_id in ids or (tools and name not in tools):
                    return False
                if call_id is not None:
                    ids.add(call_id)
                if isinstance(arguments, str):
                    arguments = orjson.loads(arguments) if arguments.strip() else {}
                validator = validators.get((definitions, name))
                if validator is not None and not validator.is_valid(arguments or {}):
                    return False
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return False
    return True


def _validator(schema: Any) -> Any:
    """A compiled validator; None when there is no usable schema."""
    if not isinstance(schema, dict) or not schema:
        return None
    try:
        return jsonschema_rs.validator_for(schema)
    except (ValueError, jsonschema_rs.ReferencingError):
        return None


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
        if tools and name not in tools:
            known = ", ".join(sorted(tools)[:8])
            yield _fault(part, f"The model called {name!r}, which is not declared ({known})")
            continue
        detail = _faulty_arguments(name, arguments, tools.get(name))
        if detail is not None:
            yield _fault(part, detail)


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
    if not isinstance(schema, dict) or not schema:
        return None
    try:
        first = next(jsonschema_rs.iter_errors(schema, value), None)
    except (ValueError, jsonschema_rs.ReferencingError):
        return None
    if first is None:
        return None
    pointer = "/" + "/".join(str(step) for step in first.instance_path)
    return f"The arguments of {name} do not meet its parameters at {pointer}: {first.message[:160]}"


def _unanswered(inputs: list[dict[str, Any]]) -> Iterator[Fault]:
    """Calls without a response, and responses without a call, inside one message list.

    A list that does not begin with the system or the user was cut, and ids that match nowhere
    were renamed by the exporter: both make orphans that are not real.
    """
    if not inputs or inputs[0]["role"] not in ("system", "user", "developer"):
        return
    calls = [part for part in inputs if part["part_type"] == _CALL and part["tool_call_id"]]
    responses = [part for part in inputs if part["part_type"] == _RESPONSE and part["tool_call_id"]]
    call_ids = {part["tool_call_id"] for part in calls}
    response_ids = {part["tool_call_id"] for part in responses}
    # Some exporters keep the responses and drop the calls.
    if not calls or (not call_ids & response_ids and len(calls) == len(responses)):
        return
    has_anonymous = any(
        part["part_type"] in (_CALL, _RESPONSE) and not part["tool_call_id"] for part in inputs
    )
    if has_anonymous:
        return
    last = inputs[-1]["message_index"]
    for part in calls:
        if part["tool_call_id"] not in response_ids and part["message_index"] < last:
            yield _fault(part, f"The call of {part['tool_name']} was never answered")
    for part in responses:
        if part["tool_call_id"] not in call_ids:
            yield _fault(part, f"A tool response answers no call: id {part['tool_call_id']!r}")


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
