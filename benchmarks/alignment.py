"""Agreement at size: our figures with intervals against scikit-learn's without, in one run.

``--coverage`` also runs the coverage simulation in full (2,000 runs a design, some minutes).
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import polars as pl
from sklearn import metrics

from analytics.alignment.agreement import agreement
from analytics.alignment.bootstrap import DRAWS, drawn_sums
from analytics.alignment.overview import overview
from analytics.alignment.raters import class_counts, coincidences
from analytics.alignment.report import ReportOptions, make_samples, report
from analytics.alignment.score_types import ScaleOptions, ScoreType


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--runs", type=int, default=2000)
    arguments = parser.parse_args()
    for kind in (ScoreType.BOOLEAN, ScoreType.ORDINAL):
        _figures(kind, arguments.labels)
    _linear(arguments.labels)
    _bootstrap(arguments.labels)
    _overview()
    if arguments.coverage:
        _coverage(arguments.runs)


def made(kind, n, seed=0):
    """Labels of sessions of five items, with unequal probabilities."""
    rng = np.random.default_rng(seed)
    top = 1 if kind is ScoreType.BOOLEAN else 4
    human = rng.integers(0, top + 1, n)
    moved = np.clip(human + rng.integers(-1, 2, n), 0, top)
    evaluator = np.where(rng.random(n) < 0.3, moved, human)
    return pl.DataFrame(
        {"human": human, "evaluator": evaluator, "cluster": np.arange(n) // 5,
         "inclusion_probability": rng.choice([0.1, 0.5, 1.0], n)}
    )  # fmt: skip


def best(call, times=3):
    """The shortest of a few runs, in seconds."""
    spent = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        spent.append(time.perf_counter() - begin)
    return min(spent)


def one_pass(kind, frame):
    """The same figures by scikit-learn (and scipy), weighted, without intervals."""
    from scipy import stats

    human, evaluator = frame["human"].to_numpy(), frame["evaluator"].to_numpy()
    w = 1 / frame["inclusion_probability"].to_numpy()
    metrics.confusion_matrix(human, evaluator, sample_weight=w)
    metrics.accuracy_score(human, evaluator, sample_weight=w)
    metrics.balanced_accuracy_score(human, evaluator, sample_weight=w)
    metrics.matthews_corrcoef(human, evaluator, sample_weight=w)
    metrics.cohen_kappa_score(human, evaluator, sample_weight=w)
    if kind is ScoreType.BOOLEAN:
        for label in (0, 1):
            metrics.recall_score(human, evaluator, pos_label=label, sample_weight=w)
            metrics.precision_score(human, evaluator, pos_label=label, sample_weight=w)
        metrics.f1_score(human, evaluator, sample_weight=w)
        return
    metrics.f1_score(human, evaluator, average="macro", sample_weight=w)
    for weights in ("linear", "quadratic"):
        metrics.cohen_kappa_score(human, evaluator, weights=weights, sample_weight=w)
    metrics.mean_absolute_error(human, evaluator, sample_weight=w)
    metrics.root_mean_squared_error(human, evaluator, sample_weight=w)
    stats.pearsonr(human, evaluator)
    stats.spearmanr(human, evaluator)
    stats.kendalltau(human, evaluator)


def _sample(kind, frame):
    options = ReportOptions(scale=ScaleOptions(score_type=kind))
    samples, version = make_samples(frame, options)
    return samples[version], options


def _figures(kind, n):
    frame = made(kind, n)
    sample, options = _sample(kind, frame)
    theirs = best(lambda: one_pass(kind, frame))
    ours = best(lambda: agreement(sample, weighted=True))
    both = ours + best(lambda: agreement(sample, weighted=False))
    whole = best(lambda: report(frame, options), times=1)
    print(f"{kind}: {n} labels in {n // 5} sessions")
    print(f"  scikit-learn, one weighted pass, no intervals   {theirs:8.3f} s")
    print(f"  ours, weighted, every figure with its interval  {ours:8.3f} s  {ours / theirs:5.2f}x")
    print(f"  ours, raw and weighted                          {both:8.3f} s  {both / theirs:5.2f}x")
    print(
        f"  whole report from the frame                     {whole:8.3f} s  {whole / theirs:5.2f}x"
    )
    print("  (the whole report must stay below 20x)")
    assert whole / theirs < 20


def _linear(n):
    sizes = [n // 4, n // 2, n]
    spent = []
    for size in sizes:
        sample, _ = _sample(ScoreType.ORDINAL, made(ScoreType.ORDINAL, size))
        spent.append(best(lambda: agreement(sample, weighted=True)))  # noqa: B023
    line = "  ".join(f"{size}: {s * 1e6 / size:.2f}" for size, s in zip(sizes, spent, strict=True))
    print(f"ordinal, microseconds a label  {line}")


def _bootstrap(n):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, (n, 3))
    parts = coincidences(class_counts(codes, 2))
    clusters = np.arange(n) // 5
    begin = time.perf_counter()
    drawn_sums(parts, clusters, seed=0)
    print(f"{DRAWS} cluster-bootstrap draws of alpha, three raters: "
          f"{time.perf_counter() - begin:.2f} s")  # fmt: skip


def _overview():
    evaluators, labels = 1000, 1000
    rng = np.random.default_rng(0)
    human = rng.integers(0, 2, evaluators * labels)
    evaluator = np.where(rng.random(len(human)) < 0.8, human, 1 - human)
    frame = pl.DataFrame(
        {"evaluator_name": np.repeat(np.arange(evaluators), labels).astype(str), "human": human,
         "evaluator": evaluator, "weight": rng.choice([1.0, 2.0, 10.0], len(human))}
    )  # fmt: skip
    spent = best(lambda: overview(frame))
    scan = best(lambda: frame.group_by("evaluator_name").agg(pl.len(), pl.col("human").sum()))
    print(f"overview of {evaluators} evaluators, {len(human)} pairs: {spent:.3f} s, "
          f"{spent / scan:.1f}x of one group-by over the same rows")  # fmt: skip


def _coverage(runs):
    from dataclasses import replace

    from analytics.alignment.simulation import BIASED, SIMPLE, SKEWED, coverage

    worlds = {"simple": SIMPLE, "skewed": SKEWED, "biased queue": BIASED,
              "biased queue, 1,000 items": replace(BIASED, population=1000)}  # fmt: skip
    for name, world in worlds.items():
        print(f"coverage, {name}, {runs} runs")
        for found in coverage(world, runs, seed=1).values():
            print(f"  {found.name:<22} covered {found.covered:.3f}  bias {found.bias:+.4f}"
                  f"  withheld {found.withheld}")  # fmt: skip
            if found.name in ("PPI++ rate", "human rate", "stratified rate") and runs >= 2000:
                assert 0.93 <= found.covered <= 0.985, found


if __name__ == "__main__":
    main()
