"""The optional judge, as the settings and the environment describe it."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from cli.output import say

if TYPE_CHECKING:
    from datetime import datetime

    from analytics.judge.bench import Judge
    from cli.context import Context

KEY_VARIABLE = "SPANDOCKET_JUDGE_KEY"


AGAIN_AFTER = timedelta(minutes=10)


class Endurance:
    """Spares an endpoint that is down: what earlier runs left would hold up what is new."""

    def __init__(self) -> None:
        self._until: datetime | None = None

    def begin(self, now: datetime) -> None:
        """The endpoint gave no answer."""
        self._until = now + AGAIN_AFTER

    def is_over(self, now: datetime) -> bool:
        """Whether it is time to ask again."""
        return self._until is None or now >= self._until


def judge_of(context: Context) -> Judge | None:
    """The judge of the ``[judge]`` settings; None without a URL."""
    config = context.configuration.judge
    if not config.url:
        return None
    from analytics.judge.bench import Judge
    from analytics.judge.budget import Budget, Pace
    from analytics.judge.cache import VerdictCache
    from analytics.judge.endpoint import Endpoint

    budget = Budget(
        calls_max=config.calls_max,
        usd_max=config.usd_max,
        usd_per_million_input_tokens=config.usd_per_million_input_tokens,
        usd_per_million_output_tokens=config.usd_per_million_output_tokens,
    )
    pace = Pace(config.calls_per_minute, monotonic=time.monotonic, sleep=time.sleep)
    key = os.environ.get(KEY_VARIABLE)
    endpoint = Endpoint(config, api_key=key, budget=budget, pace=pace)
    return Judge(config, endpoint, VerdictCache(context.data_path / "judge"))


def say_what_was_judged(judge: Judge) -> None:
    """One sentence on stderr about the run's questions, failures and cost."""
    counts, budget = judge.counts, judge.endpoint.budget
    asked = counts.matched + counts.no_match + counts.cannot_tell
    failures = ", ".join(f"{kind} {number}" for kind, number in sorted(counts.failed.items()))
    say(
        f"judge {judge.config.model}: {asked} verdicts ({counts.matched} matched, "
        f"{counts.no_match} not, {counts.cannot_tell} cannot tell; {counts.cached} remembered), "
        f"{budget.calls} calls, ${budget.usd:.4f}; failed: {failures or 'none'}; "
        f"not asked, the budget being used up: {counts.over_budget}"
        + (f", the endpoint being out of reach: {counts.given_up}" if counts.given_up else "")
        + (
            f"; {counts.traces_answered} of {counts.traces_again} traces that still waited for a"
            " verdict have one now"
            if counts.traces_again
            else ""
        )
    )
