"""What a reviewer reads: the messages of a trace or span, each once, in the order they came."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import polars as pl

from queue_store.model import FACTS, ObjectType, shows
from span_store.schema import SPANS, Form

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from queue_store.anchors import Place
    from queue_store.model import Item
    from span_store.store import SpanStore

    Span = Mapping[str, Any]


def conversation_of(store: SpanStore, item: Item, shown: tuple[str, ...] = ()) -> dict[str, Any]:
    """The item's facts and messages: ``facts``, ``attributes``, ``messages``, ``spans``.

    ``shown`` are the queue's paths; what they leave out is not sent. Without any, everything is.
    """
    spans = _spans(store, item)
    if not spans:
        return {"facts": {}, "attributes": {}, "messages": [], "spans": 0}
    top = next((span for span in spans if span["parent_span_id"] is None), spans[0])
    known = top if item.object_type is ObjectType.SPAN else {**top, **_summed(spans)}
    facts = {
        name: _shown(known[name])
        for name in FACTS
        if known[name] is not None and shows(shown, "facts", name)
    }
    attributes = (
        json.loads(top["attributes"] or "{}") if shows(shown, "facts", "attributes") else {}
    )
    read = [
        message for message in messages(spans) if shows(shown, message["part"], message["role"])
    ]
    return {"facts": facts, "attributes": attributes, "messages": read, "spans": len(spans)}


def _summed(spans: Sequence[Span]) -> dict[str, Any]:
    """What the model calls add up to; wrapper and agent spans repeat it. Unknown is left out."""
    calls = [span for span in spans if span["is_model_call"]]
    known: dict[str, Any] = {}
    for name in ("total_tokens", "cost_usd"):
        told = [span[name] for span in calls if span[name] is not None]
        if told:
            known[name] = sum(told)
    models = Counter(span["request_model"] for span in calls if span["request_model"] is not None)
    if models:
        known["request_model"] = models.most_common(1)[0][0]
    return known


def texts_of(store: SpanStore, item: Item, span_id: str) -> dict[Place, str]:
    """The text parts of one span's messages by their place, for anchors."""
    for span in _spans(store, item):
        if span["span_id"] == span_id:
            return _texts("input", span) | _texts("output", span)
    return {}


def _texts(direction: str, span: Span) -> dict[Place, str]:
    return {
        (direction, message_index, part_index): part["content"]
        for message_index, message in enumerate(_parsed(span[f"{direction}_messages"]))
        if isinstance(message, dict)
        for part_index, part in enumerate(message.get("parts") or [])
        if isinstance(part, dict) and isinstance(part.get("content"), str)
    }


def _began(span: Span) -> tuple[bool, Any, str]:
    """By start, unknown ones first as in the store, then by id."""
    start = span["start_time"]
    return start is not None, start or 0, span["span_id"]


def messages(spans: Sequence[Span]) -> Iterator[dict[str, Any]]:
    """Every message of the model calls and failed tools, a repeated history shown once.

    A later call repeats the history of the earlier ones; what was shown already is left out. A
    message that a person sent twice in a row is shown twice: histories are compared in order.
    """
    shown: list[str] = []
    for span in sorted(spans, key=_began):
        if span["is_model_call"]:
            history = _parsed(span["input_messages"])
            if not shown:
                yield from _instructions(span)
            known = [_identity(message) for message in history]
            common = _common_prefix(shown, known)
            for index, message in enumerate(history[common:], start=common):
                yield _message(message, span, "input") | {"message_index": index}
            answers = _parsed(span["output_messages"])
            for index, message in enumerate(answers):
                yield _message(message, span, "output") | {"message_index": index}
            shown = known + [_identity(message) for message in answers]
        elif span["tool_name"] is not None and span["is_error"]:
            text = span["status_message"] or span["error_type"] or "failed"
            parts = [{"type": "text", "content": f"{span['tool_name']}: {text}"}]
            about = {"span_id": span["span_id"], "part": "tools"}
            yield {"role": "tool error", "parts": parts} | about


def _instructions(span: Span) -> Iterator[dict[str, Any]]:
    parts = _parsed(span["system_instructions"])
    if parts:
        about = {"span_id": span["span_id"], "part": "instructions"}
        yield {"role": "system", "parts": parts} | about


def _message(message: Any, span: Span, part: str) -> dict[str, Any]:
    if not isinstance(message, dict):
        message = {"role": "unknown", "parts": [{"type": "text", "content": str(message)}]}
    return {
        "role": str(message.get("role") or "unknown"),
        "parts": message.get("parts") or [],
        "span_id": span["span_id"],
        "part": part,
    }


def _identity(message: Any) -> str:
    if isinstance(message, dict):
        message = {"role": message.get("role"), "parts": message.get("parts")}
    return json.dumps(message, sort_keys=True)


def _common_prefix(first: Sequence[str], second: Sequence[str]) -> int:
    pairs = zip(first, second, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


def _parsed(text: str | None) -> list[Any]:
    """A stored list; a value that is none, as after a broken attribute, is one text."""
    if text is None:
        return []
    value = json.loads(text)
    return value if isinstance(value, list) else [value]


def _spans(store: SpanStore, item: Item) -> list[dict[str, Any]]:
    trace_id, _, span_id = item.object_id.partition(":")
    # Asked for by its id, a trace is found without reading the table.
    traces: list[str] | None = [trace_id]
    match str(item.object_type):
        case "span":
            wanted = pl.col("span_id") == span_id
        case "session":
            traces, wanted = None, pl.col("conversation_id") == item.object_id
        case _:
            wanted = pl.lit(value=True)
    frame = store.scan("spans", project=item.project, trace_ids=traces)
    times = [pl.col(name).dt.to_string("iso:strict") for name in SPANS.of_form(Form.TIME)]
    return frame.filter(wanted).with_columns(times).collect().to_dicts()


def _shown(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value
