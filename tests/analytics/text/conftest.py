from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

SAMPLES = Path(__file__).parent / "samples" / "labelled.jsonl"


@pytest.fixture(scope="session")
def samples():
    return pl.read_ndjson(SAMPLES).cast({"label": pl.Int8})


@pytest.fixture(scope="session")
def refusal_samples(samples):
    answers = pl.col("part").is_in(["answers", "yi:harmless_actadd", "yi:harmless_baseline"])
    return samples.filter(answers)


@pytest.fixture(scope="session")
def prompt_samples(samples):
    return samples.filter(
        pl.col("corpus").is_in(["jailbreak_inthewild", "awesome_prompts"])
        | (pl.col("part") == "instructions")
    )
