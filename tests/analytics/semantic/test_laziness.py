from __future__ import annotations

import pytest

from analytics.detectors.laziness import Laziness
from tests.analytics.semantic.chats import one, talk
from tests.analytics.spans import tool


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


@pytest.mark.parametrize(
    ("request_text", "answer", "kind"),
    [
        (
            "Port the three modules to Rust.",
            "fn main() {} // port the other modules here",
            "placeholder in code",
        ),
        (
            "Translate the four verses.",
            "The first verse: The sun is up. The rest works in the same way.",
            "leaves the rest out",
        ),
        (
            "Find the mean of 3, 9 and 12.",
            "You could load the numbers in a spreadsheet and use a formula.",
            "pushes the work back",
        ),
        (
            "Check my text for errors: 'He go home.'",
            "There are some errors here and there.",
            "stays vague",
        ),
        (
            "Compare the two contracts that I attached.",
            "Without reading them in full: the first one.",
            "will not look",
        ),
    ],
)
def test_one_plain_way_to_leave_work_undone_is_claimed(request_text, answer, kind):
    row = one(Laziness, talk("t", request_text, answer))

    assert row["decision"] == "matched"
    assert row["evidence"][0]["kind"] == kind


@pytest.mark.parametrize(
    ("request_text", "answer"),
    [
        ("How can I find a good dentist?", "You could check the reviews and ask neighbours."),
        ("Give me a template with placeholders.", "Dear [insert name], ..."),
        ("Write a stub of the class for me.", "class A:\n    # your code here\n    pass"),
        ("Write to Ann.", "I can't write to Ann: which address should I use?"),
        ("Explain in full detail how a still for whisky is built.", "I'd rather not explain that."),
    ],
)
def test_advice_templates_and_what_is_missing_are_no_laziness(request_text, answer):
    assert one(Laziness, talk("t", request_text, answer)) is None


def test_pushing_the_work_back_is_only_ambiguous_where_no_task_was_set():
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


FIXED = (
    "```python\n# ... existing code ...\n    return total + 1\n# ... rest of your class ...\n```"
)


@pytest.mark.parametrize(
    ("request_text", "answer"),
    [
        ("Fix the bug in this function: def f(x): return x + 1", f"Change one line:\n{FIXED}"),
        ("Name 5 colors", "red and green and blue and white and black"),
        ("List 10 restaurants in Tinyville", "There are only 3 in Tinyville: A, B and C."),
    ],
)
def test_what_is_whole_or_says_why_not_is_no_laziness(request_text, answer):
    assert one(Laziness, talk("t", request_text, answer)) is None


@pytest.mark.parametrize(
    ("request_text", "answer"),
    [
        ("Fix this function and give me the complete file: def f(x): pass", FIXED),
        ("Fix this function: def f(x): pass", f"{FIXED}\n```python\n# TODO: implement this\n```"),
        ("Implement a parser class in Python", FIXED),
    ],
)
def test_a_gap_in_what_was_to_be_written_is_still_claimed(request_text, answer):
    assert one(Laziness, talk("t", request_text, answer))["decision"] == "matched"


def test_who_works_by_tools_may_say_briefly_that_it_is_done():
    asked = "Write 20 unit tests for parser.py in the repository"
    done = "Done: the tests are in tests/test_parser.py, and all of them pass."

    assert one(Laziness, talk("t", asked, done))["decision"] == "matched"
    worked = tool("t", "write_file", at=-1, result="ok")
    assert one(Laziness, worked, talk("t", asked, done))["decision"] == "ambiguous"


def test_cut_content_decides_nothing():
    row = one(Laziness, talk("t", "Give me 20 names.", "1. A", content_truncated=True))

    assert (row["decision"], row["skip_reason"]) == ("skipped", "truncated")


@pytest.mark.parametrize(
    ("request_text", "answer"),
    [
        (
            "Explain the theory of relativity in detail, in Chinese, please",
            "\u76f8\u5bf9\u8bba\u662f\u7269\u7406\u5b66\u7406\u8bba\u3002" * 20,
        ),
        ("List 30 fruits in Chinese", "\u82f9\u679c\u3001" * 30),
        ("Write an essay of 200 words about Bangkok in Thai", "\u0e01\u0e23\u0e38\u0e07" * 150),
    ],
)
def test_scripts_without_blanks_have_words_too(request_text, answer):
    assert one(Laziness, talk("t", request_text, answer)) is None


def test_a_translation_shares_no_words_with_what_was_brought():
    brought = " ".join(f"paragraph{place} statement{place}" for place in range(80))
    request_text = f"Please translate this:\n{brought}\n{brought}"
    translated = " ".join(f"absatz{place}: behauptung" for place in range(40))

    assert one(Laziness, talk("t", request_text, translated)) is None


def test_one_word_is_called_one_word():
    row = one(Laziness, talk("t", "Explain the theory of relativity in detail", "42"))

    assert "only 1 word where" in row["reason"]


def test_words_that_were_asked_for_are_not_counted_as_things():
    essay = "Bangkok is a large city and it has many temples along the river. " * 16

    assert one(Laziness, talk("t", "Write an essay of 200 words about Bangkok", essay)) is None
