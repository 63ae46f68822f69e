from __future__ import annotations

import pytest

from analytics.detectors.frustration import Frustration
from tests.analytics.semantic.chats import one, talk


def test_restating_a_request_and_complaining_is_claimed_with_both_turns():
    row = one(
        Frustration,
        talk(
            "t",
            "I need to change my flight to Oslo to the 14th of May.",
            "I can book a hotel in Oslo for you.",
            "No, I need to change my flight to Oslo to the 14th of May. You are not listening.",
            "Here are hotels in Oslo.",
        ),
    )

    assert row["decision"] == "matched"
    kinds = {piece["kind"] for piece in row["evidence"]}
    assert "restates an earlier message" in kinds
    restated = next(p for p in row["evidence"] if p["kind"].startswith("restates"))
    assert restated["similarity"] >= restated["threshold"]
    assert (restated["message"], restated["role"]) == (2, "user")


def test_plain_words_of_frustration_are_claimed():
    row = one(
        Frustration,
        talk(
            "t",
            "Where is my refund?",
            "Your refund is being processed.",
            "This is ridiculous, I already told you three times that it never came. "
            "What a waste of time.",
            "I understand.",
        ),
    )

    assert row["decision"] == "matched"


@pytest.mark.parametrize(
    "texts",
    [
        ("Which flights go to Oslo?", "Two.", "ok", "Anything else?"),
        ("Which flights go to Oslo?", "Two.", "And to Bergen?", "One."),
        ("WHY IS THE SKY BLUE??? TELL ME NOW!!!", "Because of scattering."),
        ("What the hell is a monad", "A monoid in the category of endofunctors."),
        ("Do you mean the morning one?", "Yes.", "No, the evening one please.", "Booked."),
        ("The useful word for annoying in French?", "Ennuyeux."),
    ],
)
def test_terse_loud_or_neutral_users_are_not_claimed(texts):
    row = one(Frustration, talk("t", *texts))

    assert row is None or row["decision"] == "ambiguous"


@pytest.mark.parametrize(
    "text",
    [
        "I'm deeply dissatisfied with how this was handled.",
        "Your instructions are useless.",
        "I have explained it four times now.",
        "Do you even look at the file?",
        "I don't believe you any more.",
        "I give up. I'll find someone else.",
    ],
)
def test_one_plain_sentence_to_the_assistant_is_enough(text):
    row = one(Frustration, talk("t", text, "Sorry."))

    assert row["decision"] == "matched"
    assert row["evidence"][0]["quote"] == text


@pytest.mark.parametrize(
    "text",
    [
        "My tenant is furious about the broken heating. Draft a calm answer.",
        "Translate 'I am sick of waiting, this is unacceptable' into Dutch.",
        'Label this review: "Useless product, I want my money back."',
        "What are the signs that a customer is annoyed?",
        "The traffic was horrible, so I am late. When is the next bus?",
    ],
)
def test_the_displeasure_of_others_is_not_the_users(text):
    assert one(Frustration, talk("t", text, "Here you are.")) is None


def test_insisting_on_a_word_of_ones_request_twice_is_noticed():
    row = one(
        Frustration,
        talk(
            "t",
            "Sort the list by price.",
            "Sorted by name.",
            "By price, not by name.",
            "Sorted by name, descending.",
            "PRICE. Please.",
            "Sorted by date.",
        ),
    )

    assert row["decision"] == "matched"
    insisting = [p for p in row["evidence"] if p["kind"] == "insists on an earlier request"]
    assert {piece["earlier"] for piece in insisting} == {"Sort the list by price."}


@pytest.mark.parametrize(
    "texts",
    [
        (
            "Show me the page 1 of it",
            "1",
            "Show me the page 2 of it",
            "2",
            "Show me the page 3 of it",
        ),
        ("Please cancel order 5.", "Sure?", "Yes, please cancel order 5.", "Done."),
        ("Cancel my order.", "Done.", "Thanks! No other order to cancel.", "Bye."),
    ],
)
def test_going_on_and_agreeing_say_nothing_again(texts):
    assert one(Frustration, talk("t", *texts, "Fine.")) is None


def test_a_frustrated_assistant_or_document_is_not_the_user():
    row = one(
        Frustration,
        talk(
            "t",
            "Write a rude letter.",
            "This is ridiculous, I already told you: useless, a waste of time!",
        ),
    )

    assert row is None


def test_a_message_doubled_by_the_framework_is_not_a_restatement():
    span = talk("t", "x", "y")
    import json

    message = {
        "role": "user",
        "parts": [{"type": "text", "content": "Please book the flight to Oslo for me."}],
    }
    span["input_messages"] = json.dumps([message, message])

    assert one(Frustration, span) is None


def test_a_session_of_single_turn_traces_is_read_across_its_traces():
    first = talk(
        "a", "Please move my booking to the 3rd of June.", "I can show hotels.", conversation_id="c"
    )
    second = talk(
        "b",
        "Please move my booking to the 3rd of June. This is so frustrating.",
        "Hotels?",
        at=60,
        conversation_id="c",
    )

    row = one(Frustration, first, second)

    assert row["decision"] == "matched"
    assert any(piece["kind"].startswith("restates") for piece in row["evidence"])


@pytest.mark.parametrize(
    "said",
    [
        "My boss is so frustrating and useless, I'm fed up with him. Write a resignation letter.",
        "My internet provider is terrible, I am so angry at them. Draft a complaint to them.",
        "Classify this review: The thing is useless and a waste of money, I am so disappointed.",
        "Translate to German: I am furious, this is unacceptable.",
    ],
)
def test_who_is_angry_with_others_is_not_claimed(said):
    row = one(Frustration, talk("t", "Hello", "Hi, how can I help?", said, "Here you are."))

    assert row is None or row["decision"] == "ambiguous"


@pytest.mark.parametrize(
    "said",
    [
        "Write the letter I asked for three times already, this is ridiculous.",
        "You never listen! My boss is waiting. Write the letter that I asked for.",
        "This is ridiculous. I'm fed up. Translate this: good morning",
        "My boss is angry with me because this is useless. I am so disappointed.",
    ],
)
def test_a_task_or_somebody_else_hides_no_frustration(said):
    row = one(Frustration, talk("t", "Hello", "Hi, how can I help?", said, "Here you are."))

    assert row["decision"] == "matched"
