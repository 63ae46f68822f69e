"""Inclusion probabilities: of several queues, of unfinished queues, of response cells."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from analytics.alignment.design import (
    multiplicity_weight,
    post_stratified,
    priority_probability,
    priority_threshold,
    response_probability,
    trimmed,
    union_independent,
    union_shared,
)
from analytics.alignment.label_next import neyman
from analytics.alignment.report import ReportOptions, report
from analytics.alignment.weighting import Weighting


def population(seed, n=20_000):
    """One queue looks at everything; two more only at what is bad more often."""
    rng = np.random.default_rng(seed)
    bad = rng.random(n) < 0.1
    suspicious = rng.random(n) < np.where(bad, 0.9, 0.2)
    chance = np.column_stack((np.full(n, 0.1), 0.25 * suspicious, 0.5 * suspicious))
    return rng, bad, chance


def test_union_of_queues():
    assert union_independent([0.1, 0.25, 0.5]) == pytest.approx(0.6625)
    assert union_shared([0.1, 0.25, 0.5]) == 0.5
    assert union_shared([]) == 0


def test_union_weights_are_unbiased_and_the_capturing_queues_are_not():
    shared, independent, wrong = [], [], []
    for seed in range(20):
        rng, bad, chance = population(seed)
        one = rng.random(len(bad))
        kept = one < chance.max(axis=1)
        shared.append(np.average(bad[kept], weights=1 / chance.max(axis=1)[kept]))
        draws = rng.random(chance.shape)
        captured = draws < chance
        any_queue = captured.any(axis=1)
        known = {tuple(row): union_independent(row) for row in np.unique(chance, axis=0)}
        union = np.array([known[tuple(row)] for row in chance[any_queue]])
        independent.append(np.average(bad[any_queue], weights=1 / union))
        first = captured[any_queue].argmax(axis=1)
        single = chance[any_queue][np.arange(any_queue.sum()), first]
        wrong.append(np.average(bad[any_queue], weights=1 / single))

    assert np.mean(shared) == pytest.approx(0.1, abs=0.005)
    assert np.mean(independent) == pytest.approx(0.1, abs=0.005)
    assert abs(np.mean(wrong) - 0.1) > 0.01


def test_multiplicity_weights_are_unbiased_for_totals():
    rng = np.random.default_rng(3)
    chances = {"a": 0.2, "b": 0.5}
    totals = []
    for _ in range(300):
        weights = 0.0
        for _ in range(50):
            took = [name for name, p in chances.items() if rng.random() < p]
            weights += multiplicity_weight(chances, took)
        totals.append(weights)

    assert np.mean(totals) == pytest.approx(50, rel=0.05)


@pytest.mark.parametrize("same_draw", [True, False])
def test_a_queue_drained_by_priority_is_unbiased_with_the_right_formula(same_draw):
    right, mixed_up, raw = [], [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        n = 4000
        bad = rng.random(n) < 0.1
        importance = np.where(bad, rng.uniform(0.5, 2, n), rng.uniform(0.1, 1, n))
        enqueue = np.where(importance > 0.8, 1.0, 0.3)
        u = rng.random(n)
        second = u if same_draw else rng.random(n)
        queued = u < enqueue
        priority = importance / second
        order = np.flatnonzero(queued)[np.argsort(-priority[queued])]
        seen, unseen = order[:300], order[300:]
        tau = priority_threshold(priority[unseen])
        for found, same in ((right, same_draw), (mixed_up, not same_draw)):
            p = priority_probability(importance[seen], tau, enqueue[seen], same_draw=same)
            found.append(np.average(bad[seen], weights=1 / p))
        raw.append(bad[seen].mean())

    assert np.mean(right) == pytest.approx(0.1, abs=0.01)
    assert abs(np.mean(mixed_up) - 0.1) > 0.015
    assert np.mean(raw) > 0.18


def test_a_finished_queue_has_the_probability_of_its_rule():
    p = priority_probability(np.array([0.5, 2.0]), 0.0, np.array([0.3, 1.0]), same_draw=True)

    assert p.tolist() == [0.3, 1.0]


def test_response_cells_multiply_by_the_reviewed_share():
    cells = np.array([0, 0, 0, 0, 1, 1])
    reviewed = np.array([True, False, True, False, True, True])

    found = response_probability(np.full(6, 0.5), cells, reviewed)

    assert found.tolist() == [0.25, 0.25, 0.25, 0.25, 0.5, 0.5]


def test_post_stratified_weights_sum_to_the_population():
    weights = post_stratified(np.ones(4), np.array([0, 0, 1, 1]), {0: 100, 1: 30})

    assert weights.tolist() == [50, 50, 15, 15]


def test_trimming_says_how_many_weights_were_cut():
    weights, cut = trimmed(np.array([1.0] * 9 + [100.0]))

    assert weights.max() == 20
    assert cut == 1


def test_neyman_allocation():
    size, spread = np.array([0.05, 0.15, 0.80]), np.array([0.5, 0.4, 0.15])

    labels = neyman(size, spread, 200)

    assert np.round(labels).tolist() == [24, 59, 117]
    error = np.sqrt((size**2 * spread**2 / np.round(labels)).sum())
    assert error == pytest.approx(0.01450, abs=1e-5)
    assert np.sqrt((size**2 * spread**2 / (200 * size)).sum()) == pytest.approx(0.01651, abs=1e-5)


def test_clusters_widen_the_interval():
    human = [1, 1, 1, 1, 0, 0, 0, 0] * 10
    evaluator = [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0] * 5
    frame = pl.DataFrame({"human": human, "evaluator": evaluator})
    grouped = frame.with_columns(cluster=pl.Series([i // 8 for i in range(80)]))

    alone = report(frame, ReportOptions()).raw["accuracy"]
    together = report(grouped, ReportOptions()).raw["accuracy"]
    sessions = report(
        frame.with_columns(cluster=pl.Series([i // 4 for i in range(80)])), ReportOptions()
    ).raw["accuracy"]

    assert alone.value == together.value == sessions.value
    assert sessions.ci_high - sessions.ci_low > 1.5 * (alone.ci_high - alone.ci_low)


def test_adjudicated_values_outrank_the_votes_and_ties_are_left_out():
    rows = [
        ("a", "x", 1, 1, False), ("a", "y", 1, 1, False), ("a", "boss", 0, 1, True),
        ("b", "x", 1, 1, False), ("b", "y", 0, 1, False),
        ("c", "x", 0, 0, False), ("c", "y", 0, 0, False), ("c", "z", 1, 0, False),
        ("d", "x", 1, 1, False),
    ]  # fmt: skip
    columns = ["item", "rater", "human", "evaluator", "adjudicated"]
    result = report(pl.DataFrame(rows, schema=columns, orient="row"), ReportOptions())

    assert result.scope["reference"] == {"adjudicated": 1, "majority": 1, "single": 1, "tie": 1}
    assert (result.confusion["fp"], result.confusion["tn"], result.confusion["tp"]) == (1, 1, 1)
    assert result.ceiling["tie_rate"].value == pytest.approx(1 / 3)


def test_raters_in_view_of_the_verdict_do_not_vote_beside_blind_ones():
    rows = [("a", "x", 1, "true"), ("a", "y", 1, "true"), ("a", "z", 0, "false")]
    frame = pl.DataFrame(rows, schema=["item", "rater", "human", "blind"], orient="row")

    result = report(frame.with_columns(evaluator=pl.lit(1)), ReportOptions())

    assert result.scope["reference"] == {"majority": 1}
    assert result.confusion["tp"] == 1


def test_numeric_values_of_several_raters_are_averaged():
    rows = [("a", "x", 1.5, 2.0), ("a", "y", 2.5, 2.0), ("b", "x", 4.0, 3.5), ("b", "y", 5.0, 3.5)]
    frame = pl.DataFrame(rows, schema=["item", "rater", "human", "evaluator"], orient="row")

    result = report(frame, ReportOptions())

    assert result.raw["bias"].value == pytest.approx(-0.5)
    assert result.scope["reference"] == {"mean": 2}
    assert result.ceiling["icc"]["C,1"].value == pytest.approx(1.0)


def test_the_middle_of_an_ordinal_scale_is_taken_without_a_majority():
    rows = [
        ("a", "x", 1, 2),
        ("a", "y", 2, 2),
        ("a", "z", 4, 2),
        ("b", "x", 5, 5),
        ("b", "y", 5, 5),
    ]
    frame = pl.DataFrame(rows, schema=["item", "rater", "human", "evaluator"], orient="row")

    result = report(frame, ReportOptions())

    assert result.scope["reference"] == {"majority": 1, "median": 1}
    assert result.raw["mae"].value == 0


def two_strata():
    """Flagged items are all labelled; of the rest every third is, but p says one in two."""
    frame = pl.DataFrame({"item": range(400), "evaluator": [1, 0, 0, 0] * 100})
    rest = pl.col("item") >= 100
    seen = (~rest) | (pl.col("item") % 3 == 0)
    return frame.with_columns(
        human=pl.when(seen).then((pl.col("item") % 5 == 0).cast(pl.Int64)),
        stratum=pl.when(rest).then(pl.lit("rest")).otherwise(pl.lit("flagged")),
        inclusion_probability=pl.when(rest).then(0.5).otherwise(1.0),
    )


def test_post_stratified_report_makes_each_stratum_as_large_as_it_is():
    plain = report(two_strata(), ReportOptions()).sampling
    asked = ReportOptions(weighting=Weighting(post_stratify=True))
    scaled = report(two_strata(), asked).sampling

    assert [s["weight_share"] for s in plain["strata"]] == pytest.approx([1 / 3, 2 / 3])
    assert any("post-stratify" in warning for warning in plain["warnings"])
    assert [s["weight_share"] for s in scaled["strata"]] == pytest.approx([0.25, 0.75])
    assert scaled["weights_changed"]["post_stratified"] == [
        {"stratum": "flagged", "items": 100, "weight_before": 100.0},
        {"stratum": "rest", "items": 300, "weight_before": 200.0},
    ]
    assert "weights are scaled so that each stratum adds up to its items" in scaled["warnings"]


def test_trimmed_weights_are_told():
    frame = two_strata().with_columns(
        inclusion_probability=pl.when(pl.col("item") == 0).then(0.001).otherwise(1.0)
    )
    asked = ReportOptions(weighting=Weighting(trim_medians=20))
    found = report(frame, asked)

    assert found.sampling["weights_changed"]["trimmed"] == {
        "medians": 20, "count": 1, "limit": 20.0,
    }  # fmt: skip
    assert any("adds bias" in warning for warning in found.sampling["warnings"])
    assert found.sampling["kish_n_eff"] == pytest.approx(219**2 / (199 + 400))


def test_weights_are_changed_from_the_command_line(command, tmp_path):
    two_strata().write_csv(tmp_path / "pairs.csv")

    said = command(
        "alignment", "report", "--pairs", tmp_path / "pairs.csv", "--post-stratify",
        "--trim-weights", "20", "--format", "json",
    )  # fmt: skip

    changed = said.json["sampling"]["weights_changed"]
    assert changed["trimmed"]["count"] == 0
    assert len(changed["post_stratified"]) == 2
