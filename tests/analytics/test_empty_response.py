from __future__ import annotations

import json

import polars as pl
import pytest

from analytics.detectors.empty_response import evident, suspicious
from tests.analytics.contexts import one
from tests.analytics.spans import chat, span, tool

TOOL_CALL = [{"type": "tool_call", "id": "1", "name": "search", "arguments": {}}]


@pytest.mark.parametrize(
    "answer",
    [
        "",
        " \n\t ",
        "aaaa",
        "....",
        "***",
        "assistant:",
        "<|im_end|>",
        "null",
        "[placeholder]",
        "[answer]",
        "<your_response_here>",
        "{{ summary }}",
        "{}",
        "\u200b\u200d\ufeff",
        "<|start_header_id|>assistant<|end_header_id|>",
        "<start_of_turn>model",
        "[/INST]",
        "Human:",
        "```json\n```",
        "<answer></answer>",
        "(no content)",
    ],
)
def test_debris_is_no_answer(answer):
    assert one("empty_response", [chat("t", answer=answer)])[0] == "matched"


@pytest.mark.parametrize(
    "answer",
    [
        "Yes.",
        "42",
        "Oslo",
        "👍",
        "The answer is no, sadly.",
        "No",
        "a",
        "C++",
        "[Oslo]",
        "<br>",
        "user",
        "<T>",
    ],
)
def test_short_answers_are_answers(answer):
    assert one("empty_response", [chat("t", answer=answer)])[0] == "no_match"


def test_an_answer_of_unknown_times_is_looked_at():
    untimed = chat("t", answer="") | {"start_time": None, "end_time": None}

    assert one("empty_response", [untimed])[0] == "matched"
    assert one("empty_response", [untimed, chat("t", at=1)])[0] == "no_match"
    assert one("empty_response", [untimed, chat("t", answer="", at=1)])[0] == "matched"


LETTERS = "".join(map(chr, range(ord("a"), ord("z") + 1)))


@pytest.mark.parametrize(
    "contents",
    [
        ["The flights to Oslo leave at nine, at noon and at four, all from gate twelve."],
        ["Oslo"],
        ["m" * 200],
        ["M" * 100 + "an"],
        ["an" + "M" * 57],
        ["an" + "M" * 58],
        ["nana " * 12],
        ["A" * 58 + "na"],
        ["an", "m" * 80],
        ["m" * 80, "an"],
        ['"an" he said' + "?" * 80],
        ["Ü" * 58 + "an"],
        ["null", LETTERS * 3],
        [""],
        [],
    ],
)
@pytest.mark.parametrize("space", ["", " ", "  "])
@pytest.mark.parametrize("kind", ["text", "reasoning"])
def test_what_is_evident_at_one_look_is_not_suspicious(contents, space, kind):
    """One expression says no more than those that it stands for, and is of use for answers."""
    parts = [{"type": kind, "content": content} for content in contents]
    output = json.dumps([{"parts": parts}], ensure_ascii=False, separators=(",", f":{space}"))
    outputs = pl.Series([output, None])

    looked_at = outputs.to_frame("output_messages").select(suspicious()).to_series()

    assert not (evident(outputs) & looked_at).any()
    is_answer = bool(contents) and contents[0].startswith("The flights") and kind == "text"
    if is_answer and space != "  ":
        assert evident(outputs)[0]


def test_no_output_message_at_all_is_empty():
    call = chat("t", output_messages=[], output_tokens=0)

    assert one("empty_response", [call])[0] == "matched"


@pytest.mark.parametrize(
    "values",
    [
        {"answer": TOOL_CALL, "finish_reasons": ["tool_call"]},
        {"answer": "", "finish_reasons": ["content_filter"]},
        {"answer": "", "is_error": True, "error_type": "429"},
        {"answer": "", "operation_name": "embeddings"},
    ],
)
def test_calls_that_owe_no_text_are_left_alone(values):
    assert one("empty_response", [chat("t", **values)])[0] == "no_match"


def test_cut_content_is_skipped_not_judged():
    decision, row = one("empty_response", [chat("t", answer="", content_truncated=True)])

    assert (decision, row["skip_reason"]) == ("skipped", "truncated")


def test_tokens_without_text_mean_that_the_text_was_not_captured():
    call = chat("t", answer=[], output_tokens=11)

    decision, row = one("empty_response", [call])

    assert (decision, row["skip_reason"]) == ("skipped", "text_not_captured")


def test_only_what_nothing_followed_counts():
    root = span("t", "agent", seconds=9, operation_name="invoke_agent")
    step = chat("t", answer="", at=1, parent=root, name="first")
    followed = [root, step, tool("t", "search", at=3, parent=root), chat("t", at=5, parent=root)]

    assert one("empty_response", followed)[0] == "no_match"


def test_an_empty_object_is_an_answer_where_json_was_asked_for():
    assert one("empty_response", [chat("t", answer="{}", output_type="json")])[0] == "no_match"


def test_an_answer_of_unseen_marks_is_called_blank():
    _, row = one("empty_response", [chat("t", answer=" \u200b\u00a0", output_tokens=1)])

    assert row["reason"] == "The last answer is blank"


@pytest.mark.parametrize(
    "answer", ["\u2800", "\u3164 \u3164", "\u115f", "<p>&nbsp;</p>", "<div><br/></div>"]
)
def test_what_shows_nothing_is_no_answer(answer):
    assert one("empty_response", [chat("t", answer=answer)])[0] == "matched"


THOUGHT = "<think>They ask about flights to Oslo, so all of them are to be listed now."


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (f"{THOUGHT}</think>\n\n", "matched"),
        (THOUGHT, "matched"),
        (f"{THOUGHT}</think>\nSAS flies daily.", "no_match"),
        ("The tag <think> opens what the model thinks, and </think> closes it again.", "no_match"),
        (f"{THOUGHT}</think>SAS.<think>Is that all? Yes, quite sure of it.</think>", "no_match"),
    ],
)
def test_reasoning_in_the_text_is_no_answer(answer, kind):
    assert one("empty_response", [chat("t", answer=answer)])[0] == kind


def test_a_step_that_thinks_and_calls_a_tool_owes_no_text():
    parts = [
        {"type": "text", "content": f"{THOUGHT}</think>"},
        {"type": "tool_call", "id": "1", "name": "search", "arguments": {}},
    ]

    assert one("empty_response", [chat("t", answer=parts)])[0] == "no_match"


@pytest.mark.parametrize("output_type", ["image", "speech"])
def test_a_picture_or_a_voice_is_owed_no_text(output_type):
    row = chat("t", output_type=output_type, output_messages=None, output_tokens=0)

    assert one("empty_response", [row])[0] == "no_match"
