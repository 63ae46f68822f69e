"""Finish reasons folded to OpenTelemetry's words; what is not known stays as sent."""

from __future__ import annotations

from typing import Any

_FOLDS = {
    "stop": "stop end_turn stop_sequence eos eos_token complete completed finished end",
    "length": (
        "length max_tokens max_output_tokens model_length incomplete model_context_window_exceeded"
    ),
    "tool_call": "tool_call tool_calls tool_use function_call",
    "content_filter": (
        "content_filter content_filtered safety refusal guardrail_intervened recitation blocklist"
        " prohibited_content spii image_safety"
    ),
    "error": "error failed malformed_function_call unexpected_tool_call error_toxic error_limit",
}

_FOLDED = {word: folded for folded, words in _FOLDS.items() for word in words.split()}


def fold(reason: str) -> str:
    """One finish reason in OpenTelemetry's words: ``tool-calls``, ``FinishReason.STOP``, ..."""
    bare = reason.strip().strip("\"'")
    word = bare.rsplit(".", 1)[-1].lower().replace("-", "_").replace(" ", "_")
    return _FOLDED.get(word, bare)


def fold_all(value: Any) -> list[str] | None:
    """Finish reasons from a list, a JSON list in a text, or one word; None for none."""
    if isinstance(value, dict):
        value = value.get("unified") or value.get("raw") or value.get("type")
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return None
    reasons = [fold(entry) for entry in value if isinstance(entry, str) and entry.strip()]
    return reasons or None
