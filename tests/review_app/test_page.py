"""The page in a real browser, worked with the keyboard alone."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.acceptance]


def test_a_reviewer_works_through_a_queue_with_the_keyboard(page, address, queues):
    page.goto(address)
    page.get_by_label("Your name").wait_for()
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")

    page.get_by_text("First.").wait_for()
    assert page.locator(".message").all_inner_texts()[-1].endswith("Yes.")
    page.keyboard.press("2")
    page.keyboard.press("ArrowDown")
    page.keyboard.type("s is a letter here")
    page.keyboard.press("Control+Enter")

    page.get_by_text("Second.").wait_for()
    assert page.get_by_text("<b>bold</b>").is_visible()
    assert page.locator("#fields input:checked").count() == 0
    page.keyboard.press("s")
    page.keyboard.type("too short")
    page.keyboard.press("Enter")

    page.get_by_text("the queue is finished").wait_for()
    answers = {row.field: row.value for row in queues.annotations(project="default")}
    assert answers == {"verdict": "bad", "note": "s is a letter here"}
    progress = queues.progress(project="default", queue="doubts")
    assert (progress.completed, progress.skipped) == (1, 1)


def test_a_refused_answer_is_shown_and_the_form_keeps_what_was_written(page, address):
    page.goto(f"{address}/?queue=doubts&reviewer=ann")
    page.get_by_text("First.").wait_for()
    page.get_by_label("note", exact=True).fill("half done")

    page.keyboard.press("Control+Enter")

    page.get_by_role("alert").get_by_text("is required").wait_for()
    assert page.get_by_label("note", exact=True).input_value() == "half done"
    assert page.get_by_text("First.").is_visible()


def test_help_lists_the_keys(page, address):
    page.goto(f"{address}/?queue=doubts&reviewer=ann")
    page.get_by_text("First.").wait_for()

    page.keyboard.press("?")

    assert page.get_by_role("dialog", name="Keys").get_by_text("complete and next").is_visible()


def at_work(page, address, queue="doubts", reviewer="ann"):
    page.goto(f"{address}/?queue={queue}&reviewer={reviewer}")
    page.locator("#fields fieldset").first.wait_for()


def test_an_earlier_answer_is_changed_and_the_last_one_undone(page, address, queues):
    at_work(page, address)
    page.keyboard.press("1")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Second.").wait_for()

    page.keyboard.press("ArrowLeft")
    page.get_by_text("your item 1 of 1").wait_for()
    assert page.get_by_role("radio", name="good").is_checked()
    page.keyboard.press("2")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Saved.").wait_for()
    assert [row.value for row in queues.annotations(project="default")] == ["bad"]

    page.keyboard.press("Escape")
    page.get_by_text("Second.").wait_for()
    assert page.locator("#fields input:checked").count() == 0
    page.keyboard.press("u")
    page.get_by_text("First.").wait_for()
    assert page.get_by_role("radio", name="bad").is_checked()
    assert queues.annotations(project="default") == []
    page.keyboard.press("Control+Enter")
    page.get_by_text("Second.").wait_for()
    assert [row.value for row in queues.annotations(project="default")] == ["bad"]


def test_a_note_is_made_on_a_selected_passage_and_on_a_written_one(page, address, queues):
    at_work(page, address)
    page.evaluate(
        """() => {
          const text = document.querySelectorAll("#conversation pre")[1].firstChild;
          getSelection().setBaseAndExtent(text, 0, text, 5);
        }"""
    )
    page.keyboard.press("a")
    page.get_by_role("dialog").wait_for()
    assert page.get_by_role("textbox", name="Passage").input_value() == "There"
    page.get_by_role("textbox", name="Comment").fill("vague")
    page.get_by_role("dialog").get_by_role("radio", name="bad").check()
    page.keyboard.press("Control+Enter")
    page.locator("mark", has_text="There").wait_for()

    page.locator("#facts").click()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.get_by_role("textbox", name="Passage").fill("ure?")
    page.get_by_role("combobox", name="Field").select_option("note")
    page.get_by_role("dialog").get_by_label("note", exact=True).fill("a doubt")
    page.keyboard.press("Control+Enter")
    page.locator("mark", has_text="ure?").wait_for()

    rows = queues.annotations(project="default")
    found = {row.anchor.quote: (row.value, row.comment) for row in rows}
    assert found == {"There": ("bad", "vague"), "ure?": ("a doubt", None)}
    page.get_by_role("button", name="Remove").first.click()
    page.locator("mark", has_text="There").wait_for(state="detached")
    assert len(queues.annotations(project="default")) == 1


def test_who_may_decide_settles_a_disagreement(page, address, queues, disputed):
    page.goto(f"{address}/?queue=pairs&reviewer=lead")
    page.get_by_text("the rest waits for adjudication").wait_for()
    page.locator("body:not([aria-busy])").wait_for()

    page.keyboard.press("d")
    page.get_by_text("1 to decide").wait_for()
    assert page.locator("#disagreement dd").all_inner_texts() == ["good", "bad"]
    page.keyboard.press("2")
    page.keyboard.press("Control+Enter")

    page.get_by_text("the queue is finished").wait_for()
    (row,) = [row for row in queues.annotations(project="default") if row.adjudicated]
    assert (row.reviewer, row.value) == ("lead", "bad")


def test_a_person_signs_in_with_the_keyboard_and_a_lost_session_loses_no_work(
    page, address, application, reviewer_tokens, queues, clock
):
    _, token = reviewer_tokens.create("default", now=1, person="ann")
    page.goto(address)
    page.get_by_role("dialog", name="Sign in").wait_for()
    page.keyboard.type("sdr_0_wrong")
    page.keyboard.press("Enter")
    page.get_by_text("unknown or revoked").wait_for()
    page.keyboard.press("Control+a")
    page.keyboard.type(token)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out ann").wait_for()
    page.locator("#queues input:focus").wait_for()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.get_by_text("First.").wait_for()
    page.keyboard.press("1")

    clock.pass_time(hours=2)
    page.keyboard.press("Control+Enter")
    page.get_by_role("dialog", name="Sign in").wait_for()
    page.keyboard.type(token)
    page.keyboard.press("Enter")

    page.get_by_text("Second.").wait_for()
    (row,) = queues.annotations(project="default")
    assert (row.reviewer, row.value) == ("ann", "good")
