from __future__ import annotations

import pytest

from analytics.detectors.forgetting import Forgetting
from tests.analytics.semantic.chats import one, talk


def test_asking_again_for_a_given_address_and_being_told_so_is_claimed():
    row = one(
        Forgetting,
        talk(
            "t",
            "Cancel my order. My email is ann@example.com.",
            "Sure. Could you please provide your email address?",
            "I already told you, it is ann@example.com.",
            "Thanks. What is your email address?",
        ),
    )

    assert row["decision"] == "matched"
    asked = next(p for p in row["evidence"] if p["kind"] == "asks for what was given")
    assert asked["slot"] == "email address"
    assert "ann@example.com" in asked["earlier"]


def test_the_same_question_after_an_answer_is_worth_a_second_look():
    row = one(
        Forgetting,
        talk(
            "t",
            "I want to plan a dinner.",
            "How many guests will come to the dinner?",
            "Eight people.",
            "Great. And how many guests will come to the dinner?",
        ),
    )

    assert row["decision"] in ("ambiguous", "matched")
    assert row["evidence"][0]["kind"] == "asks a question again"
    assert "Eight" in row["evidence"][0]["answer"]


def test_a_broken_wish_is_quoted_with_the_wish():
    row = one(
        Forgetting,
        talk(
            "t",
            "Never use the word synergy.",
            "Understood.",
            "Write a slogan for the merger.",
            "Synergy that moves you.",
        ),
    )

    assert row["decision"] == "ambiguous"
    assert "Never use" in row["evidence"][0]["earlier"]


@pytest.mark.parametrize(
    "texts",
    [
        ("My email is ann@example.com.", "What is your email address?"),
        ("Book a table.", "For when?", "I don't know yet.", "For when would you like the table?"),
        ("Book a table.", "What is your email address?", "ann@example.com", "Booked."),
        (
            "Cancel it, my email is a@b.org.",
            "Shall I confirm the cancellation to your email?",
            "Yes.",
            "Done.",
        ),
    ],
)
def test_single_exchanges_unanswered_questions_and_confirmations_pass(texts):
    assert one(Forgetting, talk("t", *texts)) is None


def test_cut_content_decides_nothing():
    row = one(
        Forgetting,
        talk(
            "t",
            "My email is a@b.org.",
            "Hi.",
            "Go on.",
            "Please provide your email address.",
            content_truncated=True,
        ),
    )

    assert (row["decision"], row["skip_reason"]) == ("skipped", "truncated")
