"""Many evaluators in one pass give what the report gives for each."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from test_stored_data import SCORES, answer, boolean_field, queue_store, trace, write_csv

from analytics.alignment.overview import binary_values, overview
from analytics.alignment.report import ReportOptions, report

__all__ = ["queue_store"]


def test_each_row_is_what_the_report_says():
    rng = np.random.default_rng(0)
    frames = []
    for name in ("a", "b", "c"):
        human = rng.integers(0, 2, 200)
        evaluator = np.where(rng.random(200) < 0.8, human, 1 - human)
        frames.append(pl.DataFrame({"evaluator_name": name, "human": human,
                                    "evaluator": evaluator,
                                    "weight": rng.uniform(1, 5, 200)}))  # fmt: skip

    rows = overview(pl.concat(frames))

    for frame, row in zip(frames, rows.iter_rows(named=True), strict=True):
        weighted = report(frame.drop("evaluator_name"), ReportOptions()).weighted
        for name in ("accuracy", "tnr", "mcc", "cohen_kappa"):
            assert row[name] == pytest.approx(weighted[name].value)
        assert row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]


def test_undefined_measures_are_null():
    frame = pl.DataFrame({"evaluator_name": "a", "human": [1, 1], "evaluator": [1, 1]})

    row = overview(frame).row(0, named=True)

    assert row["tnr"] is None
    assert row["mcc"] is None
    assert row["accuracy"] == 1


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

    assert [row["evaluator_name"] for row in said] == ["sharp", "blunt"]
    assert said[1]["accuracy"] == pytest.approx(0.75)
    assert said[1]["pairs"] == 40
