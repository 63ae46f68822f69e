"""What LangChain's chains tell about the answer of the model call inside or beside them.

Exporters of LangChain cut the answer on the model's own span: a refusal, an empty answer, the
reason to stop, the response's id or model may be missing there. The next step of the chain
receives LangChain's whole message, and so does the node around the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otlp_receiver.dialects.conversations import output_messages
from otlp_receiver.dialects.finish_reasons import fold
from otlp_receiver.dialects.json_text import dumps, loads
from otlp_receiver.dialects.resolution import first_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import polars as pl

    from otlp_receiver.dialects.attributes import AttributeTable

_KEYS = (
    # attribute, whether it holds what went out, and where in it what went in stands all the same
    ("traceloop.entity.input", False, ()),
    ("traceloop.entity.output", True, ()),
    ("traceloop.entity.output", False, ("kwargs", "inputs")),
    ("mlflow.spanInputs", False, ()),
    ("mlflow.spanOutputs", True, ()),
    ("langfuse.observation.input", False, ()),
    ("langfuse.observation.output", True, ()),
)

_SILENT_DIALECTS = frozenset(("C1", "H", "I"))
"""Libraries whose model spans lack more than a refusal or an empty answer."""

_DIALECTS = _SILENT_DIALECTS | {"C2"}

_MARK = '"response_metadata"'


def told_answers(
    table: AttributeTable, spans: pl.DataFrame, kept: np.ndarray
) -> Iterator[tuple[int, bool, str, dict[str, str]]]:
    """Row, whether the call is inside the span, the attribute's key, and the answer's fields."""
    at_keys = [(key, out, steps, table.positions(key)) for key, out, steps in _KEYS]
    if not any(len(at) for *_, at in at_keys):
        return
    dialects = spans["dialect"].to_list()
    calls = spans["is_model_call"].to_list()
    for key, is_output, steps, at in at_keys:
        if not len(at):
            continue
        marked = table.texts_at(at).str.contains(_MARK, literal=True).fill_null(value=False)
        for row in at[marked.to_numpy()].tolist():
            owner = int(table.owner[row])
            if not kept[owner] or calls[owner] or dialects[owner] not in _DIALECTS:
                continue
            fields = _answer(table.text[row], dialects[owner], steps, is_output=is_output)
            if fields:
                yield owner, is_output, key, fields


def _answer(text: str, dialect: str, steps: Sequence[str], *, is_output: bool) -> dict[str, str]:
    """The fields of the one answer in an attribute, as JSON texts; none when there is not one."""
    try:
        value = first_at(loads(text), [steps]) if steps else loads(text)
        message = _single(value, is_output=is_output)
        return {} if message is None else _fields(message, dialect)
    except Exception:  # noqa: BLE001  # content is hostile; it tells nothing then
        return {}


def _fields(message: dict[str, Any], dialect: str) -> dict[str, str]:
    inner = _inner(message)
    metadata = inner["response_metadata"]
    extra = inner.get("additional_kwargs")
    refusal = extra.get("refusal") if isinstance(extra, dict) else None
    is_empty = not inner.get("content") and not inner.get("tool_calls")
    # An answer without an id was streamed: no exporter knows which model gave it.
    was_streamed = "id" not in metadata
    if not (refusal or is_empty or was_streamed or dialect in _SILENT_DIALECTS):
        return {}
    reason = metadata.get("finish_reason") or metadata.get("stop_reason")
    said = {
        "response_id": _word(metadata.get("id")),
        "response_model": _word(metadata.get("model_name")) or _word(metadata.get("model")),
        "finish_reasons": [fold(reason)] if isinstance(reason, str) and reason else None,
    }
    found = {key: dumps(value) for key, value in said.items() if value}
    if refusal or is_empty:
        found["output_messages"] = dumps(output_messages([message]))
    return found


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _single(value: Any, *, is_output: bool) -> dict[str, Any] | None:
    """The model's message when it is all that went in, or all that came out."""
    if isinstance(value, dict):
        value = value.get("outputs" if is_output else "inputs", value)
    if isinstance(value, dict) and isinstance(value.get("raw"), dict):
        # Structured output that keeps the model's message beside what was parsed.
        value = value["raw"]
    if is_output:
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, dict) and isinstance(value.get("update"), dict):
            value = value["update"]
        if isinstance(value, dict) and isinstance(value.get("messages"), list):
            value = value["messages"]
        if isinstance(value, list):
            value = value[0] if len(value) == 1 else None
    if not isinstance(value, dict):
        return None
    inner = _inner(value)
    metadata = inner.get("response_metadata")
    return value if isinstance(metadata, dict) and metadata else None


def _inner(message: dict[str, Any]) -> dict[str, Any]:
    """The message's own fields, without LangChain's wrapper."""
    for key in ("kwargs", "data"):
        if isinstance(message.get(key), dict):
            return dict(message[key])
    return message
