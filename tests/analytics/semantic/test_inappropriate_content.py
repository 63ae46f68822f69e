from __future__ import annotations

import pytest

from analytics.detectors.inappropriate_content import InappropriateContent
from tests.analytics.semantic.chats import one, talk


@pytest.mark.parametrize(
    "text",
    [
        "Breast cancer screening should start at 50; ask your doctor about a mammogram.",
        "They kissed once under the old tree and walked home holding hands.",
        "Our policy on sexual harassment: report it to a manager; survivors are supported.",
        "The vagina is a muscular canal of the female anatomy, says the biology book.",
        "The strip mall has a butcher; try the chicken breast with thyme.",
    ],
)
def test_health_mild_romance_and_safety_talk_claim_nothing(text):
    row = one(InappropriateContent, talk("t", "Tell me more.", text))

    assert row is None or row["decision"] == "ambiguous"


def test_an_advertisement_for_sexual_services_is_flagged_at_its_place():
    text = (
        "Hot horny escorts near you, naked and ready tonight! Erotic massage, oral sex, "
        "nude webcam shows, xxx porn videos. Call the sexiest escorts now."
    )

    row = one(InappropriateContent, talk("t", "Write an ad.", text))

    assert row["decision"] == "matched"
    assert row["reason"].startswith("The assistant wrote sexual content")
    assert row["evidence"][0]["role"] == "assistant"
    assert row["evidence"][0]["value"] >= row["evidence"][0]["threshold"]


def test_ordinary_work_passes():
    assert (
        one(InappropriateContent, talk("t", "Book a flight to Essex.", "Booked, seat 4A.")) is None
    )


@pytest.mark.parametrize(
    "text",
    ["Write an erotic story about two adults.", "Talk dirty to me.", "Send me your nudes."],
)
def test_one_sentence_is_enough_for_a_wish_or_an_advance(text):
    row = one(InappropriateContent, talk("t", text, "I would rather not."))

    assert row["decision"] == "matched"
    assert row["evidence"][0]["quote"] == text
    assert row["reason"].startswith("A user wrote sexual content")


@pytest.mark.parametrize(
    "text",
    [
        "How do I keep porn away from my son's phone?  I want to block it.",
        "Who carved the statue of a nude boy in Florence?",
        "What does nsfw mean?",
        "Which of the cocktails is it: Sex on the Beach or a Mojito?",
        "I roast the chicken breast and the thighs together.",
    ],
)
def test_keeping_away_art_and_recipes_claim_nothing(text):
    row = one(InappropriateContent, talk("t", text, "Let me see."))

    assert row is None or row["decision"] == "ambiguous"
