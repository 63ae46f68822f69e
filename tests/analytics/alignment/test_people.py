"""People among themselves through the report and its commands: published tables, odd scales."""

from __future__ import annotations

import polars as pl
import pytest

from analytics.alignment.report import ReportOptions, report
from analytics.alignment.score_types import ScaleOptions, ScoreType

# Krippendorff's example of four raters and twelve units.
UNITS = {
    "A": [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    "B": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    "C": [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    "D": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
}


@pytest.fixture
def units(tmp_path):
    """The example as a file of people's ratings alone."""
    rows = [
        {"item": unit, "rater": rater, "human": value, "evaluator": None}
        for rater, values in UNITS.items()
        for unit, value in enumerate(values)
        if value is not None
    ]
    path = tmp_path / "units.csv"
    pl.DataFrame(rows, schema_overrides={"evaluator": pl.String}).write_csv(path)
    return path


@pytest.mark.parametrize(
    ("asked", "alpha"),
    [
        ((), 0.815388),
        (("--type", "ordinal"), 0.815388),
        (("--type", "categorical"), 0.743421),
        (("--type", "numeric"), 0.849107),
    ],
)
def test_alpha_of_people_alone_follows_the_type_of_their_scores(command, units, asked, alpha):
    said = command("alignment", "agreement", "--pairs", units, *asked)

    assert said.json["alpha_humans"]["value"] == pytest.approx(alpha, abs=1e-6)


def test_coefficients_of_all_people_are_the_published_ones(command, units):
    found = command("alignment", "agreement", "--pairs", units).json

    for name, value in (
        ("fleiss_kappa_humans", 0.761169),
        ("conger_kappa_humans", 0.762067),
        ("gwet_ac1_humans", 0.775444),
        ("gwet_ac2_humans", 0.914001),
        ("brennan_prediger_humans", 0.772727),
    ):
        assert found[name]["value"] == pytest.approx(value, abs=1e-6), name
        assert found[name]["ci_low"] < found[name]["value"] < found[name]["ci_high"]
    # Gwet's standard error of the same example is .14295.
    half = found["gwet_ac1_humans"]["value"] - found["gwet_ac1_humans"]["ci_low"]
    assert half == pytest.approx(1.959964 * 0.14295, abs=1e-5)


def test_people_who_all_say_the_same_have_no_coefficient_but_a_reason(command, tmp_path):
    path = tmp_path / "same.csv"
    path.write_text(
        "item,rater,human,evaluator\n1,a,2,\n1,b,2,\n2,a,2,\n2,b,2\n".replace("2\n", "2,\n")
    )

    found = command("alignment", "agreement", "--pairs", path).json

    for name in ("alpha_humans", "fleiss_kappa_humans", "gwet_ac1_humans"):
        assert found[name]["value"] is None
        assert found[name]["null_reason"]


def raters_on_a_scale(evaluator):
    """Three people on a scale of five; the evaluator is as given, by item."""
    rows = []
    for item in range(60):
        truth = item % 5 + 1
        for rater, every in (("a", 4), ("b", 5), ("c", 6)):
            value = max(1, truth - 2) if item % every == 0 else truth
            rows.append((str(item), rater, value, evaluator(item, truth)))
    columns = ["item", "rater", "human", "evaluator"]
    return pl.DataFrame(rows, schema=columns, orient="row")


@pytest.mark.parametrize("step", [1, 3])
def test_on_a_scale_the_alternative_test_measures_distance_and_not_agreement(step):
    """An evaluator one step off is nearer to people than one three steps off."""
    options = ReportOptions(scale=ScaleOptions(score_type=ScoreType.ORDINAL))
    frame = raters_on_a_scale(lambda item, truth: max(1, truth - step * (item % 3 == 0)))

    found = report(frame, options).ceiling["alternative_test"]["advantage"]

    people = frame.pivot("rater", index=["item", "evaluator"], values="human")
    wins = [
        (distance(people, "evaluator", rater) <= distance(people, rater, rater)).mean()
        for rater in "abc"
    ]
    assert found.value == pytest.approx(sum(wins) / 3)


def distance(people, side, rater):
    """The root mean squared distance of one column to the other people, by item."""
    others = [name for name in "abc" if name != rater]
    squares = sum((people[side] - people[name]) ** 2 for name in others) / len(others)
    return squares.sqrt()


def test_what_the_alternative_test_grants_can_be_said(command, tmp_path):
    path = tmp_path / "pairs.csv"
    rows = []
    for item in range(60):
        truth = int(item % 3 > 0)
        for rater, every in (("A", 10), ("B", 7), ("C", 4)):
            rows.append((str(item), rater, truth ^ (item % every == 0), truth ^ (item % 12 == 0)))
    columns = ["item", "rater", "human", "evaluator"]
    pl.DataFrame(rows, schema=columns, orient="row").cast(
        {"human": pl.Int64, "evaluator": pl.Int64}
    ).write_csv(path)

    for granted, winning in (("0", 2 / 3), ("0.1", 1.0)):
        said = command("alignment", "report", "--pairs", path, "--epsilon", granted)
        test = said.json["ceiling"]["alternative_test"]

        assert test["epsilon"] == float(granted)
        assert test["winning_rate"]["value"] == pytest.approx(winning)
