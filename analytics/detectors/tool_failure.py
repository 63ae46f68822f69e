"""Whether a tool's result says, in its structure, that the call failed.

Words in free text prove nothing: shells, logs and web pages are full of "error" and "failed".
What counts is structure (an error field, a false success flag, a status) and, as the weakest
sign, a result whose very first words are an error's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from textwrap import shorten
from typing import Any

from analytics.messages import load

_Q = r'\\*"'
SIGNS = (
    rf'(?-i)"(?:ok|success){_Q}\s*:\s*(?:{_Q})?[Ff]alse\b',
    rf'(?-i)"(?:is_error|isError){_Q}\s*:\s*(?:{_Q})?[Tt]rue\b',
    rf'"status{_Q}\s*:\s*{_Q}\s*(?:error|fail)',
    (
        rf'(?-i)"(?:status|status_code|statusCode|http_status|httpStatus|code){_Q}\s*:\s*'
        rf"(?:{_Q})?[45]\d\d\b"
    ),
    rf'(?-i)"errors?{_Q}\s*:\s*(?:{_Q}[^\"\\]|\{{|\[\s*[^\]\s]|true|-?[1-9])',
    (
        r'(?-i)[\0"]\s*(?:Error\b|Traceback \(most recent|An error occurred while '
        r"|I encountered an error while |Encountered error:|MCP error -?\d"
        r"|[\w.]*(?:Error|Exception)\b\s*[:(])"
    ),
    r"(?-i)Fix the errors and try again",
)
"""Expressions over JSON text or plain text: without one, no result can be a failure.

They are looked for by :mod:`analytics.text.scanner`, where a text begins after a NUL byte.
"""

_FAILED_WORDS = {"error", "errored", "failed", "failure"}
_ENVELOPES = ("response", "result", "output", "content", "data", "body", "outputs", "kwargs")
_LEADING_ERROR = re.compile(
    r"\s*(?:Error\s*:|Error\s+-|Error executing\b|Error (?:invoking|calling|running) tool\b"
    r"|An error occurred while (?:running the tool|parsing tool arguments)\b"
    r"|I encountered an error while trying to use the tool\b|Encountered error:|MCP error -?\d+:"
    r"|Traceback \(most recent call last\)|Exception:"
    r"|(?:[\w.]+\.)?[A-Z][A-Za-z]*(?:Error|Exception)\b\s*[:(])"
)
# As HTTP clients write the status that they raise.
_CLIENT_ERROR = re.compile(
    r"\b4\d\d Client Error\b|\bClient error '4\d\d\b|\bHTTP Error 4\d\d\b"
    r"|\b[Ss]tatus(?: code)?:? 4\d\d\b"
)
_RETRY_PROMPT = re.compile(r"Fix the errors and try again\.?\s*$")
_RUNS_PROGRAMS = re.compile(
    r"bash|shell|terminal|exec|command|python|interpreter|console|subprocess", re.IGNORECASE
)
_SHOWS_TEXTS = re.compile(
    r"(?:^|[\W_])(?:read|cat|view|tail|head|grep|logs?|files?|fetch|browse|scrape)(?:$|[\W_])"
    r"|(?<![a-z])(?:Read|View|Tail|Grep|Logs?|Files?|Fetch|Browse|Scrape)(?![a-z])"
)
_MESSAGE_LINES_MAX = 2
_MESSAGE_KEYS = (
    "message",
    "error",
    "detail",
    "error_message",
    "reason",
    "description",
    "title",
    "content",
)
_SUBJECTS = frozenset(("title", "subject", "headline", "url", "link", "author"))
"""What has one of these was found: a page, a ticket, a mail. Its words are not the tool's."""

_SAID_CHARACTERS_MAX = 120
_HTTP_FAILURES = frozenset(int(status) for status in HTTPStatus if status >= 400)
_DEPTH_MAX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a result counts as failed."""

    sign: str
    """The structural sign: ``error``, ``success``, ``status``, ``is_error``, ``http``, ``text``."""
    detail: str
    """What the sign says, for the reason."""
    is_client_error: bool = False
    """An HTTP 4xx status: often expected behaviour of search-like tools."""
    is_textual: bool = False
    """Only the first words say so."""


def failure_of(result: str | None, tool_name: str | None = None) -> Failure | None:
    """The sign of failure in a tool's result; None when there is none."""
    if result is None:
        return None
    text = result.lstrip()
    if text[:1] in ("{", "[", '"'):
        found = _in_value(load(text), tool_name, 0)
        if found is not None:
            return found
    return _in_text(text, tool_name)


def _in_text(text: str, tool_name: str | None) -> Failure | None:
    if tool_name is not None and _RUNS_PROGRAMS.search(tool_name):
        return None
    is_long = len(text.strip().splitlines()) > _MESSAGE_LINES_MAX
    if is_long and tool_name is not None and _SHOWS_TEXTS.search(tool_name):
        # A log or a page may begin with an error; an error of the tool itself is short.
        return None
    if _LEADING_ERROR.match(text) or _RETRY_PROMPT.search(text):
        return Failure(
            sign="text",
            detail=text.splitlines()[0][:120],
            is_client_error=is_client_error(text.splitlines()[-1] if is_long else text),
            is_textual=True,
        )
    return None


def is_client_error(text: str) -> bool:
    """Whether the words of an error are those of an HTTP client about a status of 4xx."""
    return _CLIENT_ERROR.search(text) is not None


def _in_value(  # noqa: PLR0911  # One exit a shape.
    value: Any, tool_name: str | None, depth: int
) -> Failure | None:
    if depth > _DEPTH_MAX:
        return None
    if isinstance(value, str):
        text = value.lstrip()
        if text[:1] in ("{", "["):
            return _in_value(load(text), tool_name, depth + 1)
        return _in_text(text, tool_name) if depth <= 1 or tool_name is not None else None
    if isinstance(value, list):
        return _in_list([part for part in value if isinstance(part, dict)], tool_name, depth)
    if not isinstance(value, dict):
        return None
    found = _in_fields(value)
    if found is not None:
        return found
    for envelope in _ENVELOPES:
        if envelope in value:
            found = _in_value(value[envelope], tool_name, depth + 1)
            if found is not None and not (found.is_textual and _is_found_thing(value)):
                return found
    return None


def _is_found_thing(value: dict[str, Any]) -> bool:
    return not _SUBJECTS.isdisjoint(value)


def _in_list(parts: list[dict[str, Any]], tool_name: str | None, depth: int) -> Failure | None:
    texts = [part["text"] for part in parts if "text" in part and not _is_found_thing(part)]
    if texts:
        # The parts of one result, as the Model Context Protocol and Anthropic write them. Its first
        # words are those of the first part.
        found = [_in_value(text, tool_name, depth + 1) for text in texts]
        return next((f for n, f in enumerate(found) if f and not (n and f.is_textual)), None)
    # Several results: the call failed where every one of them did. A status may be of what was
    # looked up.
    each = [_in_fields(part) for part in parts]
    failed = [one for one in each if one is not None and one.sign != "status"]
    return failed[0] if failed and len(failed) == len(parts) else None


def _in_fields(value: dict[str, Any]) -> Failure | None:
    code = _http_status(value)
    if code is not None:
        detail = f"HTTP status {code}{_said(value)}"
        return Failure(sign="http", detail=detail, is_client_error=400 <= code < 500)
    for key in ("is_error", "isError"):
        if _is(value.get(key), wanted=True):
            return Failure(sign="is_error", detail=f"{key} is true{_said(value)}")
    for key in ("ok", "success"):
        if _is(value.get(key), wanted=False):
            return Failure(sign="success", detail=f"{key} is false{_said(value)}")
    status = value.get("status")
    if isinstance(status, str) and status.strip().lower() in _FAILED_WORDS:
        return Failure(sign="status", detail=f"status is {status!r}{_said(value)}")
    for key in ("error", "errors"):
        if _says_something(value.get(key)) and not _is_number(key, value[key]):
            return Failure(sign="error", detail=_named(key, value[key]))
    return None


def _is(value: Any, *, wanted: bool) -> bool:
    """Whether it is this truth value, also as the word that some write between quotes."""
    return value is wanted or (isinstance(value, str) and value in (str(wanted), _JSON[wanted]))


_JSON = {True: "true", False: "false"}


def _is_number(key: str, value: Any) -> bool:
    """Whether an error field holds a measure: a margin of error, or how many a check found."""
    if isinstance(value, bool):
        return False
    return isinstance(value, float) or (key == "errors" and isinstance(value, int))


def _named(key: str, error: Any) -> str:
    """An error field in words: its message where it has one."""
    first = error[0] if isinstance(error, list) and len(error) == 1 else error
    said = _said(first) if isinstance(first, dict) else ""
    return f"{key}{said}" if said else f"{key}: {str(first)[:_SAID_CHARACTERS_MAX]}"


def _said(value: dict[str, Any]) -> str:
    """What a failed result says beside its sign, after a colon; nothing when it says nothing."""
    for key in _MESSAGE_KEYS:
        said = value.get(key)
        if isinstance(said, list) and said and isinstance(said[0], dict):
            said = said[0].get("text")
        if isinstance(said, str) and said.strip():
            return f": {shorten(said, _SAID_CHARACTERS_MAX, placeholder=' …')}"
    return ""


def _http_status(value: dict[str, Any]) -> int | None:
    for key in ("status_code", "statusCode", "http_status", "httpStatus", "status", "code"):
        code = value.get(key)
        if isinstance(code, str) and code.isdigit() and len(code) == 3:
            code = int(code)
        if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600:
            if key not in ("status", "code"):
                return code
            # A plain number may be anything: an area, a product.
            told = ("error", "message", "headers", "body", "detail", "title")
            if code in _HTTP_FAILURES and any(name in value for name in told):
                return code
    return None


def _says_something(value: Any) -> bool:
    """Whether an error field holds an error: not null, false, zero, blank or 'none' throughout."""
    if isinstance(value, str):
        return value.strip().lower() not in ("", "none", "null", "no", "false", "0", "ok")
    if isinstance(value, dict):
        return any(_says_something(inner) for inner in value.values())
    return bool(value)
