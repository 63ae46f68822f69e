"""What counts as unusual: few false alarms on ordinary traffic, and what is large is found."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from analytics.baselines import Verdicts, judge, summary, with_cohorts
from analytics.config import AnalysisConfig
from benchmarks.baselines import HOUR, WORLDS, possible, rates, world

BUDGET = AnalysisConfig().false_alarm_budget


@pytest.mark.parametrize("sigma", [0.15, 0.3, 0.8])
def test_stationary_traffic_stays_within_the_false_alarm_budget(sigma):
    found = [rates(world("stationary", 4_000, seed, sigma)) for seed in range(3)]

    assert np.mean([one["false_alarms"] for one in found]) <= BUDGET


@pytest.mark.parametrize("name", ["drifting", "seasonal", "tiny cohorts", "mixed", "heavy tails"])
def test_other_traffic_stays_within_the_budget_too(name):
    assert rates(world(name, 20_000, seed=1))["false_alarms"] <= BUDGET


@pytest.mark.parametrize("name", WORLDS)
def test_cohorts_of_a_hundred_traces_stay_within_the_budget_too(name):
    found = [rates(world(name, 400, seed, sigma=0.4))["false_alarms"] for seed in range(25)]

    assert np.mean(found) <= BUDGET


@pytest.mark.parametrize(
    ("name", "sigma", "least"),
    [
        ("stationary", 0.25, 0.95),
        ("stationary", 0.4, 0.95),
        ("drifting", 0.25, 0.95),
        ("seasonal", 0.25, 0.95),
        # One of twelve traces comes before its cohort has a median of its own.
        ("tiny cohorts", 0.25, 0.9),
        ("heavy tails", 0.25, 0.9),
    ],
)
def test_injected_outliers_of_four_times_are_found(name, sigma, least):
    found = [rates(world(name, 20_000, seed, sigma))["recall"] for seed in range(3)]

    assert np.mean(found) >= least


def test_outliers_above_the_second_hump_are_found_and_those_between_the_humps_cannot_be():
    # One trace in five belongs to the second hump; four times the first looks just like it.
    assert 0.1 <= rates(world("mixed", 20_000, seed=2))["recall"] <= 0.25


def test_a_wide_spread_leaves_less_to_find_whatever_the_test():
    found = rates(world("stationary", 20_000, seed=2, sigma=0.5))["recall"]

    assert 0.75 <= found <= possible(0.5, BUDGET) == pytest.approx(0.91, abs=0.005)


def test_a_cohort_that_moved_for_good_is_judged_by_where_it_is_now():
    series = [100 + place % 9 for place in range(600)] + [300 + place % 27 for place in range(600)]

    now = flagged(traces([*series, 450, 1_500]))

    # The first of the slow ones are flagged, until there are enough of them to be the norm.
    late = now.filter(pl.col("trace_id") > "a-01150")
    assert late["trace_id"].to_list() == ["a-01201"]
    assert late["median"].item() == pytest.approx(313, abs=2)


def traces(durations, agent="a", model="m"):
    count = len(durations)
    return with_cohorts(
        pl.DataFrame(
            {
                "trace_id": [f"{agent}-{place:05d}" for place in range(count)],
                "end_time": [place * HOUR // 60 for place in range(count)],
                "operation_name": ["chat"] * count,
                "request_model": [model] * count,
                "agent_name": [agent] * count,
                "name": ["run"] * count,
                "duration_ms": [float(value) for value in durations],
                "time_to_first_chunk_ms": pl.Series([None] * count, dtype=pl.Float64),
                "total_tokens": pl.Series([None] * count, dtype=pl.Int64),
                "cost_usd": pl.Series([None] * count, dtype=pl.Float64),
                "is_candidate": [True] * count,
            }
        )
    )


def flagged(frame):
    return judge(frame, AnalysisConfig()).outliers


def test_nothing_is_claimed_before_there_are_enough_samples():
    verdicts = judge(traces([100] * 20 + [100_000]), AnalysisConfig())

    assert verdicts.outliers.is_empty()
    assert verdicts.judged["metrics_judged"].sum() == 0


def test_the_candidate_is_no_part_of_its_own_norm():
    found = flagged(traces([100 + place % 5 for place in range(40)] + [1_000]))

    assert found["n"].item() <= 40
    assert found["median"].item() == pytest.approx(102, abs=1)


def test_what_comes_later_does_not_matter():
    series = [100 + place % 5 for place in range(60)] + [1_000]
    now = flagged(traces(series))
    later = flagged(traces(series + [5_000] * 300)).filter(trace_id="a-00060")

    assert later.select(pl.exclude("z")).equals(now.select(pl.exclude("z")))


def test_zero_and_unknown_values_are_no_samples():
    found = flagged(traces([0.0] * 500 + [100 + place % 5 for place in range(40)] + [1_000]))

    assert found["value"].to_list() == [1_000]


def test_a_small_cohort_is_compared_with_a_wider_one_and_says_so():
    many = traces([100 + place % 20 for place in range(200)], agent="many")
    few = traces([180 + place for place in range(10)] + [6_000], agent="few").with_columns(
        end_time=pl.col("end_time") + 200 * HOUR // 60
    )

    found = flagged(pl.concat([many, few]))

    assert found["trace_id"].to_list() == ["few-00010"]
    assert found["cohort_level"].item() == "operation_model"
    assert found["n"].item() >= 100


def test_a_workload_that_is_slow_by_nature_is_not_flagged_by_its_neighbours():
    many = traces([100 + place % 20 for place in range(400)], agent="many")
    slow = traces([900 + place % 50 for place in range(200)], agent="slow")

    assert flagged(pl.concat([many, slow])).height <= 5


def test_the_summary_lists_every_level():
    listed = summary(traces(range(100, 200)), window_start=0, window_end=10**18)

    assert set(listed["cohort_level"]) == {
        "operation_model_agent",
        "operation_model",
        "operation",
        "project",
    }
    assert listed["n"].unique().to_list() == [100]


def test_what_is_said_of_a_few_traces_is_found_among_many():
    names = [f"{number:03}" for number in range(0, 300, 3)]
    judged = pl.DataFrame({"trace_id": names, "metrics_judged": range(100)})
    verdicts = Verdicts(outliers=judged.clear(), judged=judged)
    asked = pl.DataFrame({"trace_id": ["000", "001", "150", "297", "298"]})

    said = asked.join(verdicts.judged_of(asked["trace_id"]), on="trace_id", how="left")

    assert said["metrics_judged"].to_list() == [0, None, 50, 99, None]
    assert verdicts.judged_of(asked["trace_id"]).height <= asked.height
    nothing = Verdicts(outliers=judged.clear(), judged=judged.clear())
    assert nothing.judged_of(asked["trace_id"]).is_empty()
