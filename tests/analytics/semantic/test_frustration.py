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
