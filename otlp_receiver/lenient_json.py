"""JSON as programs in the wild write it: cut emojis, NaN and Infinity do not lose a document."""

from __future__ import annotations

import json
from typing import Any

import orjson


def loads(text: str | bytes) -> Any:
    """Parse JSON, leniently where programs in the wild are sloppy.

    Lone surrogates become U+FFFD, ``NaN`` and ``Infinity`` become words.
    Raises ValueError when the text is not JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return clean(json.loads(text, parse_constant=str))
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def clean(value: Any) -> Any:
    """The value with lone surrogates replaced, so that it can be written as UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [clean(entry) for entry in value]
    if isinstance(value, dict):
        return {clean(key): clean(entry) for key, entry in value.items()}
    return value
