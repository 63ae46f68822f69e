"""Errors of tools that a library reports as an error of its own."""

from __future__ import annotations

import json

import pytest

from otlp_receiver.dialects.wrapped_errors import raised_first
from tests.otlp_receiver.otlp_requests import span_of

TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "lookup"}
CHAINED = (
    "Traceback (most recent call last):\n"
    '  File "a.py", line 1, in lookup\n'
    "    raise ValueError(msg)\n"
    "shop.errors.NoSuchOrder: order A-1\nis not there\n"
    "\nDuring handling of the above exception, another exception occurred:\n\n"
    "Traceback (most recent call last):\n"
    '  File "b.py", line 2, in call\n'
    "pydantic_ai.exceptions.ModelRetry: order A-1\n"
    "\nThe above exception was the direct cause of the following exception:\n\n"
    "Traceback (most recent call last):\n"
    '  File "c.py", line 3, in call\n'
    "pydantic_ai.exceptions.ToolRetryError: order A-1\n"
)


def exception(kind: str, stack_trace: str = "") -> dict:
    attributes = {"exception.type": kind, "exception.stacktrace": stack_trace}
    return {"name": "exception", "attributes": attributes}


@pytest.mark.parametrize(
    ("events", "error_type"),
    [
        ([exception("pydantic_ai.exceptions.ToolRetryError", CHAINED)], "shop.errors.NoSuchOrder"),
        (
            [exception("pydantic_ai.exceptions.ToolRetryError")],
            "pydantic_ai.exceptions.ToolRetryError",
        ),
        ([exception("ToolRetryError", "Traceback")], "ToolRetryError"),
        ([exception("KeyError", CHAINED)], "KeyError"),
        ([exception("RangeError"), exception("AI_ToolExecutionError")], "RangeError"),
        ([exception("AI_ToolExecutionError"), exception("RangeError")], "RangeError"),
        ([exception("ValueError"), exception("TimeoutError")], "TimeoutError"),
    ],
)
def test_what_a_tool_raised_stands_above_the_librarys_error_about_it(events, error_type):
    assert span_of(TOOL, status=2, events=events)["error_type"] == error_type


@pytest.mark.parametrize(
    ("code", "answer", "error_type"),
    [
        ("TOOL_ERROR", {"status": "error", "error": "ValueError: order A-1"}, "ValueError"),
        ("tool_error", "KeyError: 'A-1'", "KeyError"),
        ("TOOL_ERROR", {"status": "error"}, "TOOL_ERROR"),
        ("TOOL_ERROR", {"error": "order A-1 is not there"}, "TOOL_ERROR"),
        ("TOOL_ERROR", None, "TOOL_ERROR"),
        ("OrderError", {"error": "ValueError: order A-1"}, "OrderError"),
    ],
)
def test_a_code_is_made_the_error_that_the_tools_answer_names(code, answer, error_type):
    said = {} if answer is None else {"gen_ai.tool.call.result": json.dumps(answer)}

    span = span_of(TOOL | {"error.type": code} | said, status=2)

    assert span["error_type"] == error_type
    assert ("error.type" in json.loads(span["attributes"])) == (code != error_type)


def test_a_long_text_that_is_no_stack_trace_names_no_error():
    text = "Traceback (most recent call last):\n" + "  x\n" * 500_000

    assert raised_first(text) is None
    assert raised_first(text + "\n\nDuring handling of the above exception") is None
