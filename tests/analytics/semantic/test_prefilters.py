from __future__ import annotations

import json
import random
import re

import polars as pl
import pytest

from analytics.detectors.prefilters import (
    ASKED_TO_COUNT,
    COUNTED,
    ODD_END,
    OF_A_POLICY,
    PREFILTERS,
    hits,
    inputs_of,
)
from analytics.text.scanner import Scanner

WORDS = (  # noqa: SIM905  # A list of words reads best as words.
    "flight refund ticket Ignore DAN assistant must now sorry Again 12 words for list 5 naked \\ "
    "as an AI model {]} !!(( --x]] ??? insert the tell user you can 120 pages strip \uff46ull "
    "zero\u200bwidth"
).split(" ")


def conversations(seed, count=300):
    """Traces of calls that repeat what was said before, some of them with an odd ending."""
    chance = random.Random(seed)
    rows = []

    def text():
        return " ".join(chance.choices(WORDS, k=chance.randint(0, 9)))

    for trace in range(count):
        told = []
        for call in range(chance.randint(0, 4)):
            role = chance.choice(["user", "user", "User", "assistant"])
            told.append({"role": role, "parts": [{"type": "text", "content": text()}]})
            if chance.random() < 0.2:
                told = told[-1:]
            rows.append(
                {
                    "trace_id": f"{trace:032x}",
                    "start_time": chance.randint(0, 5) if chance.random() < 0.2 else 10 * call,
                    "input_messages": chance.choice(
                        [
                            json.dumps(told, ensure_ascii=False),
                            json.dumps(told, indent=1),
                            text(),
                            None,
                        ]
                    ),
                    "output_messages": chance.choice([json.dumps([text()]), None]),
                    "tool_result": chance.choice([text(), None, None]),
                }
            )
    return pl.DataFrame(rows).sample(fraction=1.0, shuffle=True, seed=seed)


def asked_one_by_one(spans):
    """Every expression over every text, by Python's own engine and without any short cut."""
    asked = {
        detector: {
            column: [re.compile(pattern.encode(), re.IGNORECASE) for pattern in patterns]
            for column, patterns in columns.items()
        }
        for detector, columns in PREFILTERS.items()
    }
    user_turn = re.compile(rb'"role":\s?"user"')
    found = {detector: set() for detector in PREFILTERS}
    for row in spans.iter_rows(named=True):
        trace_id, told = row["trace_id"], row["input_messages"] or ""
        for detector, columns in asked.items():
            if any(
                expression.search((row[column] or "").encode())
                for column, expressions in columns.items()
                for expression in expressions
            ):
                found[detector].add(trace_id)
        if len(user_turn.findall(told.encode())) > 1:
            found["frustration"].add(trace_id)
            found["forgetting"].add(trace_id)
    odd = spans.filter(pl.col("input_messages").str.contains(ODD_END).fill_null(value=False))
    found["jailbreaking"].update(odd["trace_id"])
    return found


def test_reading_each_text_once_finds_what_every_expression_alone_finds():
    spans = pl.concat(
        conversations(seed).with_columns(pl.col("trace_id") + str(seed)) for seed in range(4)
    )

    found = hits(spans, inputs_of(spans))

    expected = asked_one_by_one(spans)
    assert {name: set(found.filter(name)["trace_id"]) for name in PREFILTERS} == expected
    assert all(len(traces) > 20 for traces in expected.values())


def test_spans_without_content_hit_nothing():
    spans = conversations(1).with_columns(
        pl.lit(None, pl.String).alias(name)
        for name in ("input_messages", "output_messages", "tool_result")
    )

    assert hits(spans, inputs_of(spans)).is_empty()


PLAIN = {
    r"(?:your|safety|ethic\w*|moral\w*|content|openai)(?: [\w\x80-\xff]+){0,3} polic": OF_A_POLICY,
    r"\d ?-?(?:word|page|paragraph|item|example|idea|step|reason|way|tip|question|bullet)": COUNTED,
    r"(?:name|list|write|give|suggest|find)(?: me)? \d": (ASKED_TO_COUNT,),
}
"""Expressions as one would write them, and those that are looked for instead."""

FRAGMENTS = (  # noqa: SIM905  # A list of words reads best as words.
    "your Safety ethics ethical morals content openai contents policy Polic policies the new "
    "\u00e9t\u00e9 12 7 words page 3-way tip steps name list write me give of 5 7-"
).split(" ")


@pytest.mark.parametrize("plain", PLAIN)
def test_expressions_written_for_speed_find_what_the_plain_one_finds(plain):
    chance = random.Random(plain)
    texts = pl.Series(
        chance.choice(["", "-", "."]).join(
            " ".join(chance.choices(FRAGMENTS, k=chance.randint(0, 7))) for _ in range(2)
        )
        for _ in range(3000)
    )
    expression = re.compile(plain.encode(), re.IGNORECASE)

    found = set(Scanner(PLAIN[plain]).found(texts)["row"])

    assert found == {row for row, text in enumerate(texts) if expression.search(text.encode())}
    assert 300 < len(found) < 2900


def test_an_odd_end_is_one_in_letters_and_marks_of_any_script():
    chance = random.Random(5)
    pieces = [
        "]({",
        "!!",
        ";)",
        "--",
        "x",
        "caf\u00e9",
        "\u4f60",
        "\u3002\u3002",
        "\u2026",
        " ",
        "\u3000",
    ]
    texts = pl.Series(
        "Flights to Oslo " + "".join(chance.choices(pieces, k=chance.randint(6, 14)))
        for _ in range(4000)
    )
    spans = pl.DataFrame(
        {"trace_id": [f"{row:032x}" for row in range(len(texts))], "input_messages": texts}
    ).with_columns(
        start_time=pl.lit(0),
        output_messages=pl.lit(None, pl.String),
        tool_result=pl.lit(None, pl.String),
    )

    found = hits(spans, inputs_of(spans)).filter("jailbreaking")

    expected = spans.filter(texts.str.contains(ODD_END))["trace_id"]
    assert found["trace_id"].sort().equals(expected)
    assert 300 < len(expected) < 3700


def test_a_result_that_spans_of_a_trace_tell_twice_counts_for_each_trace_that_tells_it():
    spans = pl.DataFrame(
        {
            "trace_id": ["a", "a", "b", "b", "c", "c"],
            "start_time": 0,
            "tool_result": ["Ignore it", "Ignore it", "Ignore it", None, "Two seats", "Ignore it"],
        }
    ).with_columns(input_messages=pl.lit(None, pl.String), output_messages=pl.col("tool_result"))

    found = hits(spans, inputs_of(spans)).filter("jailbreaking")

    assert sorted(found["trace_id"]) == ["a", "b", "c"]
