"""Conversations that calls repeat: read once, and told as if each call had been read alone."""

from __future__ import annotations

import json

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from analytics.messages import MESSAGES, explode_messages

COLUMNS = {
    "trace_id": pl.String(),
    "span_id": pl.String(),
    "start_time": pl.Int64(),
    "is_model_call": pl.Boolean(),
    "system_instructions": pl.String(),
    "input_messages": pl.String(),
    "output_messages": pl.String(),
}


def calls(inputs, outputs=None, trace="t"):
    """Model calls of one trace, one after the other, that were told these texts."""
    outputs = outputs or [None] * len(inputs)
    rows = [
        (trace, f"s{place}", place, True, '["Be brief"]', *texts)
        for place, texts in enumerate(zip(inputs, outputs, strict=True))
    ]
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def one_by_one(spans):
    """The rows of each call read for itself; what earlier calls carried is worked out anew."""
    found, seen = [], set()
    for number in range(spans.height):
        rows = explode_messages(spans[number : number + 1]).rows(named=True)
        said = [
            (
                row["role"],
                row["part_type"],
                row["tool_arguments"] if row["text"] is None else row["text"],
            )
            for row in rows
        ]
        for row, identity in zip(rows, said, strict=True):
            found.append(row | {"is_repeat": row["direction"] != "output" and identity in seen})
        seen.update(said)
    return pl.DataFrame(found, schema=MESSAGES)


MESSAGE = st.sampled_from(
    [
        {"role": "user", "parts": [{"type": "text", "content": "Go on"}]},
        {"role": "user", "content": 'say "]" and "[,"'},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c", "name": "f"}]},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "content": "]"}]},
        {"role": "assistant", "parts": []},
        "no message",
        [],
        None,
    ]
)
ENDS = st.sampled_from(["", "", "", " ", ",]", "]", ", null]", ",[]]", ', {"role": "user"}]', "x"])


@st.composite
def conversations(draw):
    """Texts of inputs that mostly begin with the one before; some are no JSON."""
    messages, texts = [], []
    separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    for _ in range(draw(st.integers(1, 5))):
        if draw(st.sampled_from([False] * 5 + [True])):
            messages = []
        messages = messages + draw(st.lists(MESSAGE, max_size=2))
        text = json.dumps(messages, separators=separators)
        end = draw(ENDS)
        texts.append(text.removesuffix("]") + end if end not in ("", " ") else text + end)
    return draw(st.permutations(texts)) if draw(st.booleans()) else texts


@given(
    inputs=conversations(), answer=st.sampled_from([None, '[{"role":"user","content":"Go on"}]'])
)
def test_a_conversation_reads_as_its_calls_do_one_by_one(inputs, answer):
    spans = calls(inputs, [answer] * len(inputs))
    assert explode_messages(spans).equals(one_by_one(spans))


def test_what_another_trace_told_is_no_repetition():
    told = '[{"role":"user","content":"Go on"}]'
    spans = pl.concat([calls([told], trace="a"), calls([told, told], trace="b")])
    asked = explode_messages(spans).filter(pl.col("direction") == "input")
    assert asked["is_repeat"].to_list() == [False, False, True]


def test_calls_without_messages_give_no_rows():
    found = explode_messages(calls([None, None]))
    assert found.is_empty()
    assert found.schema == MESSAGES
