"""A judge's verdict, and the only ways in which an answer becomes one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from analytics.judge.errors import InvalidVerdictError

LABELS = ("matched", "no_match", "cannot_tell")

TEXT_CHARACTERS_MAX = 2000
"""Longer reasons and quotes are cut: a sentence was asked for, which not every model minds."""

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "verdict": {"type": "string", "enum": list(LABELS)},
        "confidence": {"type": "number"},
        "severity": {"type": "number"},
        "reason": {"type": "string"},
        "quote": {"type": "string"},
    },
    "required": ["verdict", "confidence", "severity", "reason", "quote"],
    "additionalProperties": False,
}
"""The JSON Schema that endpoints with structured output are held to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a judge said about one recording."""

    label: str
    """One of :data:`LABELS`."""
    confidence: float
    severity: float
    reason: str
    quote: str


def parse(answer: str | None) -> Verdict:
    """Read an answer strictly; raises :class:`InvalidVerdictError` for anything else.

    A fence around the JSON is the one thing forgiven, because models without structured output
    put it there and it changes no meaning.
    """
    if answer is None or not answer.strip():
        raise InvalidVerdictError("it is empty", answer)
    text = answer.strip()
    if text.startswith("```"):
        text = text.removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidVerdictError(f"it is not JSON ({error.msg})", answer) from error
    except (ValueError, RecursionError) as error:
        raise InvalidVerdictError(f"it cannot be read ({error})", answer) from error
    if not isinstance(value, dict):
        raise InvalidVerdictError("it is not an object", answer)
    label = value.get("verdict")
    if label not in LABELS:
        raise InvalidVerdictError(f"its verdict is {label!r}", answer)
    reason, quote = value.get("reason"), value.get("quote")
    if not isinstance(reason, str) or not reason.strip():
        raise InvalidVerdictError("it gives no reason", answer)
    return Verdict(
        label=str(label),
        confidence=_share(value, "confidence", answer),
        severity=_share(value, "severity", answer),
        reason=_storable(reason.strip()),
        quote=_storable(quote) if isinstance(quote, str) else "",
    )


def _storable(text: str) -> str:
    """Text that every store takes, cut: without NUL and halves of characters."""
    whole = text.replace("\0", "").encode("utf-8", "replace").decode()
    return (
        whole if len(whole) <= TEXT_CHARACTERS_MAX else f"{whole[: TEXT_CHARACTERS_MAX - 1]}\u2026"
    )


def _share(value: dict[str, Any], name: str, answer: str) -> float:
    number = value.get(name)
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 1:
        raise InvalidVerdictError(f"its {name} is {number!r}, not a number from 0 to 1", answer)
    return float(number)
