"""What norms rest on: earlier samples alone, within the window, of the cohort that is named."""

from __future__ import annotations

import json
from dataclasses import replace
from math import exp

import numpy as np
import polars as pl
import pytest

from analytics.baselines import OUTLIERS, judge, next_limits, with_cohorts
from analytics.config import AnalysisConfig
from analytics.detectors.resource_outliers import ResourceOutliers
from analytics.layouts import layout
from analytics.tails import Ascending, Spending, growth_error, lightness, z_of
from benchmarks.baselines import HOUR, rates, world
from tests.analytics.contexts import context_of
from tests.analytics.spans import chat, span

CONFIG = AnalysisConfig()
WEEK = 7 * 24 * HOUR


def judged(traces, config=CONFIG):
    return judge(with_cohorts(traces), config).outliers


@pytest.mark.parametrize("name", ["stationary", "tiny cohorts", "seasonal"])
def test_no_outlier_has_a_say_in_its_own_norm_or_in_an_earlier_one(name):
    traces = world(name, 800, seed=4)
    before = judged(traces)
    picked = before["trace_id"].unique().sort()[:8]

    for trace_id in picked:
        larger = pl.when(pl.col("trace_id") == trace_id).then(1000).otherwise(1)
        changed = traces.with_columns(
            duration_ms=pl.col("duration_ms") * larger,
            total_tokens=pl.col("total_tokens") * larger,
            cost_usd=pl.col("cost_usd") * larger,
        )
        moment = traces.filter(pl.col("trace_id") == trace_id)["end_time"].item()
        until = traces.filter(pl.col("end_time") <= moment)["trace_id"].implode()
        norm = ["trace_id", "metric", "cohort_level", "n", "own_n", "median", "p95", "threshold"]
        # Larger, it may stand out on further metrics; what stood out has the very norm it had.
        known = before.filter(pl.col("trace_id").is_in(until)).select(norm)
        again = judged(changed).filter(pl.col("trace_id").is_in(until)).select(norm)

        assert known.height > 0
        assert known.join(again, on=norm, how="anti").is_empty()


def steady_traces(times, agent="a"):
    count = len(times)
    return pl.DataFrame(
        {
            "trace_id": [f"{agent}-{place:05d}" for place in range(count)],
            "end_time": pl.Series(times, dtype=pl.Int64),
            "operation_name": ["chat"] * count,
            "request_model": ["m"] * count,
            "agent_name": [agent] * count,
            "name": ["run"] * count,
            "duration_ms": [100.0 + place * 7 % 11 for place in range(count)],
            "time_to_first_chunk_ms": pl.Series([None] * count, dtype=pl.Float64),
            "total_tokens": pl.Series([None] * count, dtype=pl.Int64),
            "cost_usd": pl.Series([None] * count, dtype=pl.Float64),
            "is_candidate": [True] * count,
        }
    )


@pytest.mark.parametrize(
    ("age", "found"), [(WEEK + HOUR, 0), (WEEK - 2 * HOUR, 1)], ids=["beyond", "within"]
)
def test_samples_count_within_the_trailing_window_alone(age, found):
    last = 1_000 * HOUR + HOUR // 2
    past = steady_traces([last - age + place for place in range(100)])
    now = steady_traces([last], "a").with_columns(
        trace_id=pl.lit("now"), duration_ms=pl.lit(5_000.0)
    )

    verdicts = judge(with_cohorts(pl.concat([past, now])), CONFIG)

    assert verdicts.outliers.filter(trace_id="now").height == found
    counts = dict(verdicts.judged.iter_rows())
    assert counts["now"] == found


def test_a_run_that_reads_one_window_reaches_the_verdicts_of_one_that_reads_everything():
    config = AnalysisConfig(baseline_window_seconds=6 * 3600.0)
    traces = world("drifting", 3_000, seed=3)
    late = 20 * HOUR
    everything = judged(traces, config).filter(
        pl.col("trace_id").is_in(traces.filter(pl.col("end_time") >= late)["trace_id"].implode())
    )
    window = traces.filter(pl.col("end_time") >= late - 6 * HOUR).with_columns(
        is_candidate=pl.col("end_time") >= late
    )

    assert everything.height > 5
    assert judged(window, config).equals(everything)


def test_the_order_in_which_traces_come_does_not_matter():
    traces = world("tiny cohorts", 2_000, seed=5).with_columns(
        end_time=pl.col("end_time") // HOUR * HOUR
    )

    assert judged(traces).equals(judged(traces.reverse()))
    assert judged(traces).equals(judged(traces.sample(fraction=1.0, shuffle=True, seed=1)))


def test_the_limit_shown_is_the_one_that_the_next_trace_meets():
    traces = world("stationary", 3_000, seed=6)
    limits = next_limits(with_cohorts(traces), CONFIG)
    agents = {name.rsplit(" ", 1)[1] for name, _ in limits}
    assert len(agents) == 4

    for (name, metric), limit in limits.items():
        if metric != "duration_ms":
            continue
        for factor, is_flagged in ((0.999, False), (1.001, True)):
            following = traces[:1].with_columns(
                trace_id=pl.lit("~next"),
                agent_name=pl.lit(name.rsplit(" ", 1)[1]),
                end_time=pl.lit(traces["end_time"].max()),
                duration_ms=pl.lit(limit * factor),
                total_tokens=pl.lit(1, dtype=pl.Int64),
            )
            found = judged(pl.concat([traces, following])).filter(trace_id="~next")
            assert ("duration_ms" in found["metric"].to_list()) is is_flagged


def test_nothing_has_a_limit_where_there_is_nothing():
    empty = with_cohorts(world("stationary", 400, seed=1)[:0])

    assert next_limits(empty, CONFIG) == {}
    assert judge(empty, CONFIG).judged.is_empty()


@pytest.mark.parametrize(
    ("agents", "said"),
    [
        (["a"] * 100, "earlier traces of operation_model_agent 'chat | gpt-4o | a' (limit "),
        (["b"] * 100 + ["a"] * 9, "the 9 earlier traces of its kind (limit "),
        (["b"] * 100 + ["a"], "the one earlier trace of its kind (limit "),
        (["b"] * 120, "of its own kind it is the first"),
    ],
    ids=["own", "relatives", "one", "stranger"],
)
def test_the_reason_says_whose_median_it_is_and_whose_spread(agents, said):
    spans = [
        chat(f"t{place}", at=place * 60, seconds=1 + place * 3 % 7 / 50, agent_name=agent)
        for place, agent in enumerate(agents)
    ]
    spans.append(chat("late", at=len(agents) * 60, seconds=90, agent_name="a"))
    context = context_of(spans)

    (reason,) = ResourceOutliers(CONFIG).decide(context).filter(decision="matched")["reason"]

    assert reason.startswith("duration 90,000 ms is ")
    assert said in reason


def test_of_several_metrics_the_largest_leads_and_the_surest_counts():
    context = context_of([span("t1", "chat"), span("t2", "chat")])
    of_two = {"trace_id": "t2", "value": 1.0, "cohort_level": "cohort_project", "cohort": "all"}
    of_two |= {"n": 100, "own_n": 0, "median": 1.0, "p95": 1.0, "p99": 1.0, "threshold": 1.0}
    rows = [
        of_two | {"metric": "duration_ms", "ratio": 4.0, "z": 9.0, "z_threshold": 3.0},
        of_two | {"metric": "total_tokens", "ratio": 20.0, "z": 4.0, "z_threshold": 3.0},
        of_two | {"metric": "cost_usd", "ratio": 4.0, "z": 5.0, "z_threshold": 3.0},
    ]
    context = replace(context, baselines=pl.DataFrame(rows, schema=OUTLIERS))

    (found,) = ResourceOutliers(CONFIG).decide(context).filter(decision="matched").to_dicts()

    assert found["trace_id"] == "t2"
    assert found["severity"] == 1.0
    assert found["confidence"] == round(1 - 0.5 * exp(-6), 4)
    told = [piece["metric"] for piece in json.loads(found["evidence"])]
    assert told == ["total_tokens", "duration_ms", "cost_usd"]
    assert found["reason"].startswith("tokens 1 is 20.0 times the median")


def test_blocks_end_with_the_hour_and_with_a_quarter_more_samples():
    times = np.arange(300, dtype=np.int64) * (HOUR // 100)
    arranged = layout(times, np.zeros(300, dtype=np.int64), WEEK)

    assert {0, 100, 200} <= set(arranged.starts.tolist())
    steps = np.diff(arranged.starts)[50:]
    assert steps.size == 0 or steps.max() <= 75
    assert arranged.starts[:5].tolist() == [0, 1, 2, 3, 4]
    assert (arranged.begin == 0).all()


def test_a_block_ends_with_its_cohort_its_hour_and_each_quarter_of_its_window():
    rng = np.random.default_rng(11)
    times = np.sort(rng.integers(0, 60 * HOUR, 5_000))
    codes = rng.choice(3, 5_000, p=[0.7, 0.29, 0.01]).astype(np.uint32)
    window = 24 * HOUR
    arranged = layout(times, codes, window)

    counts = [1]
    while counts[-1] < 5_000:
        counts.append(max(counts[-1] + 1, counts[-1] * 5 // 4))
    expected, before = [], None
    for place, sample in enumerate(np.lexsort((np.arange(5_000), codes)).tolist()):
        hour, code = int(times[sample] // HOUR), int(codes[sample])
        earlier = (codes[:sample] == code) & (times[:sample] >= (hour + 1) * HOUR - window)
        step = sum(count <= int(earlier.sum()) for count in counts)
        assert arranged.order[place] == sample
        assert arranged.place[sample] == place
        assert place - arranged.begin[place] == earlier.sum()
        if before != (code, hour, step):
            expected.append(place)
        before = (code, hour, step)
    assert arranged.starts.tolist() == expected


def test_candidates_are_told_by_their_ids_and_none_that_did_not_end():
    traces = with_cohorts(steady_traces([place * HOUR // 60 for place in range(90)]))
    traces = traces.with_columns(
        end_time=pl.when(pl.col("trace_id") != "a-00080").then("end_time"),
        is_candidate=pl.col("trace_id") >= "a-00070",
    )
    expected = judge(traces, CONFIG).judged

    shuffled = judge(traces.sample(fraction=1.0, shuffle=True, seed=3), CONFIG).judged

    ids = [f"a-{place:05d}" for place in range(70, 90) if place != 80]
    assert expected["trace_id"].to_list() == ids
    assert shuffled.equals(expected)
    assert expected["metrics_judged"].min() > 0


def test_a_normal_tail_does_not_grow_and_a_heavy_one_does():
    rng = np.random.default_rng(7)
    normal = Ascending(np.sort(rng.normal(size=(200, 2_000)), axis=1))
    heavy = Ascending(np.sort(rng.standard_t(3, size=(200, 2_000)), axis=1))

    assert abs(float(np.mean(normal.growth)) + 0.025) < 0.005
    assert float(np.std(normal.growth)) == pytest.approx(growth_error(2_000), rel=0.2)
    assert float(np.mean(heavy.growth)) > 0.06
    # t with three degrees of freedom exceeds 10.2 once in a thousand, a normal sample 3.1.
    spending = Spending(light=0.001, heavy=0.001)
    limits = [one.upper_limit(spending, one.growth, np.zeros(200)) for one in (normal, heavy)]
    assert float(np.median(limits[0])) == pytest.approx(z_of(0.001), rel=0.1)
    assert 7.0 < float(np.median(limits[1])) < 13.0


def test_more_is_spent_where_a_tail_is_surely_light():
    light = lightness(np.array([-0.03, 0.02, 0.12]), 0.01)

    assert light.tolist() == pytest.approx([1.0, 0.4, 0.0])
    z = Spending(light=0.002, heavy=0.0005).z(light)
    assert z[0] == pytest.approx(z_of(0.002))
    assert z[0] < z[1] < z[2] == pytest.approx(z_of(0.0005))


def test_four_times_the_duration_alone_is_found_where_a_cohort_is_large():
    found = [
        rates(world("stationary", 20_000, seed, sigma=0.2, duration_alone=True))
        for seed in range(2)
    ]

    assert np.mean([one["recall"] for one in found]) >= 0.8
    assert np.mean([one["false_alarms"] for one in found]) <= CONFIG.false_alarm_budget
