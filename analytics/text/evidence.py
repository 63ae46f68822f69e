"""Rules over texts as evidence: how much they say together, and the words that they point at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from analytics.text.normalise import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analytics.text.phrases import Rule

EXCERPT_CHARACTERS = 240
"""How much of a text an excerpt shows around what it points at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEvidence:
    """What a set of rules says about one text."""

    strength: float
    """0 to 1: one minus the product of what each rule leaves open."""
    names: tuple[str, ...]
    """The rules that occur, strongest first."""


NO_EVIDENCE = RuleEvidence(strength=0.0, names=())


def rule_evidence(texts: pl.Series, rules: Sequence[Rule]) -> list[RuleEvidence]:
    """What the rules say about each text, in the order given; null texts say nothing."""
    distinct = pl.DataFrame({"text": texts}).unique(maintain_order=True)
    normal = normalised(pl.col("text"))
    found = (
        distinct.lazy()
        .with_columns(normal=normal)
        .select(
            "text",
            *(
                pl.col("normal")
                .str.contains(rule.pattern)
                .fill_null(value=False)
                .alias(f"r{place}")
                for place, rule in enumerate(rules)
            ),
        )
    )
    by_text = {}
    for text, *hits in found.collect().iter_rows():
        present = [rule for rule, hit in zip(rules, hits, strict=True) if hit]
        by_text[text] = _together(present) if present else NO_EVIDENCE
    return [by_text[text] for text in texts]


def combined(strengths: Iterable[float]) -> float:
    """Independent pieces of evidence together: one minus the product of the doubts."""
    doubt = 1.0
    for strength in strengths:
        doubt *= 1.0 - strength
    return round(1.0 - doubt, 4)


def excerpt(text: str, rules: Iterable[Rule]) -> str:
    """The words around the first rule that occurs; the text's beginning when none can be placed."""
    for rule in rules:
        found = _compiled(rule.pattern).search(text)
        if found is not None:
            return around(text, found.start())
    return around(text, 0)


def around(text: str, position: int) -> str:
    """At most :data:`EXCERPT_CHARACTERS` of a text, from a little before a position."""
    start = max(0, min(position - 60, len(text) - EXCERPT_CHARACTERS))
    end = start + EXCERPT_CHARACTERS
    return ("…" if start > 0 else "") + text[start:end] + ("…" if end < len(text) else "")


def _together(present: Sequence[Rule]) -> RuleEvidence:
    ordered = sorted(present, key=lambda rule: (-rule.strength, rule.name))
    return RuleEvidence(
        strength=combined(rule.strength for rule in ordered),
        names=tuple(rule.name for rule in ordered),
    )


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
