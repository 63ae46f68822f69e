"""Rules over texts as evidence: how much they say together, and the words that they point at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from analytics.text.asking import asking
from analytics.text.normalise import normal_forms

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
    return rule_evidences(texts, rules)[0]


def rule_evidences(texts: pl.Series, *sets: Sequence[Rule]) -> list[list[RuleEvidence]]:
    """For each set of rules what it says about each text; the texts are gone through once."""
    if texts.is_empty():
        return [[] for _ in sets]
    rules = tuple(rule for rules in sets for rule in rules)
    distinct = texts.cast(pl.String).unique(maintain_order=True)
    normal = normal_forms(distinct)
    present: list[list[list[Rule]]] = [[[] for _ in range(len(distinct))] for _ in sets]
    places = [place for place, rules in enumerate(sets) for _ in rules]
    for place, rule, rows in zip(places, rules, asking(rules).occurrences(normal), strict=True):
        for row in rows.tolist():
            present[place][row].append(rule)
    numbers = {text: number for number, text in enumerate(distinct.to_list())}
    order = [numbers[text] for text in texts.to_list()]
    together = [list(map(_together, found)) for found in present]
    return [[found[number] for number in order] for found in together]


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
    if not present:
        return NO_EVIDENCE
    ordered = sorted(present, key=lambda rule: (-rule.strength, rule.name))
    return RuleEvidence(
        strength=combined(rule.strength for rule in ordered),
        names=tuple(rule.name for rule in ordered),
    )


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
