"""``detectors train``, ``models`` and ``rollback`` as a person runs them, from verdicts to use."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from analytics.config import AnalysisConfig
from analytics.job import run
from analytics.job.teaching import teach
from analytics.learning.shelf import ModelShelf
from tests.analytics.learning.people import answer, is_polite
from tests.analytics.learning.test_learning import traces
from tests.analytics.spans import AS_OF, frame


@pytest.fixture
def judged(store, queues):
    """Sixty refusals in the queue; people confirm those whose request was polite."""
    store.append("spans", frame(traces()))
    run(store, queues, project="default", as_of=AS_OF)
    answer(queues, traces(), is_polite)
    return store


def models(command):
    return [json.loads(line) for line in command("detectors", "models").out.splitlines()]


def test_what_is_better_is_promoted_listed_and_taken_back(judged, command):
    trained = command("detectors", "train", "refusal")
    assert trained.code == 0, trained.err
    report = json.loads(trained.out)
    assert (report["detector"], report["version"], report["promoted"]) == ("refusal", 1, True)
    assert report["difference_99"]["low"] > 0
    (row,) = models(command)
    assert (row["detector"], row["in_use"], row["gain_low"] > 0) == ("refusal", True, True)

    back = command("detectors", "rollback", "refusal")
    again = command("detectors", "rollback", "refusal")

    assert json.loads(back.out) == {"detector": "refusal", "in_use": None}
    assert models(command)[0]["in_use"] is False
    assert again.code != 0
    assert "no learned classifier is in use" in again.err


def test_a_dry_run_keeps_nothing(judged, command):
    trained = command("detectors", "train", "refusal", "--dry-run")

    assert trained.code == 0
    assert json.loads(trained.out)["promoted"] is False
    assert models(command) == []


def test_what_is_not_better_is_kept_unused_and_the_exit_code_says_so(store, queues, command):
    store.append("spans", frame(traces()))
    run(store, queues, project="default", as_of=AS_OF)
    answer(queues, traces(), lambda place: is_polite(place // 2))

    trained = command("detectors", "train", "refusal")

    assert trained.code == 3
    assert json.loads(trained.out)["promoted"] is False
    assert "not shown to be better" in trained.err
    assert [row["in_use"] for row in models(command)] == [False]


def test_wrong_names_and_too_few_verdicts_change_nothing(judged, command):
    unknown = command("detectors", "train", "refusals")
    numbers = command("detectors", "train", "resource_outliers")
    few = command("detectors", "train", "laziness")

    assert (unknown.code, numbers.code, few.code) != (0, 0, 0)
    assert "refusal" in unknown.err
    assert "by numbers" in numbers.err
    assert "at least 15 of each" in few.err
    assert models(command) == []


def test_the_promoted_classifier_decides_in_the_next_run(judged, command):
    assert command("detectors", "train", "refusal").code == 0
    fresh = [row | {"trace_id": f"{n:032x}"} for n, row in enumerate(traces())]
    judged.append("spans", frame(fresh))

    done = command("analyze", "--as-of", f"{AS_OF + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}")

    assert done.code == 0, done.err
    counts = {row["detector"]: row for row in json.loads(done.out)["detectors"]}
    # The shipped rung claims them all, old and new; people would confirm every other one.
    assert 50 <= counts["refusal"]["matched_new"] <= 70


def test_the_same_verdicts_teach_the_same_wherever_they_are_read(judged, queues, tmp_path):
    lessons = [
        teach(
            judged,
            queues,
            "refusal",
            project="default",
            as_of=AS_OF + timedelta(days=days),
            config=AnalysisConfig(),
            shelf=ModelShelf(tmp_path / f"models{days}"),
            seed=3,
        )
        for days in (0, 9)
    ]

    first, second = (lesson.classifier.to_bytes() for lesson in lessons)
    assert first == second
