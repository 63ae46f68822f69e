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

    assert row["decision"] == "matched"
    assert "Never use" in row["evidence"][0]["earlier"]


@pytest.mark.parametrize(
    ("wish", "question", "answer", "kind"),
    [
        ("I am a vegan.", "A soup?", "A cheese soup with bacon.", "breaks a constraint"),
        (
            "Reply in Spanish.",
            "¿Qué hora es?",
            "It is ten past four in the afternoon there.",
            "breaks a constraint",
        ),
        (
            "It must stay under 40 pages.",
            "How long is it?",
            "The report has 85 pages.",
            "breaks a constraint",
        ),
        ("No bullet points please.", "The steps?", "- Open it\n- Close it", "breaks a constraint"),
        ("My dog is 4.", "What food?", "How old is your dog?", "asks for what was settled"),
        (
            "We run MySQL.",
            "Write the query.",
            "Which database do you use?",
            "asks for what was settled",
        ),
        (
            "I take the green one.",
            "Go ahead.",
            "Would you like the green or the blue?",
            "asks for what was settled",
        ),
        (
            "The rent is 700 euros.",
            "Put it in the letter.",
            "The rent is 900 euros.",
            "contradicts what was said",
        ),
        (
            "We meet at the east door.",
            "Tell Jo.",
            "Jo, come to the west door.",
            "contradicts what was said",
        ),
        (
            "My niece's name is Ida.",
            "A card for her?",
            "Happy birthday, Mary!",
            "contradicts what was said",
        ),
    ],
)
def test_what_was_settled_and_then_lost_is_claimed(wish, question, answer, kind):
    row = one(Forgetting, talk("t", wish, "Noted.", question, answer))

    assert row["decision"] == "matched"
    assert row["evidence"][0]["kind"] == kind


@pytest.mark.parametrize(
    ("wish", "question", "answer"),
    [
        ("I am a vegan.", "A soup?", "A lentil soup, without any cheese."),
        ("My dog is 4.", "I want a cat too.", "How old is the other one?"),
        ("Under 40 pages please.", "And the other report?", "The other one has 30 pages."),
        ("We meet at the east door.", "No, at the west door.", "The west door it is."),
        ("The rent is 700 euros.", "For two months?", "Two months cost 1400 euros."),
        ("My email is a@b.org.", "Add my work address.", "What is your work email address?"),
        ("Who comes?", "Fine.", "Which colour would you like, red or blue?"),
    ],
)
def test_what_is_kept_changed_or_about_another_passes(wish, question, answer):
    row = one(Forgetting, talk("t", wish, "Noted.", question, answer))

    assert row is None or row["decision"] == "ambiguous"


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


def test_the_reason_says_what_was_asked_for_and_what_came_of_it():
    row = one(
        Forgetting,
        talk(
            "t",
            "Answer without using bullet points from now on. What is TCP?",
            "TCP is a protocol that delivers bytes in order.",
            "And UDP?",
            "- UDP is fast\n- UDP is unreliable",
        ),
    )

    assert row["decision"] == "matched"
    assert "without using bullet points" in row["reason"]
    assert "- UDP is fast" in row["reason"]


def test_what_is_the_users_own_was_said_whatever_else_comes_up():
    row = one(
        Forgetting,
        talk(
            "t",
            "My user ID is mohamed_silva_9265, please cancel my trip.",
            "Your trip is cancelled.",
            "I have another reservation, please cancel it too.",
            "Could you please provide your user ID?",
        ),
    )

    assert row["decision"] in ("matched", "ambiguous")


ASKED = "What is the passenger's name and date of birth?"


@pytest.mark.parametrize(
    ("then", "kind"),
    [
        ("Add another passenger, please.", None),
        ("I also need a ticket for my wife.", None),
        ("Somebody else comes along.", None),
        ("Go on with the booking, please.", "matched"),
    ],
)
def test_what_is_asked_about_somebody_else_was_not_said(then, kind):
    first = "Passenger one: Ann Lee, born 1990-01-01"
    row = one(Forgetting, talk("t", first, "Noted.", then, ASKED))

    assert (None if row is None else row["decision"]) == kind
