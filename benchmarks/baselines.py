"""Resource outliers in simulated traffic: false alarms on ordinary traces, recall on injected ones.

    python -m benchmarks.baselines [--seeds N]

Every world is a day of traces with duration, tokens and cost. One trace in a hundred is multiplied
by four, on every metric at once. False alarms are counted among the others; ``error`` is their
standard error over the simulations, ``judged`` the share of traces that had a norm.
"""

from __future__ import annotations

import argparse
from math import log, sqrt
from statistics import NormalDist

import numpy as np
import polars as pl

from analytics.baselines import judge, with_cohorts
from analytics.config import AnalysisConfig

HOUR = 3_600_000_000_000
_TRACES_A_ROW = 20_000


def world(
    name: str,
    count: int = 20_000,
    seed: int = 0,
    sigma: float = 0.25,
    injected: float = 0.01,
    *,
    duration_alone: bool = False,
) -> pl.DataFrame:
    """Traces of one kind of traffic; ``is_injected`` marks the outliers.

    With ``duration_alone`` their tokens and cost stay as they are.
    """
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 24 * HOUR, count)).astype(np.int64)
    day = times / (24 * HOUR)
    cohort = rng.integers(0, 4, count)
    scale = np.array([1.0, 3.0, 0.5, 8.0])[cohort]
    noise = [rng.normal(0, sigma, count) for _ in range(2)]
    shared = rng.normal(0, sigma, count)
    match name:
        case "stationary":
            pass
        case "drifting":
            scale = scale * (1 + 2 * day)
        case "seasonal":
            scale = scale * (1.5 + np.sin(2 * np.pi * day))
        case "mixed":
            # Two humps in one cohort: one call in five takes five times as long.
            scale = scale * np.where(rng.random(count) < 0.2, 5.0, 1.0)
        case "tiny cohorts":
            cohort = rng.integers(0, count // 12, count)
            scale = np.exp(rng.normal(0, 1.5, count // 12))[cohort]
        case "heavy tails":
            noise = [rng.standard_t(3, count) * sigma for _ in range(2)]
            shared = rng.standard_t(3, count) * sigma
        case _:
            raise ValueError(name)
    is_injected = rng.random(count) < injected
    factor = np.where(is_injected, 4.0, 1.0)
    tokens = 1000 * scale * np.exp(shared) * (1.0 if duration_alone else factor)
    tokens = np.clip(tokens, 1, 1e15).astype(np.int64)
    return pl.DataFrame(
        {
            "trace_id": [f"{place:032x}" for place in rng.permutation(count)],
            "end_time": times,
            "operation_name": ["invoke_agent"] * count,
            "request_model": ["gpt-4o"] * count,
            "agent_name": [f"agent-{place}" for place in cohort],
            "name": ["run"] * count,
            "duration_ms": 2000 * scale * np.exp(noise[0]) * factor,
            "time_to_first_chunk_ms": pl.Series([None] * count, dtype=pl.Float64),
            "total_tokens": tokens,
            "cost_usd": tokens * 2.5e-6,
            "is_injected": is_injected,
            "is_candidate": [True] * count,
        }
    )


def rates(traces: pl.DataFrame, config: AnalysisConfig | None = None) -> dict[str, float]:
    """False alarms a trace, and recall where a norm existed."""
    verdicts = judge(with_cohorts(traces), config or AnalysisConfig())
    flagged = traces.with_columns(
        flagged=pl.col("trace_id").is_in(verdicts.outliers["trace_id"].unique().to_list())
    ).join(verdicts.judged, on="trace_id")
    ordinary = flagged.filter(~pl.col("is_injected"))
    injected = flagged.filter(pl.col("is_injected") & (pl.col("metrics_judged") > 0))
    return {
        "false_alarms": ordinary["flagged"].mean(),
        "recall": injected["flagged"].mean() if injected.height else float("nan"),
        "judged": (flagged["metrics_judged"] > 0).mean(),
    }


SIZES = (400, 4_000, 20_000)
WORLDS = ("stationary", "drifting", "seasonal", "mixed", "tiny cohorts", "heavy tails")


def possible(sigma: float, budget: float) -> float:
    """The recall that no test can exceed on four times two independent metrics within a budget.

    The best test there is (Neyman and Pearson) for a shift known in advance, in traffic whose
    medians and spread are known without error.
    """
    normal = NormalDist()
    return normal.cdf(sqrt(2) * log(4) / sigma + normal.inv_cdf(budget))


def _row(name: str, count: int, sigma: float, seeds: int, *, duration_alone: bool = False) -> str:
    # Small worlds are drawn more often: their rates vary more.
    seeds = max(seeds, _TRACES_A_ROW // count)
    found = [
        rates(world(name, count, seed, sigma, duration_alone=duration_alone))
        for seed in range(seeds)
    ]
    alarms = [one["false_alarms"] for one in found]
    error = np.std(alarms, ddof=1) / sqrt(seeds) if seeds > 1 else float("nan")
    recall = float(np.nanmean([one["recall"] for one in found]))
    judged = float(np.mean([one["judged"] for one in found]))
    return (
        f"| {name} | {sigma} | {count:,} | {np.mean(alarms):.4f} | {error:.4f} "
        f"| {recall:.2f} | {judged:.2f} |"
    )


def main() -> None:
    """Print a table of worlds, spreads and sizes, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2, help="Simulations a row, at least.")
    arguments = parser.parse_args()
    budget = AnalysisConfig().false_alarm_budget
    print("| world | spread | traces | false alarms | error | recall of four times | judged |")
    print("|---|---|---|---|---|---|---|")
    for name in WORLDS:
        for sigma in (0.15, 0.25, 0.4, 0.5, 0.8):
            for count in SIZES:
                print(_row(name, count, sigma, arguments.seeds), flush=True)
    print("\nFour times the duration alone:\n")
    print("| world | spread | traces | false alarms | error | recall of four times | judged |")
    print("|---|---|---|---|---|---|---|")
    for sigma in (0.15, 0.25, 0.4):
        for count in SIZES:
            row = _row("stationary", count, sigma, arguments.seeds, duration_alone=True)
            print(row, flush=True)
    for sigma in (0.4, 0.5, 0.8):
        best = possible(sigma, budget)
        print(f"\nWithin the budget no test exceeds a recall of {best:.2f} at a spread of {sigma}.")


if __name__ == "__main__":
    main()
