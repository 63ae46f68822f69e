"""Many evaluators in one pass give what the report gives for each."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from test_stored_data import NOW, SCORES, answer, boolean_field, queue_store, trace, write_csv
from test_stored_design import write_traces

from analytics.alignment.overview import binary_values, overview
from analytics.alignment.overview_numbers import overview_of_numbers
from analytics.alignment.report import ReportOptions, report
from queue_store.model import FieldDraft, FieldOption, FieldType

__all__ = ["queue_store"]


NAMES = ("accuracy", "tpr", "tnr", "mcc", "cohen_kappa")


def made(names, seed=0, size=300):
    rng = np.random.default_rng(seed)
    frames = []
    for name in names:
        human = rng.integers(0, 2, size)
        evaluator = np.where(rng.random(size) < 0.8, human, 1 - human)
        frames.append(pl.DataFrame({"evaluator_name": name, "human": human,
                                    "evaluator": evaluator, "cluster": np.arange(size) // 3,
                                    "weight": rng.uniform(1, 5, size)}))  # fmt: skip
    return frames


@pytest.mark.parametrize("columns", [(), ("weight",), ("cluster",), ("weight", "cluster")])
def test_each_row_is_what_the_report_says(columns):
    frames = [
        frame.select("evaluator_name", "human", "evaluator", *columns) for frame in made("abc")
    ]

    rows = overview(pl.concat(frames))

    for frame, row in zip(frames, rows.iter_rows(named=True), strict=True):
        result = report(frame.drop("evaluator_name"), ReportOptions())
        kinds = {"raw": result.raw} | ({"weighted": result.weighted} if "weight" in columns else {})
        for kind, figures in kinds.items():
            for name in NAMES:
                assert row[f"{kind}_{name}"] == pytest.approx(figures[name].value)
            # The report's interval of MCC is Fisher's around the same standard error.
            mcc = figures["mcc"]
            half = (np.arctanh(mcc.ci_high) - np.arctanh(mcc.ci_low)) / 2 * (1 - mcc.value**2)
            found = (row[f"{kind}_mcc_high"] - row[f"{kind}_mcc_low"]) / 2
            assert found == pytest.approx(half, rel=1e-6)
        assert "weight" in columns or row["weighted_mcc"] is None


def test_several_classes_have_kappa_and_agreement():
    rng = np.random.default_rng(1)
    human = rng.integers(0, 3, 200)
    evaluator = np.where(rng.random(200) < 0.7, human, rng.integers(0, 3, 200))
    frame = pl.DataFrame({"evaluator_name": "a", "human": human, "evaluator": evaluator})

    row = overview(frame, classes=3).row(0, named=True)
    names = frame.with_columns(pl.format("c{}", pl.col(c)).alias(c) for c in ("human", "evaluator"))
    raw = report(names.drop("evaluator_name"), ReportOptions()).raw

    for name in ("accuracy", "mcc", "cohen_kappa"):
        assert row[f"raw_{name}"] == pytest.approx(raw[name].value)
    assert "raw_tpr" not in row


def test_undefined_measures_are_null():
    frame = pl.DataFrame({"evaluator_name": "a", "human": [1, 1], "evaluator": [1, 1]})

    row = overview(frame).row(0, named=True)

    assert row["raw_tnr"] is None
    assert row["raw_mcc"] is None
    assert row["raw_accuracy"] == 1


def test_words_and_numbers_become_classes():
    assert binary_values(["true", "FAIL", "0.7", "0.2", "?"], None) == {
        "true": 1, "FAIL": 0, "0.7": 1, "0.2": 0,
    }  # fmt: skip
    assert binary_values(["pass", "fail"], "fail") == {"pass": 0, "fail": 1}


def test_overview_of_stored_evaluators(command, tmp_path, queue_store):
    boolean_field(queue_store)
    rows = []
    for number in range(40):
        right = int(number % 2 == 0)
        answer(queue_store, trace(number), number % 2 == 0)
        rows.append(("trace", trace(number), "sharp", right))
        rows.append(("trace", trace(number), "blunt", right if number < 30 else 1 - right))
    command("evaluations", "import", write_csv(tmp_path / "s.csv", SCORES, rows))

    said = command("alignment", "overview", "--field", "bad", "--format", "json").json
    table = command("alignment", "overview", "--field", "bad", "--format", "table")

    assert [row["evaluator_name"] for row in said] == ["sharp", "blunt"]
    assert said[1]["raw_accuracy"] == pytest.approx(0.75)
    assert said[1]["pairs"] == 40
    assert "blunt" in table.out


def test_overview_weighs_and_holds_detectors_and_versions(command, tmp_path, queue_store):
    boolean_field(queue_store)
    rows, stored = [], []
    for number in range(60):
        answer(queue_store, trace(number), number % 2 == 0,
               inclusion_probability=1.0 if number < 20 else 0.1)  # fmt: skip
        rows.append(("trace", trace(number), "judge", "1", int(number % 2 == 0)))
        rows.append(("trace", trace(number), "judge", "2", int(number % 2 == 0 and number < 20)))
        decision = "matched" if number % 2 == 0 else "no_match"
        stored.append(
            {
                "trace_id": trace(number),
                "decisions": json.dumps({"loops": {"decision": decision, "version": "3"}}),
            }
        )
    write_traces(tmp_path, stored)
    header = ("object_type", "object_id", "evaluator", "evaluator_version", "score")
    assert command("evaluations", "import", write_csv(tmp_path / "s.csv", header, rows)).code == 0

    said = command("alignment", "overview", "--field", "bad", "--format", "json").json

    found = {row["evaluator_name"]: row for row in said}
    assert set(found) == {"judge 1", "judge 2", "loops 3"}
    assert found["loops 3"]["weighted_accuracy"] == 1
    # 10 of 30 bad ones caught; weighted 10 of 10 + 200.
    assert found["judge 2"]["raw_tpr"] == pytest.approx(1 / 3)
    assert found["judge 2"]["weighted_tpr"] == pytest.approx(10 / 210)


def test_overview_of_a_file_names_bad_weights(command, tmp_path):
    path = write_csv(tmp_path / "o.csv", ("evaluator_name", "human", "evaluator",
                                          "inclusion_probability"), [("a", 1, 1, 0)])  # fmt: skip

    said = command("alignment", "overview", "--pairs", path)

    assert said.code == 2
    assert "row 1: inclusion_probability is 0" in said.err


def test_overview_of_a_field_with_several_classes(command, tmp_path):
    rows = [("a", value, value if number % 4 else "x") for number, value in
            enumerate(["x", "y", "z"] * 20)]  # fmt: skip
    path = write_csv(tmp_path / "o.csv", ("evaluator_name", "human", "evaluator"), rows)

    said = command("alignment", "overview", "--pairs", path, "--format", "json").json
    named = command("alignment", "overview", "--pairs", path, "--positive", "z",
                    "--format", "json").json  # fmt: skip

    assert said[0]["raw_accuracy"] == pytest.approx(50 / 60)
    assert "raw_tpr" not in said[0]
    assert named[0]["raw_tnr"] == 1


def test_overview_of_two_classes_that_are_no_known_words(command, tmp_path):
    rows = [("judge", "cat", "cat"), ("judge", "dog", "cat"), ("judge", "dog", "dog")]
    path = write_csv(tmp_path / "p.csv", ("evaluator_name", "human", "evaluator"), rows)

    assert command("alignment", "overview", "--pairs", path).json["raw_accuracy"] == pytest.approx(
        2 / 3
    )


def test_overview_reads_labels_of_a_categorical_field(command, tmp_path, queue_store):
    options = tuple(FieldOption(value=name) for name in ("full", "none", "part"))
    draft = FieldDraft(name="refusal", type=FieldType.CATEGORICAL, options=options)
    queue_store.create_field(project="default", draft=draft, now=NOW, actor="test")
    rows = []
    for number in range(30):
        answer(queue_store, trace(number), ("full", "none", "part")[number % 3], field="refusal")
        rows.append(("trace", trace(number), "judge", number % 2, ("full", "none")[number % 2]))
        rows.append(("trace", trace(number), "yes_no", int(number % 3 == 0), ""))
    path = write_csv(tmp_path / "s.csv", (*SCORES, "label"), rows)
    assert command("evaluations", "import", path).code == 0

    said = command("alignment", "overview", "--field", "refusal", "--format", "json").json
    named = command("alignment", "overview", "--field", "refusal", "--positive", "full",
                    "--format", "json").json  # fmt: skip

    pairs = {row["evaluator_name"]: row["pairs"] for row in said}
    assert pairs == {"judge": 30, "yes_no": 0}
    accuracy = {row["evaluator_name"]: row["raw_accuracy"] for row in named}
    assert accuracy["yes_no"] == 1
    assert accuracy["judge"] == pytest.approx(0.5)


@pytest.mark.parametrize("columns", [(), ("weight",), ("cluster",), ("weight", "cluster")])
def test_numbers_in_each_row_are_what_the_report_says(columns):
    rng = np.random.default_rng(6)
    frames = [
        pl.DataFrame(
            {"evaluator_name": name, "human": (human := rng.normal(50, 10, 200)),
             "evaluator": human + rng.normal(shift, 4, 200), "cluster": np.arange(200) // 3,
             "weight": rng.uniform(1, 5, 200)}
        ).select("evaluator_name", "human", "evaluator", *columns)
        for name, shift in (("a", 3), ("b", -1))
    ]  # fmt: skip

    rows = overview_of_numbers(pl.concat(frames))

    for frame, row in zip(frames, rows.iter_rows(named=True), strict=True):
        result = report(frame.drop("evaluator_name"), ReportOptions())
        kinds = {"raw": result.raw} | ({"weighted": result.weighted} if "weight" in columns else {})
        for kind, figures in kinds.items():
            for name in ("ccc", "pearson", "bias", "mae"):
                for key in ("value", "ci_low", "ci_high"):
                    column = f"{kind}_{name}" + key.removeprefix("ci").removeprefix("value")
                    assert row[column] == pytest.approx(getattr(figures[name], key)), column
        assert "weight" in columns or row["weighted_ccc"] is None


def test_overview_of_numeric_evaluators_in_the_stores_and_in_a_file(command, tmp_path, queue_store):
    draft = FieldDraft(name="quality", type=FieldType.NUMBER)
    queue_store.create_field(project="default", draft=draft, now=NOW, actor="test")
    rows = []
    for number in range(40):
        score = number % 9 / 2
        answer(queue_store, trace(number), score, field="quality", inclusion_probability=0.5)
        given = {"near": score + 0.25, "far": 4 - score, "dull": 2}
        rows += [("trace", trace(number), name, value) for name, value in given.items()]
    command("evaluations", "import", write_csv(tmp_path / "s.csv", SCORES, rows))
    pairs = [(name, int(number[-8:], 16) % 9 / 2, score) for _, number, name, score in rows]
    path = write_csv(tmp_path / "p.csv", ("evaluator_name", "human", "evaluator"), pairs)

    stored = [json.loads(line) for line in command(
        "alignment", "overview", "-f", "quality").out.splitlines()]  # fmt: skip
    filed = [json.loads(line) for line in command(
        "alignment", "overview", "--pairs", path).out.splitlines()]  # fmt: skip

    assert [row["evaluator_name"] for row in stored] == ["near", "dull", "far"]
    assert stored[0]["weighted_bias"] == pytest.approx(0.25)
    assert stored[0]["weighted_ccc"] == pytest.approx(filed[0]["raw_ccc"])
    assert stored[1]["raw_pearson"] is None
    assert stored[2]["raw_pearson"] == pytest.approx(-1)
    shown = command("alignment", "overview", "-f", "quality", "--format", "table").out
    assert "ccc_low" in shown
    path.write_text("evaluator_name,human,evaluator\na,1.5,nan\na,2.5,1\n")
    said = command("alignment", "overview", "--pairs", path)
    assert (said.code, "row 1: evaluator is nan" in said.err) == (2, True)
