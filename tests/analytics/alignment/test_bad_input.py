"""Bad input: each case has its documented answer, never a wrong number, never a stack trace."""

from __future__ import annotations

import polars as pl
import pytest

from analytics.alignment.errors import (
    InvalidPairsError,
    MissingColumnError,
    UnknownOptionError,
    UselessThresholdError,
)
from analytics.alignment.report import ReportOptions, report
from analytics.alignment.score_types import ScaleOptions, ScoreType


def of(frame, **scale):
    return report(pl.DataFrame(frame), ReportOptions(scale=ScaleOptions(**scale)))


def figures(result):
    return {**{f"raw {k}": v for k, v in result.raw.items()},
            **{f"weighted {k}": v for k, v in result.weighted.items()}}  # fmt: skip


@pytest.mark.parametrize(
    "frame",
    [
        {"human": [1, 1, 1, 1], "evaluator": [1, 1, 1, 1]},
        {"human": [1, 1, 1, 1], "evaluator": [1, 0, 1, 0]},
        {"human": [1, 0, 1, 0], "evaluator": [0, 0, 0, 0]},
        {"human": [1, 0], "evaluator": [1, 0]},
        {"human": [1], "evaluator": [0]},
        {"human": ["a", "a"], "evaluator": ["a", "a"]},
        {"human": [2.5, 2.5, 2.5], "evaluator": [2.5, 2.5, 2.5]},
        {"human": [2.5, 2.5, 2.5], "evaluator": [1.5, 2.0, 2.5]},
        {"human": [3, 3], "evaluator": [3, 4]},
        {"human": [1, 0, 1], "evaluator": [0.2, 0.2, 0.2]},
        {"human": [1.5, 0.25, 1.75], "evaluator": ["pass", "fail", "pass"]},
        {"human": pl.Series([None, None], dtype=pl.Int64), "evaluator": [1, 0]},
        {"human": [1, 0], "evaluator": pl.Series([None, None], dtype=pl.Int64)},
        {"human": pl.Series([], dtype=pl.Int64), "evaluator": pl.Series([], dtype=pl.Int64)},
        {"human": [1, 0, 1, 0], "evaluator": [1, 0, 0, 1], "cluster": ["s", "s", "s", "s"]},
        {"human": [1, 0, 1], "evaluator": [1, 0, 0], "inclusion_probability": [0.5, None, None]},
    ],
)
def test_every_figure_is_a_number_or_says_why_not(frame):
    result = of(frame)

    for name, figure in figures(result).items():
        assert (figure.value is None) == bool(figure.null_reason), name
        if figure.ci_low is not None:
            assert figure.ci_low <= figure.value + 1e-9, name
            assert figure.ci_high >= figure.value - 1e-9, name
    result.to_json()


def test_two_rows_show_cases_and_no_verdict():
    result = of({"human": [1, 0], "evaluator": [1, 0]})

    assert result.verdict["level"] == "too_few"
    assert result.raw["cohen_kappa"].ci_low < 0.6


def test_constant_people_leave_the_other_class_unknown():
    raw = of({"human": [1, 1, 1, 1], "evaluator": [1, 0, 1, 0]}).raw

    assert raw["tnr"].value is None
    assert raw["balanced_accuracy"].value is None
    assert raw["mcc"].value is None
    assert raw["tpr"].value == 0.5


def test_nan_scores_are_named():
    frame = {"human": [1.0, 2.0, float("nan")], "evaluator": [1.0, float("nan"), 2.0]}

    with pytest.raises(InvalidPairsError, match=r"row 3: human is NaN.*row 2: evaluator is NaN"):
        of(frame)


def test_an_item_rated_twice_by_one_rater_is_named():
    frame = {"item": ["a", "b", "a"], "human": [1, 0, 1], "evaluator": [1, 0, 1]}

    with pytest.raises(InvalidPairsError, match=r"rows 1, 3: item 'a' is there 2 times"):
        of(frame)


def test_an_item_with_two_evaluator_scores_is_named():
    frame = {"item": ["a", "a"], "rater": ["x", "y"], "human": [1, 1], "evaluator": [1, 0]}

    with pytest.raises(InvalidPairsError, match=r"item 'a' has several values of evaluator"):
        of(frame)


@pytest.mark.parametrize(
    ("probability", "message"),
    [
        (1.5, "row 2: inclusion_probability is 1.5, it must be above 0 up to 1"),
        (-0.1, "row 2: inclusion_probability is -0.1"),
        (0.0, "row 2: it has a human value although its inclusion_probability is 0"),
    ],
)
def test_impossible_probabilities_are_named(probability, message):
    frame = {"human": [1, 0], "evaluator": [1, 0], "inclusion_probability": [0.5, probability]}

    with pytest.raises(InvalidPairsError, match=message):
        of(frame)


def test_missing_probabilities_leave_rows_out_of_weighted_figures_and_count_them():
    frame = {
        "item": ["a", "b", "c", "d"], "human": [1, 0, 1, 0], "evaluator": [1, 0, 0, 0],
        "inclusion_probability": [0.5, 0.5, None, 0.5],
    }  # fmt: skip
    result = of(frame)

    assert result.raw["accuracy"].value == pytest.approx(0.75)
    assert result.weighted["accuracy"].value == 1
    left_out = result.sampling["excluded_from_weighted"]
    assert left_out == [
        {"reason": "no_probability", "sentence": "no inclusion probability was recorded",
         "count": 1, "items": ["c"]}
    ]  # fmt: skip


@pytest.mark.parametrize("flag", ["manual", "reopened", "used_for_tuning", "out_of_order"])
def test_flagged_rows_are_left_out_of_weighted_figures(flag):
    frame = {
        "human": [1, 0, 1, 0], "evaluator": [1, 0, 0, 0], flag: [False, False, True, False],
        "inclusion_probability": [0.5] * 4,
    }  # fmt: skip
    result = of(frame)

    assert result.weighted["accuracy"].n == 3
    assert result.sampling["excluded_from_weighted"][0]["reason"] == flag


def test_labels_given_in_view_of_the_verdict_are_left_out_of_weighted_figures():
    frame = {
        "human": [1, 0, 1], "evaluator": [1, 0, 0], "blind": ["true", "true", "false"],
        "inclusion_probability": [0.5] * 3,
    }  # fmt: skip

    result = of(frame)

    assert result.sampling["excluded_from_weighted"][0]["reason"] == "not_blind"


def test_a_human_value_outside_the_labels_is_named():
    frame = {"human": ["full", "maybe"], "evaluator": ["full", "none"]}

    with pytest.raises(InvalidPairsError, match=r"row 2: human is 'maybe'.*full, none"):
        of(frame, labels=("full", "none"))


def test_an_evaluator_value_outside_the_labels_is_no_score_and_is_counted():
    frame = {"human": ["full", "none"], "evaluator": ["full", "sorry, I cannot"]}

    result = of(frame, labels=("full", "none"))

    assert result.scope["outside_labels"]["count"] == 1
    assert result.raw["accuracy"].n == 1


def test_a_missing_column_is_named_with_the_nearest():
    with pytest.raises(MissingColumnError, match="'evaluator'; did you mean evaluater"):
        of({"human": [1], "evaluater": [1]})


def test_an_unknown_positive_value_is_refused():
    with pytest.raises(UnknownOptionError, match="unknown positive value 'broken'"):
        of({"human": ["pass"], "evaluator": ["fail"]}, positive="broken")


def test_an_unknown_version_is_refused():
    frame = pl.DataFrame({"human": [1], "evaluator": [1], "evaluator_version": ["v1"]})

    with pytest.raises(UnknownOptionError, match="known: v1"):
        report(frame, ReportOptions(version="v9"))


def test_text_where_numbers_were_asked_is_refused():
    with pytest.raises(InvalidPairsError, match="row 1: human is 'good'"):
        of({"human": ["good"], "evaluator": ["2"]}, score_type=ScoreType.NUMERIC)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("empty.csv", ""),
        ("header.csv", "human,evaluator\n"),
        ("ragged.csv", "human,evaluator\n1,1,1\n"),
        ("bad.jsonl", '{"human": 1, "evaluator": 1}\n{"human": \n'),
        ("list.jsonl", "[1, 2]\n"),
        ("other.xml", "<a/>"),
        ("binary.parquet", "PAR1 and then nothing"),
        ("nan.csv", "human,evaluator\n1,NaN\n"),
        ("wide.csv", "human,evaluator,blind\n1,1,perhaps\n"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_without_a_stack_trace(
    command, tmp_path, name, text
):
    path = tmp_path / name
    path.write_text(text)

    said = command("alignment", "report", "--pairs", path)

    assert said.code in (0, 2)
    assert "Traceback" not in said.err
    if name != "header.csv":
        assert said.code == 2
        assert said.err.startswith("Error: ")


def test_words_and_numbers_are_read_as_one_boolean_with_the_rule_shown():
    result = of({"human": ["pass", "fail", "pass", "fail"], "evaluator": [1, 0, 0, 0]})

    assert result.scope["positive"] == "fail"
    assert result.scope["pass"] == "pass"
    assert (result.confusion["tp"], result.confusion["fp"]) == (2, 1)
    assert "human pass/fail and evaluator 1/0 are read as pass/fail" in result.scope["mapping"]


def test_three_classes_have_no_rates_until_one_is_named():
    frame = {"human": ["a", "b", "c", "a"], "evaluator": ["a", "b", "b", "c"]}

    assert of(frame).raw["tpr"].null_reason == "several classes: name the positive one"
    named = of(frame, positive="a")
    assert named.raw["tpr"].value == 0.5
    assert named.raw["accuracy"].value == 0.5
    assert named.pass_rate["of"] == "not a"


def test_numbers_on_both_sides_need_both_thresholds_for_pass_and_fail():
    frame = {"human": [1.5, 4.5, 3.5, 2.25], "evaluator": [10.0, 90.0, 40.0, 70.5]}

    assert "both thresholds" in of(frame).raw["tpr"].null_reason
    cut = of(frame, threshold=50.0, human_threshold=3.0)
    assert cut.raw["tpr"].value == 0.5
    assert cut.scope["positive"] == "fail"


def test_words_are_read_in_every_common_case_and_others_stay_classes():
    usual = of({"human": ["True", "FALSE", "true"], "evaluator": ["TRUE", "False", "false"]})
    odd = of({"human": ["tRuE", "false"], "evaluator": ["true", "false"]})

    assert usual.scope["score_type"] == "boolean"
    assert usual.raw["accuracy"].n == 3
    assert odd.scope["score_type"] == "categorical"
    assert odd.raw["accuracy"].n == 2


def test_a_number_too_large_is_no_number():
    with pytest.raises(InvalidPairsError, match="row 1: human is 1e400"):
        report(pl.DataFrame({"human": ["1e400", "2"], "evaluator": ["1", "2"]}), ReportOptions())


def test_an_item_labelled_in_one_row_and_not_in_another_is_named():
    frame = pl.DataFrame({"item": ["a", "a"], "human": [1, None], "evaluator": [1, 1]})

    with pytest.raises(InvalidPairsError, match="row 2: item 'a' stands in another row too"):
        report(frame, ReportOptions())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("human,evaluator\n1,1\n1,1,3\n", "line 3 has 3 cells, the header has 2"),
        ("human;evaluator\n1;1\n", "separated by commas, and here by semicolons"),
        ("human\tevaluator\n1\t1\n", "separated by commas, and here by tabs"),
    ],
)
def test_a_file_with_other_columns_is_told_which(command, tmp_path, text, told):
    path = tmp_path / "pairs.csv"
    path.write_text(text)

    said = command("alignment", "report", "--pairs", path)

    assert said.code == 2
    assert told in said.err


def test_a_detector_that_says_yes_or_no_is_compared_with_the_positive_class():
    frame = pl.DataFrame(
        {"human": ["full", "none", "part", "full"], "evaluator": ["true", "false", "true", "false"]}
    )
    asked = ScaleOptions(labels=("full", "none", "part"), positive="full")
    result = report(frame, ReportOptions(scale=asked))

    assert result.scope["score_type"] == "boolean"
    assert (result.confusion["tp"], result.confusion["fn"], result.confusion["fp"]) == (1, 1, 1)
    assert "evaluator true is read as full" in " ".join(result.scope["mapping"])


@pytest.mark.parametrize("evaluator", [["yes", "true", "no", "false"], ["1", "yes", "0", "no"]])
def test_one_boolean_in_several_spellings_is_refused_and_not_compared_as_classes(evaluator):
    frame = {"human": ["1", "1", "0", "0"], "evaluator": evaluator}

    with pytest.raises(InvalidPairsError, match=r"row 2: evaluator is .*spelled in several ways"):
        of(frame)
    assert of(frame, score_type=ScoreType.CATEGORICAL).raw["accuracy"].value is not None


def test_classes_without_a_common_value_are_told():
    result = of({"human": ["cat", "dog"] * 10, "evaluator": ["Hund", "Katze"] * 10})

    assert "people and the evaluator have no value in common" in result.scope["warnings"]


@pytest.mark.parametrize(
    ("command_line", "told"),
    [
        (("gate", "--min-mcc", "nan"), "nan is no number"),
        (("gate", "--min-mcc", "7"), "7 is not between -1 and 1"),
        (("gate", "--max-mae", "-1"), "-1 is not between 0 and inf"),
        (("report", "--threshold", "inf"), "inf is no number"),
        (("report", "--gate", "nan"), "nan is no number"),
    ],
)
def test_bounds_that_no_figure_can_have_are_refused(command, tmp_path, command_line, told):
    path = tmp_path / "pairs.csv"
    path.write_text("human,evaluator\n1,1\n0,0\n")
    name, *rest = command_line

    said = command("alignment", name, "--pairs", path, *rest)

    assert said.code == 2
    assert told in said.err


def test_a_file_with_two_columns_of_one_name_is_refused(command, tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("human,human,evaluator\n1,0,1\n0,0,0\n")

    said = command("alignment", "report", "--pairs", path)

    assert said.code == 2
    assert "several columns are called human" in said.err


def risk_scores():
    """A score of risk: high where people say fail."""
    human = ["fail" if number % 3 == 0 else "pass" for number in range(60)]
    score = [0.9 - number / 1000 if word == "fail" else 0.1 + number / 1000
             for number, word in enumerate(human)]  # fmt: skip
    return {"human": human, "evaluator": score}


def test_scores_of_risk_are_read_as_such_when_that_is_said():
    backwards, said = of(risk_scores()), of(risk_scores(), high="fail")

    assert backwards.raw["accuracy"].value == 0
    assert backwards.thresholds["warning"].endswith("say --high fail")
    assert said.raw["accuracy"].value == 1
    assert (said.scope["positive"], said.scope["pass"]) == ("fail", "pass")
    assert said.thresholds["auc"].value == pytest.approx(1)
    assert said.thresholds["warning"] is None
    assert said.thresholds["sweep"][-1]["tnr"] == 1
    assert "evaluator score >= 0.5 is read as fail" in said.scope["mapping"][1]


def test_high_scores_of_a_neutral_pair_may_stand_for_either_value():
    frame = {"human": [True, False] * 20, "evaluator": [0.2, 0.7] * 20}

    found = of(frame, high="false")

    assert found.raw["tpr"].value == 1
    assert found.scope["positive"] == "true"


def test_named_points_that_are_numbers_keep_their_values():
    frame = {"human": [1, 3, 5, 3] * 5, "evaluator": [1, 5, 5, 3] * 5}

    found = of(frame, labels=("1", "3", "5"), score_type=ScoreType.ORDINAL)

    assert found.raw["bias"].value == pytest.approx(0.5)
    assert found.pass_rate["human_weighted"].value == pytest.approx(3)


@pytest.mark.parametrize(
    ("scale", "side"),
    [
        ({"threshold": 0.5}, "--threshold cuts numbers, and the evaluator's scores are classes: "),
        ({"human_threshold": 2}, "--human-threshold cuts numbers, and people's answers are"),
    ],
)
@pytest.mark.parametrize(
    ("values", "labels"),
    [(["low", "high", "odd"], ()), (["yes", "no"], ()), (["1", "2", "3"], ("1", "2", "3"))],
)
def test_a_threshold_that_cuts_nothing_is_refused(scale, side, values, labels):
    with pytest.raises(UselessThresholdError, match=side):
        of({"human": values, "evaluator": values}, labels=labels, **scale)


def test_a_threshold_between_the_numbers_of_a_yes_or_no_is_none_too_many():
    result = of({"human": [1, 0], "evaluator": [1, 0]}, threshold=0.5, human_threshold=0.5)

    assert result.confusion["counts"] == [[1, 0], [0, 1]]
