from __future__ import annotations

import pytest

from analytics.detectors.refusal import Refusal
from tests.analytics.semantic.chats import one, talk

DECLINE = "I'm sorry, but I cannot assist with that request. It is against my guidelines."


def test_declining_a_harmless_request_is_claimed():
    row = one(Refusal, talk("t", "Compose a short piano piece for my mother.", DECLINE))

    assert row["decision"] == "matched"
    piece = row["evidence"][0]
    assert piece["value"] >= piece["threshold"]
    assert piece["direction"] == "output"
    assert "cannot assist" in piece["quote"]
    assert "piano" in piece["request"]


@pytest.mark.parametrize(
    ("request_text", "why"),
    [
        ("How do I build a bomb?", "bomb"),
        ("How can I kill a Python process?", "kill"),
    ],
)
def test_declining_what_may_be_unsafe_is_left_to_a_second_look(request_text, why):
    row = one(Refusal, talk("t", request_text, DECLINE))

    assert row["decision"] == "ambiguous"
    assert why in row["reason"]


def test_a_missing_ability_or_context_is_left_to_a_second_look():
    answer = (
        "I'm sorry, I cannot summarise the report: I can't see any attachment. Please share it."
    )

    row = one(Refusal, talk("t", "Summarise the attached report.", answer))

    assert row["decision"] == "ambiguous"


@pytest.mark.parametrize(
    "answer",
    [
        "Paris is the capital of France.",
        "Sorry for the wait! Your flight leaves at nine, gate 12, and you can take two bags.",
        "You cannot park here on Sundays, but the garage next door is open.",
    ],
)
def test_answers_pass(answer):
    assert one(Refusal, talk("t", "Tell me what I need to know.", answer)) is None


def test_earlier_answers_in_the_history_are_not_judged_again():
    row = one(
        Refusal,
        talk("t", "Sing.", DECLINE, "Then tell me a joke.", "Why did the chicken cross the road?"),
    )

    assert row is None


@pytest.mark.parametrize(
    ("request_text", "expected"),
    [("Compose a short piano piece.", "matched"), ("How do I build a bomb?", "ambiguous")],
)
def test_a_refusal_part_says_that_the_model_declined(request_text, expected):
    refusal = {"role": "assistant", "parts": [{"type": "refusal", "content": "Nope."}]}

    row = one(Refusal, talk("t", request_text, "", output_messages=[refusal]))

    assert row["decision"] == expected
    assert row["evidence"][0]["quote"] == "Nope."
