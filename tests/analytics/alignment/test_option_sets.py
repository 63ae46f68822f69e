"""Answers that are sets of options: each option for itself, and the overlap of sets."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from sklearn import metrics
from test_stored_data import NOW, SCORES, answer, queue_store, trace, write_csv

from analytics.alignment.report import ReportOptions, report
from queue_store.model import FieldDraft, FieldOption, FieldType

__all__ = ["queue_store"]
OPTIONS = ("billing", "greeting", "tone")
SETS = ReportOptions(multiple=True)


def chosen(seed, size=120):
    """Two indicator matrices of options, alike in most cells."""
    rng = np.random.default_rng(seed)
    human = rng.random((size, 3)) < 0.4
    return human, np.where(rng.random((size, 3)) < 0.85, human, ~human)


def written(matrix, form):
    rows = [[name for name, there in zip(OPTIONS, row, strict=True) if there] for row in matrix]
    return [json.dumps(row) if form == "json" else "|".join(row) or "[]" for row in rows]


def frame_of(seed=1, form="json", **columns):
    human, evaluator = chosen(seed)
    frame = pl.DataFrame({"human": written(human, form), "evaluator": written(evaluator, "bars")})
    return frame.with_columns(**columns)


@pytest.mark.parametrize("form", ["json", "bars"])
def test_each_option_has_the_figures_of_a_yes_or_no(form):
    human, evaluator = chosen(1)

    found = report(frame_of(form=form), SETS).option_sets

    assert [row["option"] for row in found["options"]] == list(OPTIONS)
    for place, row in enumerate(found["options"]):
        one, two = human[:, place], evaluator[:, place]
        assert row["raw"]["tpr"].value == pytest.approx(metrics.recall_score(one, two))
        assert row["raw"]["mcc"].value == pytest.approx(metrics.matthews_corrcoef(one, two))
        assert row["raw"]["tpr"].ci_low < row["raw"]["tpr"].value


def test_sets_overlap_by_jaccard_and_masi():
    human, evaluator = chosen(1)
    both, either = (human & evaluator).sum(axis=1), (human | evaluator).sum(axis=1)
    shares = np.where(either == 0, 1.0, both / np.maximum(either, 1))

    found = report(frame_of(), SETS).option_sets
    simple = report(
        pl.DataFrame({"human": ["a|b", "a", "a|b", "a"], "evaluator": ["b|a", "a|b", "b|c", "c"]}),
        SETS,
    ).option_sets

    assert found["jaccard"]["raw"].value == pytest.approx(shares.mean())
    assert found["jaccard"]["raw"].n == 120
    assert found["masi"]["raw"].value <= found["jaccard"]["raw"].value
    # Equal; one within the other; a common option; nothing in common.
    assert simple["jaccard"]["raw"].value == pytest.approx((1 + 1 / 2 + 1 / 3 + 0) / 4)
    assert simple["masi"]["raw"].value == pytest.approx((1 + 1 / 2 * 2 / 3 + 1 / 9 + 0) / 4)


def test_the_order_of_options_does_not_matter_and_nothing_chosen_is_an_answer():
    frame = pl.DataFrame(
        {"human": ["b|a", "[]", "a"] * 5, "evaluator": ['["a","b"]', "[]", "b"] * 5}
    )

    result = report(frame, SETS)

    assert result.raw["accuracy"].value == pytest.approx(2 / 3)
    assert result.scope["labels"] == ["(none)", "a", "a | b", "b"]


def test_weights_and_raters_count_for_every_option():
    frame = pl.DataFrame(
        {"item": [1, 1, 1, 2], "rater": ["x", "y", "z", "x"], "human": ["a", "a|b", "a|c", "b"],
         "evaluator": ["a", "a", "a", "a"], "inclusion_probability": [0.5, 0.5, 0.5, 0.1]}
    )  # fmt: skip

    found = report(frame, SETS).option_sets

    assert found["jaccard"]["raw"].value == pytest.approx(0.5)
    assert found["jaccard"]["weighted"].value == pytest.approx(2 / 12)
    assert found["options"][0]["weighted"]["ppv"].value == pytest.approx(2 / 12)


def test_every_form_shows_options(command, tmp_path):
    path, page = tmp_path / "pairs.csv", tmp_path / "page.html"
    frame_of().write_csv(path)
    asked = ("alignment", "report", "--pairs", path, "--multiple")

    assert command(*asked, "--html", page).json["option_sets"]["jaccard"]["raw"]["ci_low"] > 0
    assert "<h2>Options</h2>" in page.read_text()
    assert "sets overlap: Jaccard" in command(*asked, "--format", "table").out
    assert "### Options" in command(*asked, "--format", "markdown").out


def test_a_stored_field_of_several_options_is_read_as_sets(command, tmp_path, queue_store):
    draft = FieldDraft(
        name="topics", type=FieldType.CATEGORICAL, multiple=True,
        options=tuple(FieldOption(value=name) for name in OPTIONS),
    )  # fmt: skip
    queue_store.create_field(project="default", draft=draft, now=NOW, actor="test")
    rows = []
    for number in range(12):
        answer(queue_store, trace(number), ["tone", "billing"], field="topics")
        rows.append(("trace", trace(number), "judge", "", "billing|tone" if number % 2 else "tone"))
    command("evaluations", "import", write_csv(tmp_path / "s.csv", (*SCORES, "label"), rows))

    found = command("alignment", "report", "-e", "judge", "-f", "topics").json

    assert found["raw"]["accuracy"]["value"] == pytest.approx(0.5)
    assert found["option_sets"]["jaccard"]["raw"]["value"] == pytest.approx(0.75)
    assert command("alignment", "overview", "-f", "topics").json["raw_accuracy"] == 0.5
