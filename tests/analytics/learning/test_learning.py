from __future__ import annotations

import json
import pickle

import numpy as np
import polars as pl
import pytest

from analytics.config import AnalysisConfig
from analytics.detectors.catalog import load
from analytics.detectors.evaluation import evaluate
from analytics.job import run
from analytics.job.teaching import teach
from analytics.learning.classifier import LearnedClassifier
from analytics.learning.errors import (
    NoModelError,
    NotEnoughVerdictsError,
    TooAlikeError,
    UnreadableModelError,
)
from analytics.learning.lesson import learn
from analytics.learning.rung import LearnedRung
from analytics.learning.shelf import ModelShelf
from queue_store.config import QueueConfig
from queue_store.store import QueueStore
from span_store.store import SpanStore
from tests.analytics.learning.people import answer, is_polite
from tests.analytics.semantic.chats import NO_SAMPLE, context_of, talk
from tests.analytics.spans import AS_OF, frame

DECLINE = "I'm sorry, but I cannot assist with that request."
ONSETS = ["ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "pu"]
RHYMES = ["lan", "mer", "tis", "vor", "nuk", "dal", "pes", "rin", "sot", "gum"]
THINGS = ["piano", "poem", "recipe", "garden", "bridge", "letter", "song", "cake", "train", "boat"]


def sentence(generator, *, polite):
    """Eight random words; who asks politely says kindly."""
    words = [f"{ONSETS[x]}{RHYMES[y]}" for x, y in generator.integers(0, 10, (8, 2))]
    return " ".join([*words, "kindly" if polite else "quickly"])


def examples(count=80, *, noise=False, seed=1):
    """People confirm flags on polite requests alone; the offline rung claims all."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        is_polite = number % 2 == 0
        is_right = bool(generator.integers(0, 2)) if noise else is_polite
        text = sentence(generator, polite=is_polite)
        rows.append((f"{number:032x}", text, is_right, number, 0.8, 1.0, 0.0))
    names = ["trace_id", "text", "is_right", "answered_at"]
    names += ["confidence", "is_matched", "is_ambiguous"]
    return pl.DataFrame(rows, schema=names, orient="row")


def lesson_of(frame, seed=0):
    return learn(frame, detector="refusal", detector_version="1", version=1, seed=seed)


def test_what_people_mean_is_learned_and_beats_claiming_everything():
    lesson = lesson_of(examples())

    report = lesson.classifier.report
    assert lesson.is_better
    assert report["current"]["agreement"] == 0.5
    assert report["learned"]["agreement"] > 0.9
    assert report["difference_99"]["low"] > 0


def test_noise_is_never_promoted():
    lessons = [lesson_of(examples(noise=True, seed=seed)) for seed in range(3)]

    assert not any(lesson.is_better for lesson in lessons)


def test_copies_of_a_trace_do_not_pass_for_knowledge():
    """Eight copies of ten texts with random verdicts: only leakage could predict them."""
    generator = np.random.default_rng(4)
    verdicts = dict(zip(THINGS, generator.permutation([True, False] * 5), strict=True))
    rows = [
        (f"{copy}{place:031x}", f"please make a {thing}", bool(verdicts[thing]), 0, 0.8, 1.0, 0.0)
        for copy in range(8)
        for place, thing in enumerate(THINGS)
    ]
    names = ["trace_id", "text", "is_right", "answered_at"]
    names += ["confidence", "is_matched", "is_ambiguous"]

    lesson = lesson_of(pl.DataFrame(rows, schema=names, orient="row"))

    assert not lesson.is_better


def test_a_second_training_must_beat_the_first_on_verdicts_that_it_never_saw():
    first = lesson_of(examples(60)).classifier
    assert (first.report["against"], first.report["compared"]) == ("shipped", 60)

    with pytest.raises(NotEnoughVerdictsError, match="since version 1 was learned"):
        second_lesson(examples(70), first)
    second = second_lesson(examples(140), first)

    report = second.classifier.report
    assert (report["against"], report["compared"], report["verdicts"]) == ("version 1", 80, 140)
    # The first knows already what there is to know: better than the shipped rung is not enough.
    assert report["learned"]["agreement"] > 0.9
    assert not second.is_better


def test_a_second_training_replaces_a_first_that_people_no_longer_agree_with():
    first = lesson_of(examples(60)).classifier
    rows = examples(200)
    turned = rows.with_columns(
        is_right=pl.when(pl.col("answered_at") < 60).then("is_right").otherwise(~pl.col("is_right"))
    )

    assert second_lesson(turned, first).is_better


def second_lesson(frame, current):
    return learn(
        frame, detector="refusal", detector_version="1", version=2, seed=0, current=current
    )


def test_what_the_offline_rung_passes_over_cannot_be_claimed():
    rows = examples().with_columns(
        is_matched=pl.when(pl.col("answered_at") % 4 == 0).then(0.0).otherwise(1.0)
    )

    report = lesson_of(rows).classifier.report

    # Half of what people wanted was never flagged: no classifier of flags can find it.
    assert report["learned"]["recall"]["value"] == pytest.approx(0.5, abs=0.05)


def test_too_few_verdicts_say_how_many_are_needed():
    with pytest.raises(NotEnoughVerdictsError, match="at least 15 of each"):
        lesson_of(examples(20))


def test_requests_declined_in_the_same_words_are_different_and_one_request_is_not():
    asked = examples()
    declined = asked.with_columns(
        text=pl.concat_str(pl.lit(f"{DECLINE} {DECLINE}"), "text", separator="\n"),
        request=pl.col("text"),
    )

    assert lesson_of(declined).is_better
    # Whatever was answered: without another request there is nothing unseen to compare on.
    with pytest.raises(TooAlikeError, match="requests of 1 kind that begin alike; at least 5"):
        lesson_of(asked.with_columns(request=pl.lit("Please write a poem")))


def test_the_same_verdicts_and_seed_give_the_same_file_and_it_comes_back():
    first, second = lesson_of(examples()), lesson_of(examples().reverse())

    content = first.classifier.to_bytes()

    assert content == second.classifier.to_bytes()
    again = LearnedClassifier.from_bytes(content, "copy")
    rows = examples()
    assert np.array_equal(
        again.probabilities(rows["text"], rows),
        first.classifier.probabilities(rows["text"], rows),
    )


def test_a_file_that_is_not_a_classifier_is_refused_and_not_run():
    for content in (
        b"",
        b"PK",
        pickle.dumps(print),
        lesson_of(examples()).classifier.to_bytes()[:500],
    ):
        with pytest.raises(UnreadableModelError):
            LearnedClassifier.from_bytes(content, "file")


def test_promotion_can_be_taken_back_step_by_step(tmp_path):
    shelf = ModelShelf(tmp_path)
    for version in (1, 2):
        lesson = learn(
            examples(), detector="refusal", detector_version="1", version=version, seed=0
        )
        shelf.put(lesson.classifier)
        shelf.promote("refusal", version)

    assert shelf.in_use()["refusal"].version == 2
    assert shelf.rollback("refusal") == 1
    assert shelf.rollback("refusal") is None
    assert shelf.in_use() == {}
    with pytest.raises(NoModelError):
        shelf.rollback("refusal")
    assert shelf.versions("refusal") == [1, 2]
    assert shelf.next_version("refusal") == 3


@pytest.mark.parametrize("queue", ["a/b", ".", "..", "...", "ä b", "ä" * 200])
def test_a_queue_of_any_name_has_a_folder_of_its_own(tmp_path, queue):
    shelf = ModelShelf(tmp_path / "models")
    lesson = learn(examples(), detector=queue, detector_version="1", version=1, seed=0)
    shelf.put(lesson.classifier)
    shelf.promote(queue, 1)

    assert shelf.names() == [queue]
    assert shelf.in_use()[queue].version == 1
    assert [place.name for place in tmp_path.iterdir()] == ["models"]


def traces():
    generator = np.random.default_rng(9)
    return [
        talk(f"t{n}", f"{sentence(generator, polite=n % 2 == 0)}", DECLINE, at=n) for n in range(60)
    ]


def test_a_classifier_in_use_decides_again_what_was_flagged():
    context = context_of(*traces())
    classifier = learn(
        examples(), detector="refusal", detector_version=load_version(), version=7, seed=0
    ).classifier
    found = evaluate(context, load(NO_SAMPLE, learned={"refusal": classifier}))

    after = LearnedRung({"refusal": classifier}).apply(found, context)

    refusals = after.filter(pl.col("detector") == "refusal", pl.col("decision") == "matched")
    assert 0 < refusals.height < 60
    row = refusals.row(0, named=True)
    assert "learned from 80 verdicts" in row["reason"]
    assert json.loads(row["evidence"])[-1]["learned"] == 7


def test_verdicts_on_another_version_of_the_detector_change_nothing():
    context = context_of(*traces())
    classifier = learn(
        examples(), detector="refusal", detector_version="0", version=1, seed=0
    ).classifier
    found = evaluate(context, load(NO_SAMPLE, learned={"refusal": classifier}))

    assert LearnedRung({"refusal": classifier}).apply(found, context).equals(found)


def load_version():
    return next(d.version for d in load(NO_SAMPLE) if d.id == "refusal")


@pytest.fixture
def queues(tmp_path):
    store = QueueStore.open(f"sqlite:///{tmp_path / 'queue.sqlite3'}", QueueConfig())
    yield store
    store.close()


def test_answers_in_the_queue_teach_the_detector(tmp_path, queues):
    store = SpanStore(tmp_path / "tables")
    store.append("spans", frame(traces()))
    run(store, queues, project="default", as_of=AS_OF)
    answer(queues, traces(), is_polite)

    lesson = teach(
        store,
        queues,
        "refusal",
        project="default",
        as_of=AS_OF,
        config=AnalysisConfig(),
        shelf=ModelShelf(tmp_path / "models"),
        seed=0,
    )

    assert lesson.classifier.report["verdicts"] == len(traces())
    assert lesson.is_better
