"""Reports on stored data: scores and answers about the same object, brought in as files."""

from __future__ import annotations

import csv
from datetime import UTC, datetime

import pytest

from queue_store.config import QueueConfig
from queue_store.model import FieldDraft, FieldOption, FieldType, ImportRow
from queue_store.store import QueueStore

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def queue_store(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir(exist_ok=True)
    store = QueueStore.open(f"sqlite:///{folder / 'queue.sqlite3'}", QueueConfig())
    yield store
    store.close()


def write_csv(path, header, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def trace(number):
    return f"{number:032x}"


def answer(store, object_id, value, *, field="bad", reviewer="ann", **more):
    row = ImportRow(
        line=1, object_type="trace", object_id=object_id, reviewer=reviewer, field=field,
        value=value, **more,
    )  # fmt: skip
    result = store.import_annotations(project="default", rows=[row], now=NOW, actor="test")
    assert not result.problems, result.problems


def boolean_field(store, name="bad", positive=None):
    draft = FieldDraft(name=name, type=FieldType.BOOLEAN, positive=positive)
    store.create_field(project="default", draft=draft, now=NOW, actor="test")


SCORES = ("object_type", "object_id", "evaluator", "score")


def test_scores_and_answers_are_joined_on_the_object(tmp_path, command, queue_store):
    boolean_field(queue_store)
    for number in range(20):
        answer(queue_store, trace(number), number < 8, inclusion_probability=0.5)
    rows = [("trace", trace(number), "judge", int(number < 6)) for number in range(40)]
    assert command("evaluations", "import", write_csv(tmp_path / "s.csv", SCORES, rows)).code == 0

    report = command("alignment", "report", "--evaluator", "judge", "--field", "bad").json

    assert report["scope"]["population"] == 40
    assert report["scope"]["pairs"] == 20
    assert report["confusion"]["tp"] == 6
    assert report["confusion"]["fn"] == 2
    assert report["raw"]["tpr"]["value"] == pytest.approx(0.75)
    assert report["weighted"]["accuracy"]["value"] == pytest.approx(0.9)
    assert report["scope"]["positive"] == "true"


def test_a_failed_evaluation_is_no_score_and_never_zero(tmp_path, command, queue_store):
    boolean_field(queue_store)
    for number in range(4):
        answer(queue_store, trace(number), value=True)
    header = (*SCORES, "label")
    rows = [("trace", trace(0), "judge", 1, ""), ("trace", trace(1), "judge", "", "gave up")]
    command("evaluations", "import", write_csv(tmp_path / "s.csv", header, rows))

    report = command("alignment", "report", "-e", "judge", "-f", "bad").json

    assert report["scope"]["outside_labels"]["values"] == ["gave up"]
    assert report["scope"]["without_evaluator_score"]["count"] == 2
    assert (report["confusion"]["tp"], report["confusion"]["fn"]) == (1, 0)


def test_a_yes_or_no_that_nobody_answered_is_reported_beside_any_scores(
    tmp_path, command, queue_store
):
    boolean_field(queue_store, positive="true")
    rows = [("trace", trace(number), "judge", number / 4) for number in range(5)]
    command("evaluations", "import", write_csv(tmp_path / "s.csv", SCORES, rows))

    said = command("alignment", "report", "-e", "judge", "-f", "bad")

    assert said.code == 0, said.err
    assert (said.json["scope"]["score_type"], said.json["scope"]["pairs"]) == ("boolean", 0)
    assert said.json["raw"]["tpr"]["value"] is None
    assert said.json["scope"]["warnings"][0].startswith("no item has a human value")


def test_categorical_fields_compare_labels(tmp_path, command, queue_store):
    options = tuple(FieldOption(value=name) for name in ("full", "none", "part"))
    draft = FieldDraft(name="refusal", type=FieldType.CATEGORICAL, options=options)
    queue_store.create_field(project="default", draft=draft, now=NOW, actor="test")
    given = ["full", "none", "part", "full", "none"]
    judged = ["full", "none", "full", "full", "garbage"]
    for number, value in enumerate(given):
        answer(queue_store, trace(number), value, field="refusal")
    rows = [("trace", trace(n), "judge", "", label) for n, label in enumerate(judged)]
    command("evaluations", "import", write_csv(tmp_path / "s.csv", (*SCORES, "label"), rows))

    report = command("alignment", "report", "-e", "judge", "-f", "refusal").json

    assert report["scope"]["labels"] == ["full", "none", "part"]
    assert report["scope"]["outside_labels"]["values"] == ["garbage"]
    assert report["raw"]["accuracy"]["value"] == pytest.approx(0.75)


def test_several_reviewers_and_a_decision(tmp_path, command, queue_store):
    boolean_field(queue_store)
    for number in range(6):
        answer(queue_store, trace(number), number < 3, reviewer="ann")
        answer(queue_store, trace(number), number < 2, reviewer="bob")
    rows = [("trace", trace(n), "judge", int(n < 3)) for n in range(6)]
    command("evaluations", "import", write_csv(tmp_path / "s.csv", SCORES, rows))

    scope = command("alignment", "report", "-e", "judge", "-f", "bad").json["scope"]

    assert scope["ties"] == 1
    assert scope["reference"] == {"majority": 5, "tie": 1}
    assert not scope["single_rater"]


def test_importing_twice_stores_once(tmp_path, command):
    path = write_csv(tmp_path / "s.csv", SCORES, [("trace", trace(1), "judge", 0.5)])

    first = command("evaluations", "import", path).json
    second = command("evaluations", "import", path).json
    listed = command("evaluations", "list", "--format", "json").json

    assert first == {"added": 1, "duplicates": 0, "bad": 0}
    assert second == {"added": 0, "duplicates": 1, "bad": 0}
    assert [(row["object_id"], row["score"]) for row in listed] == [(trace(1), 0.5)]
    assert listed[0]["source"] == "import"


def test_bad_rows_are_named_by_line_and_nothing_is_stored(tmp_path, command):
    rows = [
        ("trace", trace(1), "judge", 0.5),
        ("trace", trace(2), "judge", "NaN"),
        ("tree", trace(3), "judge", 1),
        ("span", trace(4), "judge", 1),
        ("trace", trace(5), "", 1),
        ("trace", trace(6), "judge", "often"),
    ]
    path = write_csv(tmp_path / "s.csv", SCORES, rows)

    said = command("evaluations", "import", path)

    assert said.code == 1
    for line in (3, 4, 5, 6, 7):
        assert f"line {line}: " in said.err
    assert command("evaluations", "list", "--format", "json").json == []

    kept = command("evaluations", "import", path, "--skip-bad")
    assert kept.json == {"added": 1, "duplicates": 0, "bad": 5}


def test_unknown_names_are_answered_with_the_nearest(tmp_path, command, queue_store):
    boolean_field(queue_store)
    rows = [("trace", trace(1), "judge", 1)]
    command("evaluations", "import", write_csv(tmp_path / "s.csv", SCORES, rows))

    evaluator = command("alignment", "report", "-e", "juge", "-f", "bad")
    field = command("alignment", "report", "-e", "judge", "-f", "bat")

    answer(queue_store, trace(1), value=True)
    gold = command("alignment", "report", "-e", "judge", "-f", "bad", "--gold", "anne")

    assert evaluator.code == 2
    assert "did you mean judge" in evaluator.err
    assert gold.code == 2
    assert "no reviewer 'anne' answered this field; did you mean ann?" in gold.err
    assert field.code != 0
    assert "bad" in field.err


def test_a_missing_column_is_named(tmp_path, command):
    path = write_csv(tmp_path / "s.csv", ("object_type", "object_id", "evaluator"), [])

    said = command("evaluations", "import", path)

    assert said.code == 2
    assert "'score'" in said.err


def test_settled_items_count_in_weighted_figures(tmp_path, command, queue_store):
    boolean_field(queue_store)
    for number in range(12):
        answer(queue_store, trace(number), number < 6, inclusion_probability=1.0)
        other = (number < 6) != (number == 0)
        answer(queue_store, trace(number), other, reviewer="bob", inclusion_probability=1.0)
    answer(
        queue_store, trace(0), value=True, reviewer="boss", adjudicated=True,
        inclusion_probability=1.0,
    )  # fmt: skip
    rows = [("trace", trace(n), "judge", int(n < 6)) for n in range(12)]
    command("evaluations", "import", write_csv(tmp_path / "s.csv", SCORES, rows))

    report = command("alignment", "report", "-e", "judge", "-f", "bad").json

    assert report["scope"]["reference"] == {"adjudicated": 1, "majority": 11}
    assert report["weighted"]["accuracy"]["n"] == 12
    assert report["sampling"]["excluded_from_weighted"] == []
