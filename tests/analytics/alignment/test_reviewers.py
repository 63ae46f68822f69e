"""Each reviewer against the others, against known answers, against themselves; sets of answers."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import cohen_kappa_score

from analytics.alignment.markdown import markdown
from analytics.alignment.page.document import html_page
from analytics.alignment.rater_pairs import every_pair, intraclass_figures, mean_kappa
from analytics.alignment.raters import intraclass
from analytics.alignment.report import ReportOptions, report


@pytest.fixture(scope="module")
def reviewed():
    """Sixty items: ann is always right, bob in three of four; each saw twenty items twice."""
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 60)
    rows = []
    for item, right in enumerate(truth):
        for rater, wrong in (("ann", False), ("bob", item % 4 == 0)):
            value = 1 - right if wrong else right
            shared = {"item": item, "rater": rater, "evaluator": right, "gold": right}
            rows.append({**shared, "human": value, "repeat": False})
            if item < 20:
                second = 1 - value if rater == "bob" and item % 5 == 0 else value
                rows.append({**shared, "human": second, "repeat": True})
    return pl.DataFrame(rows)


def test_each_reviewer_is_compared_with_known_answers_and_with_themselves(reviewed):
    ann, bob = report(reviewed, ReportOptions()).ceiling["reviewers"]

    assert (ann["rater"], ann["labels"]) == ("ann", 60)
    assert ann["gold_accuracy"].value == 1
    assert bob["gold_accuracy"].value == pytest.approx(0.75)
    assert bob["gold_accuracy"].ci_low == pytest.approx(0.6277, abs=1e-4)
    assert bob["agreement_with_others"].value == pytest.approx(0.75)
    assert ann["repeat_consistency"]["agreement"].value == 1
    assert bob["repeat_consistency"]["agreement"].value == pytest.approx(0.8)
    assert bob["repeat_consistency"]["agreement"].n == 20
    kappa = bob["repeat_consistency"]["kappa"]
    assert kappa.ci_low < kappa.value < kappa.ci_high


def test_second_answers_count_nowhere_else(reviewed):
    once = report(reviewed.filter(~pl.col("repeat")), ReportOptions()).to_json()
    twice = report(reviewed, ReportOptions()).to_json()

    for section in ("raw", "confusion", "pass_rate"):
        assert once[section] == twice[section]


def test_one_reviewer_alone_is_still_compared_with_known_answers(reviewed):
    people = report(reviewed.filter(pl.col("rater") == "bob"), ReportOptions()).ceiling

    assert people["null_reason"] is not None
    assert people["reviewers"][0]["gold_accuracy"].value == pytest.approx(0.75)


@pytest.mark.parametrize("form", ["table", "markdown", "json"])
def test_every_form_shows_reviewers(reviewed, command, tmp_path, form):
    reviewed.write_csv(tmp_path / "pairs.csv")

    said = command("alignment", "report", "--pairs", tmp_path / "pairs.csv", "--format", form)

    assert said.code == 0
    assert "bob" in said.out
    assert "0.75" in said.out
    assert form != "table" or max(map(len, said.out.splitlines())) <= 100


def test_people_among_themselves_from_a_file(reviewed, command, tmp_path):
    reviewed.write_csv(tmp_path / "pairs.csv")

    said = command("alignment", "agreement", "--pairs", tmp_path / "pairs.csv", "--format", "json")

    assert said.json["reviewers"][1]["gold_accuracy"]["value"] == pytest.approx(0.75)
    assert said.json["reviewers"][1]["repeat_consistency"]["agreement"]["n"] == 20


def test_page_and_markdown_show_reviewers(reviewed):
    document = report(reviewed, ReportOptions()).to_json()

    assert "kappa with themselves" in html_page(document)
    assert "| bob | 60 |" in markdown(document)


def test_a_verdict_within_the_acceptable_set_is_accepted():
    frame = pl.DataFrame(
        {"human": ["a", "a", "b", "c"], "evaluator": ["a", "b", "c", "a"],
         "also_acceptable": [None, "b|c", '["c"]', "b"]}
    )  # fmt: skip
    raw = report(frame, ReportOptions()).raw

    assert raw["accuracy"].value == pytest.approx(0.25)
    assert raw["acceptable"].value == pytest.approx(0.75)
    assert raw["acceptable"].ci_low is not None


def test_several_raters_accept_by_majority():
    rows = [
        ("i", "x", "a", "b"), ("i", "y", "a", "b"), ("i", "z", "a", None),
        ("j", "x", "a", "b"), ("j", "y", "a", None), ("j", "z", "a", None),
    ]  # fmt: skip
    frame = pl.DataFrame(
        rows, schema=["item", "rater", "human", "also_acceptable"], orient="row"
    ).with_columns(evaluator=pl.lit("b"))

    assert report(frame, ReportOptions()).raw["acceptable"].value == pytest.approx(0.5)


def test_without_recorded_sets_the_figure_says_so():
    raw = report(pl.DataFrame({"human": [1, 0], "evaluator": [1, 0]}), ReportOptions()).raw

    assert raw["acceptable"].null_reason == "does not apply: nobody named further acceptable values"


def test_mean_kappa_is_that_of_scikit_learn_and_its_interval_covers_it():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 200)
    values = np.column_stack(
        [np.where(rng.random(200) < 0.8, truth, rng.integers(0, 3, 200)) for _ in range(3)]
    ).astype(float)

    found = mean_kappa(values, 3, every_pair(3), None)

    theirs = [cohen_kappa_score(values[:, a], values[:, b]) for a, b in every_pair(3)]
    assert found.value == pytest.approx(np.mean(theirs))
    assert found.ci_low < found.value < found.ci_high


def test_intraclass_intervals_surround_their_values():
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(40, 1)) + rng.normal(scale=0.5, size=(40, 3))

    figures = intraclass_figures(scores, None, 0)

    for name, value in intraclass(scores).items():
        assert figures[name].value == pytest.approx(value)
        assert figures[name].ci_low < value < figures[name].ci_high
    assert json.dumps(figures["A,1"].to_json())
