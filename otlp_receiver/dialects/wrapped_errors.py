"""The error that happened, where a library reports its own error about it.

Pydantic AI turns whatever a tool raises into a request to try again, the Vercel AI SDK into an
error of its own, Google's ADK into a code. What was raised stands in the stack trace, in the event
before, or in the answer that the tool gave.
"""

from __future__ import annotations

import re

import polars as pl

from otlp_receiver.dialects.error_types import error_type_of

_WRAPPERS = frozenset(("ToolRetryError", "AI_ToolExecutionError", "ToolExecutionError"))
"""Classes of errors that only say that a tool raised another one."""

_CHAINED = (
    "\n\nDuring handling of the above exception",
    "\n\nThe above exception was the direct cause",
)
"""How Python strings the stack traces of errors that led to one another, the first one first."""

_RAISED = re.compile(
    r"Traceback \(most recent call last\):\n(?:[ \t][^\n]*\n|\n)+([A-Za-z_][\w.]*)(?=:|\n|$)"
)
"""A stack trace's frames are indented; the line behind them names the class."""

CODES = ("TOOL_ERROR", "MCP_TOOL_ERROR", "tool_error")
"""Error types that say no more than that a tool failed."""


def is_wrapper(error_type: str) -> bool:
    """Whether a class only says that a tool raised another error."""
    return error_type.rsplit(".", 1)[-1] in _WRAPPERS


def raised_first(stack_trace: str) -> str | None:
    """The class of the error that led to the others of a stack trace; None when there is one."""
    ends = [end for mark in _CHAINED if (end := stack_trace.find(mark)) >= 0]
    if not ends:
        return None
    match = _RAISED.search(stack_trace[: min(ends)])
    return None if match is None else match[1]


def named_in_answer(answer: pl.Expr) -> pl.Expr:
    """The class that a failed tool's answer names: a text, or what stands under ``error``."""
    said = answer.str.extract(r'^\{(?:"[^"\\]*":"[^"\\]*",)*"error":\s*"([^"\\]*)')
    return error_type_of(pl.coalesce(said, answer.str.extract(r'^"([^"\\]*)')))
