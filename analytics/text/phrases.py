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
