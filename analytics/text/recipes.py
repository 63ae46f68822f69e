"""The shipped heads: which data each one learns from, and which it is measured on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from analytics.text import corpora
from analytics.text.training import HeadSpecification

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OTHER_MODELS = ("gemma", "llama-2", "llama-3", "qwen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One head: how to get its texts, and the sets that it never sees."""

    specification: HeadSpecification
    question: str
    """What a high probability means."""
    limits: str
    """What it is not."""
    training: Callable[[Path], pl.DataFrame]
    held_out: Callable[[Path], pl.DataFrame]


def _jailbreak_training(folder: Path) -> pl.DataFrame:
    return pl.concat(
        [
            corpora.jailbreak_prompts(folder),
            corpora.role_play_prompts(folder),
            corpora.ordinary_instructions(folder),
            corpora.ordinary_answers(folder),
            corpora.moderated_texts(folder).with_columns(label=pl.lit(0, pl.Int8)),
        ]
    )


def _jailbreak_held_out(folder: Path) -> pl.DataFrame:
    return pl.concat(
        [
            corpora.request_prompts(folder),
            corpora.other_moderated_texts(folder),
            corpora.customer_texts(folder),
            corpora.injected_instructions(folder),
        ]
    )


def _refusal_training(folder: Path) -> pl.DataFrame:
    return pl.concat([corpora.refusal_answers(folder, ("yi",)), corpora.ordinary_answers(folder)])


def _refusal_held_out(folder: Path) -> pl.DataFrame:
    customers = corpora.customer_texts(folder).filter(pl.col("part") == "user")
    return pl.concat(
        [corpora.refusal_answers(folder, OTHER_MODELS), corpora.xstest_answers(folder), customers]
    )


def _sexual_training(folder: Path) -> pl.DataFrame:
    return pl.concat(
        [
            corpora.moderated_texts(folder),
            corpora.ordinary_instructions(folder),
            corpora.ordinary_answers(folder),
        ]
    )


def _sexual_held_out(folder: Path) -> pl.DataFrame:
    return pl.concat(
        [
            corpora.request_prompts(folder),
            corpora.role_play_prompts(folder),
            corpora.customer_texts(folder),
        ]
    )


def _licensed(*names: str) -> tuple[str, ...]:
    for name in names:
        assert corpora.CORPORA[name].trains, name
    return tuple(f"{name} ({corpora.CORPORA[name].licence})" for name in names)


RECIPES: dict[str, Recipe] = {
    "jailbreak": Recipe(
        specification=HeadSpecification(
            name="jailbreak",
            version="1",
            rules="jailbreak",
            inverse_penalty=30.0,
            trained_on=_licensed(
                "jailbreak_inthewild", "awesome_prompts", "self_instruct", "openai_moderation"
            ),
        ),
        question="Is this text an attempt to talk a model out of its constraints?",
        limits=(
            "Whole prompts in English, as they were traded in 2022-2023. Instructions hidden in "
            "documents (prompt injection) are not what it learned and mostly pass it."
        ),
        training=_jailbreak_training,
        held_out=_jailbreak_held_out,
    ),
    "refusal": Recipe(
        specification=HeadSpecification(
            name="refusal",
            version="1",
            rules="refusal",
            inverse_penalty=10.0,
            trained_on=_licensed("refusal_direction/yi", "self_instruct"),
        ),
        question="Does this answer decline, fully or in part?",
        limits=(
            "Whether an answer refuses, not whether it should have. Refusals that lecture without "
            "any usual phrase are missed."
        ),
        training=_refusal_training,
        held_out=_refusal_held_out,
    ),
    "sexual": Recipe(
        specification=HeadSpecification(
            name="sexual",
            version="1",
            rules="sexual",
            inverse_penalty=30.0,
            trained_on=_licensed("openai_moderation", "self_instruct"),
        ),
        question="Is this text sexual content?",
        limits=(
            "English. Trained on 144 positives; profanity, hate and violence are not its subject. "
            "The public set it learned from holds no rows about minors, and none were used."
        ),
        training=_sexual_training,
        held_out=_sexual_held_out,
    ),
}
"""Every shipped head by name."""
