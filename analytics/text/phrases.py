"""Phrases that people and models use, as rules over normalised English text.

A rule is a regular expression in the syntax of Rust's ``regex`` crate, because Polars runs it over
whole columns. Rules are evidence, not verdicts: what a rule alone can claim stands in its strength.
All of them read English; text in other languages passes them unseen. They lie in the ``*.toml``
files beside this one.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One pattern: its name, and how much it says alone (1 nearly certain, 0 nothing)."""

    name: str
    strength: float
    pattern: str


FILES = (
    "rules.toml",
    "attempts.toml",
    "declining.toml",
    "explicit.toml",
    "frustration.toml",
    "laziness.toml",
    "requests.toml",
)


def _read() -> dict[str, tuple[Rule, ...]]:
    sets: dict[str, tuple[Rule, ...]] = {}
    for name in FILES:
        file = resources.files("analytics.text") / name
        for rule_set, rows in tomllib.loads(file.read_text(encoding="utf-8")).items():
            sets[rule_set] = tuple(
                Rule(name=row["name"], strength=row["strength"], pattern="".join(row["pattern"]))
                for row in rows
            )
    return sets


RULES: dict[str, tuple[Rule, ...]] = _read()
"""Every set of rules by name."""


def rule_counts(text: pl.Expr, rules: Sequence[Rule]) -> list[pl.Expr]:
    """One column a rule, named after it: how often it occurs in the normalised text."""
    return [text.str.count_matches(rule.pattern).alias(rule.name) for rule in rules]


def any_rule(text: pl.Expr, rules: Sequence[Rule]) -> pl.Expr:
    """Whether any rule occurs in the normalised text."""
    return pl.any_horizontal(text.str.contains(rule.pattern) for rule in rules)
