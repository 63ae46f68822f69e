"""Spans for tests, as rows of the table: only what a test cares about is written out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import polars as pl

from span_store.schema import SPANS

SECOND = 1_000_000_000
BEGIN = int(datetime(2026, 3, 2, 9, 0, tzinfo=UTC).timestamp()) * SECOND
AS_OF = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


def identifier(text: str, digits: int) -> str:
    return blake2b(text.encode(), digest_size=digits // 2).hexdigest()


def span(trace: str, name: str, *, at: float = 0.0, seconds: float = 1.0, **values: Any) -> dict:
    """One span; ``at`` is seconds after BEGIN, structured values are given as Python values."""
    start = BEGIN + int(at * SECOND)
    row: dict[str, Any] = dict.fromkeys(SPANS.names)
    row |= {
        "project": "default",
        "trace_id": identifier(trace, 32),
        "span_id": identifier(f"{trace}/{name}/{at}", 16),
        "name": name,
        "kind": "internal",
        "start_time": start,
        "end_time": start + int(seconds * SECOND),
        "duration_ms": seconds * 1000,
        "received_at": start + int(seconds * SECOND),
        "status_code": "unset",
        "is_error": False,
        "is_model_call": False,
        "content_truncated": False,
        "dropped_attributes_count": 0,
        "dropped_events_count": 0,
    }
    parent = values.pop("parent", None)
    if parent is not None:
        row["parent_span_id"] = parent["span_id"]
    for key, value in values.items():
        is_json = isinstance(value, list | dict) and key != "finish_reasons"
        row[key] = json.dumps(value) if is_json else value
    return row


def chat(trace: str, *, answer: Any = "All flights to Oslo are listed.", **values: Any) -> dict:
    """A model call that answers a question; ``answer`` is text, or a list of parts."""
    parts = [{"type": "text", "content": answer}] if isinstance(answer, str) else answer
    defaults = {
        "operation_name": "chat",
        "request_model": "gpt-4o",
        "is_model_call": True,
        "input_messages": [
            {"role": "user", "parts": [{"type": "text", "content": "Which flights go to Oslo?"}]}
        ],
        "output_messages": [{"role": "assistant", "parts": parts, "finish_reason": "stop"}],
        "finish_reasons": ["stop"],
        "input_tokens": 20,
        "output_tokens": 10 if answer else 0,
        "total_tokens": 30 if answer else 20,
    }
    name = values.pop("name", "chat gpt-4o")
    return span(trace, name, **(defaults | values))


def tool(
    trace: str, name: str, *, arguments: Any = None, result: Any = None, **values: Any
) -> dict:
    """A tool's span."""
    return span(
        trace,
        f"execute_tool {name}",
        operation_name="execute_tool",
        tool_name=name,
        tool_arguments=arguments if isinstance(arguments, str) else json.dumps(arguments or {}),
        tool_result=result if isinstance(result, str) or result is None else json.dumps(result),
        **values,
    )


def frame(rows: list[dict]) -> pl.DataFrame:
    """Rows of the spans table."""
    return pl.DataFrame(rows, schema=SPANS.polars, orient="row")
