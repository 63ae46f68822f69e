"""Frustration and forgetting over whole conversations: across traces, chunks and runs."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import timedelta

import polars as pl
import pytest

from analytics.config import AnalysisConfig
from analytics.job import run
from analytics.routing import METADATA, route
from analytics.selection import draw
from queue_store.config import QueueConfig
from queue_store.model import AnnotationDraft
from queue_store.store import QueueStore
from span_store.store import SpanStore
from tests.analytics.semantic.chats import talk
from tests.analytics.spans import AS_OF, BEGIN, SECOND, chat, frame, identifier, tool

ASKED = "Please move my booking to the 3rd of June."
SMALL_TALK = [
    "",
    "When is breakfast served there?",
    "Does the room have a view of the harbour?",
    "Can I bring my dog along?",
    "Which tram goes from the airport?",
    "Is the museum open on Mondays?",
    "How cold will the evenings be?",
]
MINUTE = timedelta(minutes=1)


def conversation(name="talk", count=4, pause=60):
    """Single-turn traces; the last says the first again, with a word of complaint."""
    rows = [talk(f"{name}-0", ASKED, "Here are hotels in Oslo.", conversation_id=name)]
    rows += [
        talk(
            f"{name}-{number}",
            SMALL_TALK[number],
            "It is served at eight.",
            at=number * pause,
            conversation_id=name,
        )
        for number in range(1, count - 1)
    ]
    rows.append(
        talk(
            f"{name}-last",
            f"{ASKED} This is so frustrating.",
            "Hotels?",
            at=(count - 1) * pause,
            conversation_id=name,
        )
    )
    return rows


def config(**values):
    return AnalysisConfig(semantic_sample_rate=0.0, random_floor=0.0, **values)


def matched(store, detector="frustration"):
    newest = store.scan("traces").collect().group_by("trace_id").agg(pl.col("revision").max())
    found = store.scan("findings").collect().join(newest, on=["trace_id", "revision"])
    return found.filter(detector=detector, decision="matched").sort("trace_id")


@pytest.mark.parametrize("ahead", [None, 3, 24 * 30, -24 * 30])
@pytest.mark.parametrize("options", [{"incremental": True}, {"chunk_traces": 1}])
def test_what_was_said_counts_whatever_the_senders_clock_says(store, queues, ahead, options):
    rows = conversation()
    for row in rows:
        for name in ("start_time", "end_time"):
            row[name] = None if ahead is None else row[name] + ahead * 3600 * SECOND
    order = sorted(rows, key=lambda row: row["received_at"])
    if "incremental" in options:
        for minute, row in enumerate(order):
            store.append("spans", frame([row]))
            moment = AS_OF + minute * MINUTE
            run(store, queues, project="default", as_of=moment, config=config(), incremental=True)
    else:
        store.append("spans", frame(order))
        run(store, queues, project="default", as_of=AS_OF, config=config(**options))

    restating = matched(store).filter(pl.col("reason").str.contains("restates"))
    assert restating.height == 1


def test_what_was_said_in_another_chunk_counts(store, queues):
    store.append("spans", frame(conversation()))

    run(store, queues, project="default", as_of=AS_OF, config=config(chunk_traces=1))

    (finding,) = matched(store).to_dicts()
    assert finding["trace_id"] == identifier("talk-last", 32)
    evidence = json.loads(finding["evidence"])
    restated = next(piece for piece in evidence if piece["kind"].startswith("restates"))
    assert ASKED in restated["earlier"]


def test_what_was_said_in_an_earlier_run_counts_and_findings_are_the_same(tmp_path, store, queues):
    for row in conversation(pause=600):
        store.append("spans", frame([row]))
        moment = AS_OF - timedelta(days=1) + timedelta(seconds=row["end_time"] / 1e9 - BEGIN / 1e9)
        run(
            store,
            queues,
            project="default",
            as_of=moment + MINUTE,
            config=config(),
            incremental=True,
        )
    (finding,) = matched(store).to_dicts()

    assert finding["trace_id"] == identifier("talk-last", 32)
    assert "restates" in finding["reason"]


def told(store):
    """The newest findings about sessions, without what tells the runs apart."""
    columns = ("trace_id", "detector", "decision", "severity", "reason", "evidence")
    newest = store.scan("traces").collect().group_by("trace_id").agg(pl.col("revision").max())
    found = store.scan("findings").collect().join(newest, on=["trace_id", "revision"])
    return sorted(found.select(columns).rows())


@pytest.mark.parametrize("incremental", [False, True])
def test_the_order_in_which_the_traces_of_a_session_arrive_changes_no_finding(
    tmp_path, store, queues, incremental
):
    rows = conversation() + conversation("other")
    in_time = SpanStore(tmp_path / "in-time")
    in_time.append("spans", frame(rows))
    with closing(QueueStore.open(f"sqlite:///{tmp_path}/in-time.sqlite3", QueueConfig())) as others:
        run(in_time, others, project="default", as_of=AS_OF, config=config())
    expected = told(in_time)
    assert {row[0] for row in expected} == {
        identifier("talk-last", 32),
        identifier("other-last", 32),
    }

    moment = AS_OF
    for number in (3, 1, 0, 2):
        arrived = int(moment.timestamp()) * 10**9
        late = [rows[number + begin] | {"received_at": arrived} for begin in (0, 4)]
        store.append("spans", frame(late))
        moment += timedelta(hours=30)
        options = {"config": config(), "incremental": incremental}
        run(store, queues, project="default", as_of=moment, **options)
    assert told(store) == expected

    report = run(store, queues, project="default", as_of=moment + MINUTE, config=config())
    assert report.traces_evaluated == 0


def test_late_spans_of_an_earlier_trace_count_whichever_revision_lies_where(store, queues):
    first = [
        talk("first", words, "It is served at eight.", at=number, conversation_id="talk")
        for number, words in enumerate(["When is breakfast?", "Any trams?", "Museums?", ASKED])
    ]
    for row in first[1:]:
        row["parent_span_id"] = first[0]["span_id"]
    moment = AS_OF
    for row in first:
        store.append("spans", frame([row | {"received_at": int(moment.timestamp()) * 10**9}]))
        moment += MINUTE
        run(store, queues, project="default", as_of=moment, config=config(), incremental=True)
    words = f"{ASKED} This is so frustrating."
    again = talk("again", words, "Hotels?", at=30, conversation_id="talk")
    store.append("spans", frame([again | {"received_at": int(moment.timestamp()) * 10**9}]))

    run(store, queues, project="default", as_of=moment + MINUTE, config=config(), incremental=True)

    (finding,) = matched(store).to_dicts()
    assert finding["trace_id"] == identifier("again", 32)
    assert "restates" in finding["reason"]


@pytest.mark.parametrize("incremental", [False, True])
def test_a_late_trace_is_told_to_as_many_later_ones_as_read_it(store, queues, incremental):
    rows = conversation(count=8)
    store.append("spans", frame(rows[:2] + rows[3:]))
    options = {"config": config(session_traces_max=3), "incremental": incremental}
    run(store, queues, project="default", as_of=AS_OF, **options)

    arrived = int(AS_OF.timestamp()) * 10**9
    store.append("spans", frame([rows[2] | {"received_at": arrived}]))
    report = run(store, queues, project="default", as_of=AS_OF + MINUTE, **options)

    again = store.scan("traces").collect().filter(pl.col("revision") == 2)["trace_id"]
    assert set(again) == {identifier(f"talk-{number}", 32) for number in (3, 4, 5)}
    assert report.traces_evaluated == 4


def test_a_fact_given_three_traces_ago_and_asked_for_again_is_forgetting(store, queues):
    rows = [
        talk("a", "Cancel my order. My email is ann@example.com.", "Done.", conversation_id="c"),
        talk("b", "And the other order too.", "Which one?", at=60, conversation_id="c"),
        talk(
            "c",
            "The one of May.",
            "Could you provide your email address?",
            at=120,
            conversation_id="c",
        ),
        talk(
            "d", "I already told you.", "What is your email address?", at=180, conversation_id="c"
        ),
    ]
    store.append("spans", frame(rows))

    run(store, queues, project="default", as_of=AS_OF, config=config(chunk_traces=1))

    found = {row["trace_id"]: row for row in matched(store, "forgetting").to_dicts()}
    assert set(found) == {identifier("c", 32), identifier("d", 32)}
    last = found[identifier("d", 32)]
    assert "over 2 traces of the session" in last["reason"]
    others = {piece.get("trace_id") for piece in json.loads(last["evidence"])}
    assert others == {None, identifier("c", 32)}


def test_a_trace_that_adds_nothing_repeats_no_finding(store, queues):
    rows = conversation()
    rows.append(talk("after", "Thank you.", "You are welcome.", at=900, conversation_id="talk"))
    # And one whose input repeats the whole conversation, as many frameworks send it.
    history = [ASKED, "Hotels.", f"{ASKED} This is so frustrating.", "Hotels?", "Thanks.", "Bye."]
    rows.append(talk("repeats", *history, at=960, conversation_id="talk"))
    store.append("spans", frame(rows))

    run(store, queues, project="default", as_of=AS_OF, config=config())

    assert matched(store)["trace_id"].to_list() == [identifier("talk-last", 32)]


def test_only_so_many_earlier_traces_are_read(store, queues):
    store.append("spans", frame(conversation(count=8)))

    run(store, queues, project="default", as_of=AS_OF, config=config(session_traces_max=3))

    (finding,) = matched(store).to_dicts()
    assert "restates" not in finding["reason"]


def test_traces_of_no_session_are_not_read_together(store, queues):
    rows = conversation()
    for row in rows:
        row["conversation_id"] = None
    store.append("spans", frame(rows))

    run(store, queues, project="default", as_of=AS_OF, config=config())

    (finding,) = matched(store).to_dicts()
    assert "restates" not in finding["reason"]
    assert "session" not in finding["reason"]


@pytest.mark.parametrize("chunk_traces", [1, 3, 100])
def test_the_size_of_a_chunk_changes_nothing(store, queues, chunk_traces):
    rows = [row for name in ("one", "two") for row in conversation(name)]
    store.append("spans", frame([*rows, chat("alone", at=30)]))

    run(store, queues, project="default", as_of=AS_OF, config=config(chunk_traces=chunk_traces))

    assert matched(store)["trace_id"].to_list() == sorted(
        identifier(f"{name}-last", 32) for name in ("one", "two")
    )


def test_the_queue_holds_the_session_once_and_a_further_flag_brings_it_back(store, queues):
    rows = conversation()
    store.append("spans", frame(rows))
    run(store, queues, project="default", as_of=AS_OF, config=config())
    (item,) = queues.items(project="default", queue="frustration").items
    assert (item.object_type.value, item.object_id, item.revision) == ("session", "talk", 4)
    assert item.trace_id == identifier("talk-last", 32)
    settle(queues, item)

    again = talk(
        "again", f"I said: {ASKED} This is ridiculous.", "Hm.", at=600, conversation_id="talk"
    )
    store.append("spans", frame([again]))
    run(store, queues, project="default", as_of=AS_OF + MINUTE, config=config())

    (item,) = queues.items(project="default", queue="frustration").items
    assert (item.state.value, item.revision, item.trace_id) == (
        "pending",
        5,
        identifier("again", 32),
    )
    assert item.reason.endswith("(again, since it changed: a further trace of the session)")
    run(store, queues, project="default", as_of=AS_OF + 2 * MINUTE, config=config())
    assert queues.items(project="default", queue="frustration").items[0].revision == 5


@pytest.mark.parametrize("incremental", [False, True])
def test_a_further_flag_brings_the_session_back_also_after_one_of_its_traces_changed(
    store, queues, incremental
):
    def run_at(minutes, *rows):
        late = [row | {"received_at": row["received_at"] + 600 * SECOND} for row in rows]
        store.append("spans", frame(late if minutes else rows))
        options = {"config": config(), "incremental": incremental}
        run(store, queues, project="default", as_of=AS_OF + minutes * MINUTE, **options)
        (item,) = queues.items(project="default", queue="frustration").items
        return item

    settle(queues, run_at(0, *conversation()))
    changes = ("tool calls 0 to 1", "a further trace of the session, or a change of one before it")
    for place, name in enumerate(("talk-last", "talk-1")):
        changed = tool(name, "book", at=300 + place, result="done", conversation_id="talk")
        item = run_at(1 + place, changed)
        assert (item.state.value, item.revision) == ("pending", 5 + place)
        assert f"(again, since it changed: {changes[place]}" in item.reason
        settle(queues, item)
    again = f"I said: {ASKED} This is ridiculous."
    item = run_at(4, talk("again", again, "Hm.", at=600, conversation_id="talk"))

    assert (item.state.value, item.revision) == ("pending", 7)
    assert item.trace_id == identifier("again", 32)


def settle(queues, item):
    claim = queues.claim_next(project="default", queue=item.queue, reviewer="ana", now=AS_OF)
    queues.complete(
        project="default",
        item_id=item.id,
        token=claim.token,
        now=AS_OF,
        values=[AnnotationDraft(field="flag_is_right", value=True)],
    )


def test_a_session_has_a_draw_of_its_own_shared_by_its_traces(store, queues):
    names = [f"talk{number}" for number in range(12)]
    store.append("spans", frame([row for name in names for row in conversation(name)]))

    run(store, queues, project="default", as_of=AS_OF, config=config(matched_rate=0.5))

    kept = {item.object_id for item in queues.items(project="default", queue="frustration").items}
    draws = {name: draw("spandocket", "default/session", name) for name in names}
    assert kept == {name for name in names if draws[name] < 0.5}
    assert 0 < len(kept) < len(names)
    flagged = store.scan("traces").collect().filter(pl.col("selections").str.contains("session"))
    assert flagged["inclusion_probability"].unique().to_list() == [0.5]


def test_a_session_that_is_kept_by_two_of_its_traces_has_the_larger_chance():
    rows = [
        dict.fromkeys(METADATA)
        | {"trace_id": trace_id, "end_time": place, "conversation_id": "talk", "u": 0.5}
        | {"session_place": place, "session_changed": False, "scored_place": place}
        | {"asks_floor": True}
        | {"item_revision": 1, "item_change": None}
        for place, trace_id in enumerate(("a", "b"), 1)
    ]
    findings = [
        {"trace_id": trace_id, "decision": decision, "severity": 0.5, "confidence": 0.5}
        | {"detector": "frustration", "detector_version": "1", "reason": "r"}
        for trace_id, decision in (("a", "matched"), ("b", "ambiguous"))
    ]
    salt = next(n for n in map(str, range(99)) if draw(n, "default/session", "talk") < 0.2)

    routed = route(
        pl.DataFrame(rows),
        pl.DataFrame(findings),
        [],
        project="default",
        config=config(salt=salt),
        precisions={},
        similar={},
        weights={},
    )

    (draft,) = routed.drafts
    assert (draft.trace_id, draft.revision, draft.selection.p) == ("b", 2, 1.0)


def test_without_a_session_the_queue_holds_the_trace(store, queues):
    store.append(
        "spans", frame([talk("t", "Hi there.", "Yes?", f"{ASKED} I am so frustrated.", "Hm.")])
    )

    run(store, queues, project="default", as_of=AS_OF, config=config())

    (item,) = queues.items(project="default", queue="frustration").items
    assert (item.object_type.value, item.object_id) == ("trace", identifier("t", 32))


def test_a_session_older_than_the_window_of_baselines_still_comes_back(store, queues):
    days = 5
    for number in range(4):
        row = talk(
            f"talk-{number}",
            f"{ASKED} This is so frustrating.",
            "Hotels?",
            at=number * days * 86_400,
            conversation_id="talk",
        )
        store.append("spans", frame([row]))
        moment = AS_OF + timedelta(days=number * days)
        run(store, queues, project="default", as_of=moment, incremental=True, config=config())
        (item,) = queues.items(project="default", queue="frustration").items
        assert (item.revision, item.state.value) == (number + 1, "pending")
        settle(queues, item)
