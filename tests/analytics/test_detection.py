"""Chunks in several threads: the same answers in the same order, own detectors one at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Lock

import polars as pl
import pytest

from analytics.config import AnalysisConfig
from analytics.detectors.catalog import load
from analytics.detectors.decision import decisions
from analytics.detectors.evaluation import evaluate
from analytics.detectors.prefilters import PREFILTERS
from analytics.job import queue_filling, run
from analytics.job.detection import CHUNKS_AT_ONCE, in_order
from analytics.job.rehearsal import rehearse
from tests.analytics.contexts import context_of
from tests.analytics.spans import AS_OF, chat, frame, span


def test_answers_come_in_the_order_of_the_questions_and_few_are_under_way():
    asked = []

    def questions():
        for number in range(20):
            asked.append(number)
            yield number

    answers = []
    with ThreadPoolExecutor(CHUNKS_AT_ONCE) as pool:
        for number, square in in_order(lambda number: pool.submit(pow, number, 2), questions()):
            answers.append((number, square.result()))
            assert len(asked) <= number + 1 + CHUNKS_AT_ONCE

    assert answers == [(number, number * number) for number in range(20)]


@pytest.mark.parametrize("places", [[0, 1, 2], [2, 0, 1], [0, 2], [0, 1, 3], []])
def test_a_trace_is_told_on_how_many_metrics_it_was_compared(places):
    context = context_of([chat(trace) for trace in "abc"])
    context = replace(context, traces=context.traces.drop("metrics_judged"))
    ids = [*context.trace_ids, "of another chunk"]
    judged = pl.DataFrame(
        {"trace_id": [ids[place] for place in places], "metrics_judged": places},
        schema={"trace_id": pl.String, "metrics_judged": pl.Int64},
    )

    context.compare(judged, context.baselines)

    told = context.traces["metrics_judged"].to_list()
    assert told == [place if place in places else None for place in range(3)]


class Careless:
    """A detector of one's own that is not made for threads."""

    id = "careless"
    version = "1"
    title = "Careless"
    instructions = "Is it?"

    def __init__(self):
        self.busy = Lock()

    def decide(self, context):
        assert self.busy.acquire(blocking=False)
        for _ in range(200):
            context.spans.select("trace_id").collect()
        self.busy.release()
        return decisions([])


def test_ones_own_detector_looks_at_one_chunk_at_a_time():
    detector, together = Careless(), Barrier(2)
    context = context_of([span("t", "chat")])

    def work(_):
        together.wait(timeout=60)
        return evaluate(context, [detector])

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(work, range(2)))

    assert all(frame.is_empty() for frame in found)


def test_baselines_that_cannot_be_judged_fail_the_run(store, queues, monkeypatch):
    """Chunks wait for them in other threads: nobody waits for ever."""

    def broken(*_):
        raise ArithmeticError("no norm")

    store.append("spans", frame([chat(f"t{number}", at=number) for number in range(5)]))
    monkeypatch.setattr("analytics.job.execution.judge", broken)

    with pytest.raises(ArithmeticError, match="no norm"):
        run(store, queues, project="default", as_of=AS_OF)


def test_traces_whose_items_cannot_be_added_do_not_count_as_evaluated(
    tmp_path, store, queues, monkeypatch
):
    def broken(*_, **__):
        raise OSError("the disk is full")

    store.append("spans", frame([chat(f"t{number}", at=number) for number in range(5)]))
    with monkeypatch.context() as patch:
        patch.setattr(queue_filling, "fill", broken)
        with pytest.raises(OSError, match="the disk is full"):
            run(store, queues, project="default", as_of=AS_OF)
    assert store.scan_raw("traces").collect().is_empty()
    assert not list(tmp_path.glob("tables/traces/*.parquet"))

    assert run(store, queues, project="default", as_of=AS_OF).traces_evaluated == 5


def test_a_rehearsal_reads_a_conversation_with_every_semantic_detector():
    heard = {}

    class Listening:
        def __init__(self, detector):
            self.id, self.version = detector.id, detector.version
            self.detector = detector

        def decide(self, context):
            answer = self.detector.decide(context)
            heard[self.id] = context.semantic.candidates(self.id).len()
            return answer

    config = AnalysisConfig()
    rehearse([Listening(detector) for detector in load(config)], config, AS_OF)

    assert heard == dict.fromkeys(PREFILTERS, 1)
