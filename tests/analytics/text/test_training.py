from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from analytics.text.corpora import jailbreak_prompts
from analytics.text.errors import UnusableDataError
from analytics.text.recipes import RECIPES
from analytics.text.training import HeadSpecification, thresholds, train

SPECIFICATION = HeadSpecification(
    name="sample", version="1", rules="refusal", inverse_penalty=10.0, trained_on=("samples",)
)


def test_the_same_texts_and_seed_give_the_same_bytes(refusal_samples):
    first = train(refusal_samples, SPECIFICATION, seed=3)
    second = train(refusal_samples, SPECIFICATION, seed=3)

    assert first.head.to_bytes() == second.head.to_bytes()
    assert np.array_equal(first.held_out, second.held_out)


def test_held_out_probabilities_separate_what_the_folds_never_saw(refusal_samples):
    training = train(refusal_samples, SPECIFICATION, seed=3)

    labels = refusal_samples["label"].to_numpy()
    assert training.held_out[labels == 1].mean() > 0.8
    assert training.held_out[labels == 0].mean() < 0.2


def test_copies_of_a_text_never_teach_the_fold_that_tests_them():
    """Labels are random and every text has four copies: only leakage could score above chance."""
    generator = np.random.default_rng(5)
    words = np.array([f"w{number}" for number in range(300)])
    texts = [" ".join(generator.choice(words, 12)) for _ in range(60)]
    labels = generator.integers(0, 2, 60)
    frame = pl.DataFrame(
        {"text": texts * 4, "label": list(labels) * 4, "group": texts * 4},
        schema_overrides={"label": pl.Int8},
    )

    training = train(
        frame,
        HeadSpecification(name="x", version="1", rules=None, inverse_penalty=10.0, trained_on=()),
        seed=1,
    )

    right = (training.held_out > 0.5) == (frame["label"].to_numpy() == 1)
    assert right.mean() < 0.65


def test_thresholds_keep_their_promises_on_the_scores_they_were_chosen_from():
    generator = np.random.default_rng(1)
    labels = np.repeat([0, 1], [2000, 300])
    scores = np.clip(np.where(labels == 1, 0.7, 0.2) + generator.normal(0, 0.15, 2300), 0.01, 0.99)

    rung = thresholds(labels, scores)

    claimed = scores >= rung.matched_at
    assert labels[claimed].mean() >= 0.95
    assert claimed[labels == 0].mean() <= 0.002
    assert (scores >= rung.ambiguous_at)[labels == 0].mean() == pytest.approx(0.02, abs=0.002)


def test_a_folder_without_the_sets_is_named_with_what_is_missing(tmp_path):
    with pytest.raises(UnusableDataError, match=r"jailbreak_prompts\.csv\.gz is missing"):
        jailbreak_prompts(tmp_path)


def test_every_recipe_reads_rules_that_exist():
    for name, recipe in RECIPES.items():
        assert recipe.specification.name == name
        assert recipe.specification.rules in (None, "jailbreak", "refusal", "sexual")
