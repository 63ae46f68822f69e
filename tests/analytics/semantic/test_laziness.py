from __future__ import annotations

import pytest

from analytics.detectors.laziness import Laziness
from tests.analytics.semantic.chats import one, talk


def test_placeholders_in_code_that_was_asked_for_in_full_are_claimed():
    code = "def parse(text):\n    # your code here\n    pass\n\n# rest of the functions"
    answer = f"```python\n{code}\n```"

    row = one(
        Laziness, talk("t", "Write the complete parser class in Python, all methods.", answer)
    )

    assert row["decision"] == "matched"
    assert "your code here" in row["evidence"][0]["quote"]


def test_far_fewer_words_than_asked_for_is_flagged_with_the_count():
    row = one(Laziness, talk("t", "Write an essay of 1000 words about Oslo.", "Oslo is nice. " * 5))

    assert row["decision"] in ("matched", "ambiguous")
    assert "15 of 1000 words" in row["reason"]


def test_far_fewer_items_than_asked_for_is_flagged():
    row = one(Laziness, talk("t", "Give me 20 names for a bakery.", "1. Crumb\n2. Loaf\n3. Rise"))

    assert "3 of 20 items" in row["reason"]


def test_pushing_the_work_back_alone_is_only_ambiguous():
    row = one(
        Laziness,
        talk("t", "Which trains leave Bern at nine?", "You can check the website of the railway."),
    )

    assert row["decision"] == "ambiguous"


@pytest.mark.parametrize(
    ("request_text", "answer"),
    [
        ("Summarise it in at most 100 words.", "Sales rose, costs fell."),
        ("What is the capital of France?", "Paris."),
        (
            "Read the attached file.",
            "I don't have access to the file; could you please provide it?",
        ),
        (
            "My screen is black.",
            "You can try holding the power button for ten seconds. "
            + "Then wait and look at the light. " * 12,
        ),
        ("Write a limerick.", "There was an old man of Peru."),
        ("Explain TODO comments.", "A TODO comment marks work that remains."),
    ],
)
def test_short_blocked_or_advising_answers_are_not_claimed(request_text, answer):
    assert one(Laziness, talk("t", request_text, answer)) is None


def test_cut_content_decides_nothing():
    row = one(Laziness, talk("t", "Give me 20 names.", "1. A", content_truncated=True))

    assert (row["decision"], row["skip_reason"]) == ("skipped", "truncated")
