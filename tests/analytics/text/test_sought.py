"""Expressions that are tried only where their words stand, and texts that are read once."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from analytics.text import attributes, facts, settled, slots, wishes
from analytics.text.readings import Once
from analytics.text.sought import Glance, Sought

_ODD = (
    "Fir\u017ft of all, no \u017ftairs and no peanut\u017f.",
    "do not \u0131nclude bullets; I'm all\u0131ntoleran",
    "\u0130n march, \u0130T COSTS 5 EUROS",
    "metr\u0131c un\u0131ts, 5 \u212am, at 7 PM",
    "PORT 8080 ON FRIDAY, 3 NIGHTS",
    "",
)
"""Letters that expressions without case take for others."""


def _expressions() -> list[Sought]:
    found = [sought for sought, _ in settled.DIETS]
    for module in (attributes, facts, slots, wishes):
        for value in vars(module).values():
            each = value.values() if isinstance(value, dict) else [value]
            found += [one for one in each if isinstance(one, Sought)]
    return found


def _texts() -> list[str]:
    lines = [
        line
        for place in sorted((Path(__file__).parent / "samples").rglob("*.jsonl"))
        for line in place.read_text(encoding="utf-8").splitlines()
    ]
    return [
        *_ODD,
        *sorted({value for line in lines for value in _strings(json.loads(line))})[:2000],
    ]


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value
    is_nested = isinstance(value, dict | list)
    return [text for one in inner for text in _strings(one)] if is_nested else []


def test_an_expression_is_found_where_it_is_found_without_a_look_at_its_words():
    occurring = 0
    glances = [Glance(text) for text in _texts()]
    expressions = _expressions()
    assert len(expressions) > 35
    for sought in expressions:
        for glance in glances:
            plain = [match.span() for match in sought.expression.finditer(glance.text)]
            assert [match.span() for match in sought.finditer(glance)] == plain
            occurring += bool(plain)
    assert occurring > 50


@pytest.mark.parametrize(
    ("sought", "text", "is_possible"),
    [
        (Sought(r"\bno stairs"), "There are No Stairs.", True),
        (Sought(r"\bno stairs"), "There are stairs.", False),
        (Sought(r"\b\d+ ?km", number=r"\d ?km"), "a few km", False),
        (Sought(r"\b\d+ ?km", number=r"\d ?km"), "12 miles", False),
        (Sought(r"\b\d+ ?km", number=r"\d ?km"), "12 KM", True),
        (Sought(r"(?:\d+|seven)th", words=("seven",), number=r"\dth"), "the seventh", True),
        (Sought(r"(?:\d+|seven)th", words=("seven",), number=r"\dth"), "the 5th", True),
        (Sought(r"(?:\d+|seven)th", words=("seven",), number=r"\dth"), "the eighth 5", False),
        (Sought(r"a.?b"), "", True),
        (Sought(r"fi", words=("fi",), flags=re.IGNORECASE), "F\u0130", True),
    ],
)
def test_a_text_without_the_words_is_not_tried(sought, text, is_possible):
    assert sought.is_possible(Glance(text)) is is_possible


def test_what_a_text_says_is_worked_out_once():
    asked = []
    lengths = Once(lambda text: asked.append(text) or len(text))
    assert [lengths[text] for text in ("one", "three", "one")] == [3, 5, 3]
    assert asked == ["one", "three"]
