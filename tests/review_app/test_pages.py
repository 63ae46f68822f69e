"""Queues, items and traces in a real browser: made, walked along, filtered, kept."""

from __future__ import annotations

import polars as pl
import pytest

from queue_store.model import AnnotationDraft, ItemState
from span_store.schema import SPANS, TRACES
from tests.review_app.conftest import FIRST, SECOND, model_call

pytestmark = [pytest.mark.acceptance]


def at_work(page, address):
    page.goto(f"{address}/?queue=doubts&reviewer=ann")
    page.locator("#fields fieldset").first.wait_for()
    page.get_by_text("1 of 2", exact=True).wait_for()


def test_an_item_is_kept_in_a_dataset_with_one_key(page, address, queues):
    at_work(page, address)

    page.keyboard.press("t")
    page.get_by_role("dialog", name="Add this item to a dataset").wait_for()
    page.keyboard.type("kept")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Added to kept: 1 entry in version 1.").wait_for()

    (entry,) = queues.entries(project="default", dataset="kept")
    assert (entry.object_id, entry.output[0]["parts"][0]["content"]) == (FIRST, "Yes.")
    page.keyboard.press("t")
    assert page.get_by_role("combobox", name="Dataset").input_value() == "kept"
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    assert page.get_by_role("radio", name="good").is_checked()


def test_a_queue_is_walked_along_and_an_item_taken(page, address, queues):
    at_work(page, address)
    page.keyboard.press("2")

    page.keyboard.press("n")
    page.get_by_text("it is pending").wait_for()
    page.get_by_text("2 of 2", exact=True).wait_for()
    assert page.get_by_role("button", name="Next").is_disabled()
    page.keyboard.press("p")
    page.get_by_text("First.").wait_for()
    assert page.get_by_role("radio", name="bad").is_checked()
    page.get_by_text("1 of 2", exact=True).wait_for()
    page.keyboard.press("n")
    page.get_by_text("it is pending").wait_for()
    page.locator("body:not([aria-busy])").wait_for()
    page.keyboard.press("Control+Enter")
    page.locator("#fields fieldset").first.wait_for()

    assert page.get_by_text("Second.").is_visible()
    page.locator("body:not([aria-busy])").wait_for()
    states = {
        item.object_id: item.state for item in queues.items(project="default", queue="doubts").items
    }
    assert states == {FIRST: ItemState.PENDING, SECOND: ItemState.IN_PROGRESS}


def test_a_live_queue_and_its_field_are_made_on_the_page(page, address, queues):
    page.goto(address)
    page.get_by_label("Your name").fill("lead")
    page.get_by_role("button", name="New field").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("mood")
    dialog.get_by_label("Type").select_option("categorical")
    dialog.get_by_label("Options").fill("up")
    page.keyboard.press("Control+Enter")
    dialog.get_by_text("needs two options").wait_for()
    dialog.get_by_label("Options").fill("up, down")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Created mood.").wait_for()
    page.get_by_text("Fields (3)").click()
    assert page.get_by_role("row", name="mood").get_by_text("up, down").is_visible()

    page.get_by_role("button", name="New queue").click()
    dialog.get_by_label("Name", exact=True).fill("slow")
    dialog.get_by_role("textbox", name="Instructions").fill("Look twice.")
    dialog.get_by_label("mood").check()
    dialog.get_by_label("Assignees").fill("ann, ben")
    assert dialog.get_by_label("Filter").is_hidden()
    dialog.get_by_label("Make this queue live").check()
    assert dialog.get_by_text("10 %").is_visible()
    dialog.get_by_label("Filter").fill("durtion_ms > 5")
    page.keyboard.press("Control+Enter")
    dialog.get_by_role("alert").get_by_text("duration_ms").wait_for()
    dialog.get_by_label("Filter").fill("duration_ms > 5")
    dialog.get_by_text("Add filter").click()
    dialog.get_by_label("Column").select_option("error_count")
    dialog.get_by_label("Comparison").select_option(">=")
    dialog.get_by_label("Value").fill("2")
    dialog.get_by_role("button", name="Add").click()
    page.keyboard.press("Control+Enter")
    page.get_by_text("Created slow.").wait_for()

    queue = queues.queue(project="default", name="slow")
    assert (queue.sample_rate, queue.filter_sql) == (
        0.1,
        "duration_ms > 5 AND error_count >= 2",
    )
    assert (queue.field_names, queue.assignees) == (("mood",), ("ann", "ben"))
    row = page.get_by_role("row", name="slow")
    assert row.get_by_text("not started").is_visible()
    row.get_by_role("button", name="Copy link of slow").click()
    page.get_by_text(f"Copied {address}/?queue={queue.link}").wait_for()


def test_items_are_listed_with_name_status_and_reviewer(page, address):
    at_work(page, address)
    page.keyboard.press("1")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Second.").wait_for()

    page.get_by_role("link", name="Items").click()
    row = page.get_by_role("row").nth(1)
    row.wait_for()

    assert row.locator("td").all_inner_texts()[2:4] == ["completed", "ann"]
    assert row.get_by_role("link", name="chat").is_visible()
    page.get_by_label("Status").select_option("in_progress")
    page.get_by_text("held by ann").wait_for()
    page.get_by_role("link", name="chat").click()
    page.get_by_text("2 of 2", exact=True).wait_for()
    assert page.get_by_text("it is in progress").is_visible()


def test_traces_are_filtered_saved_as_a_view_and_kept(page, address, queues, traces):
    page.goto(f"{address}/traces")
    page.get_by_text("2 traces").wait_for()
    page.get_by_text("Add filter").click()
    page.get_by_label("Column").select_option("trace_id")
    page.get_by_label("Value").fill(SECOND)
    page.keyboard.press("Enter")
    page.get_by_text("1 trace", exact=True).wait_for()

    page.get_by_role("button", name="Save view").click()
    page.get_by_text("Write your name first.").wait_for()
    page.get_by_label("Your name").fill("lead")
    page.get_by_role("button", name="Save view").click()
    page.get_by_role("dialog").get_by_label("Name").fill("second")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Saved second").wait_for()
    (view,) = queues.views(project="default")
    assert view.filters == {"where": f"trace_id = '{SECOND}'"}

    page.goto(f"{address}/traces?queue=doubts")
    page.get_by_text("2 traces").wait_for()
    page.get_by_label("With an answer to").select_option("verdict")
    page.get_by_text("0 traces").wait_for()
    page.get_by_label("Saved view").select_option("second")
    page.get_by_text("1 trace", exact=True).wait_for()
    page.get_by_label("Choose all").check()
    page.get_by_role("button", name="Add to dataset").click()
    page.get_by_role("combobox", name="Dataset").fill("kept")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Added to kept").wait_for()
    page.get_by_role("button", name="Add to queue").click()
    page.get_by_label("output").check()
    page.keyboard.press("Control+Enter")
    page.get_by_text("doubts: 0 added, 1 there already.").wait_for()
    assert queues.queue(project="default", name="doubts").shown == ("output",)
    assert [e.object_id for e in queues.entries(project="default", dataset="kept")] == [SECOND]


def test_an_open_queue_shows_others_and_an_issue_goes_with_the_answer(page, address, queues, clock):
    common = {"project": "default", "now": clock(), "actor": "lead"}
    queues.update_queue(name="doubts", changes={"blind": False, "labels_wanted": 2}, **common)
    queues.create_issue(title="Asks twice", **common)
    said = [AnnotationDraft(field="note", value="evasive", comment="see the end")]
    queues.annotate(project="default", item_id=1, reviewer="ben", answers=said, now=clock())
    at_work(page, address)

    assert page.get_by_label("What others said").get_by_text("evasive").is_visible()
    page.keyboard.press("2")
    page.get_by_label("Known issue").first.fill("Asks twice")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Second.").wait_for()

    assert page.get_by_label("What others said").is_hidden()
    assert queues.issue(project="default", title="Asks twice").annotations == 1


def test_sessions_go_into_a_queue_whole(page, address, queues, clock, spans):
    row = dict.fromkeys(TRACES.names) | {"project": "default", "trace_id": FIRST, "revision": 1}
    row |= {"conversation_id": "talk", "start_time": 1, "end_time": 2, "agent_name": "helper"}
    spans.append("traces", pl.DataFrame([row], schema=TRACES.polars))
    said = model_call("d" * 32, 1, [], {"role": "assistant", "parts": []})
    spans.append("spans", pl.DataFrame([said | {"conversation_id": "talk"}], schema=SPANS.polars))
    page.goto(f"{address}/sessions")
    page.get_by_text("1 session", exact=True).wait_for()
    assert page.get_by_text("talk, 1 trace").is_visible()
    assert page.get_by_label("Saved view").is_hidden()

    page.get_by_label("Choose helper").check()
    page.get_by_label("Your name").fill("lead")
    page.get_by_role("button", name="Add to queue").click()
    page.get_by_label("Priority").fill("7")
    page.keyboard.press("Control+Enter")
    page.get_by_text("doubts: 1 added").wait_for()

    item = queues.items(project="default", queue="doubts").items[0]
    assert (item.object_type, item.object_id, item.priority) == ("session", "talk", 7)
