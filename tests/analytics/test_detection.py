"""Chunks in several threads: the same answers in the same order, own detectors one at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock

from analytics.detectors.decision import decisions
from analytics.detectors.evaluation import evaluate
from analytics.job.detection import CHUNKS_AT_ONCE, in_order
from tests.analytics.contexts import context_of
from tests.analytics.spans import span


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
