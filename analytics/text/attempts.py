"""Short attempts on a model's constraints, as far as rules show them.

What is said about jailbreaks is none ("explain how these prompts work"), and neither is a story.
A request for harm inside a role or a story, with the question how exactly, is one; so is a request
for harm that forbids refusing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from analytics.text.evidence import RuleEvidence, combined, rule_evidences
from analytics.text.phrases import RULES

if TYPE_CHECKING:
    import polars as pl

WRAPPED = "asks for harm in a role, a story or under a ban on refusing"
WRAPPED_STRENGTH = 0.9

ABOUT_SHARE = 0.5
"""What the rules weigh in a question about such attempts."""

_ABOUT = re.compile(
    r"\s*(?:(?:can|could) you (?:please )?)?(?:explain|define|describe the (?:concept|term)|"
    r"what (?:is|are|does)|what's|why (?:do|does|are)|who|"
    r"how (?:do|can|should) (?:i|we) (?:defend|detect|prevent|protect|stop))\b",
    re.IGNORECASE,
)


def is_about(text: str) -> bool:
    """Whether the text asks about something, rather than for it."""
    return _ABOUT.match(text) is not None


def attempts(texts: pl.Series) -> list[RuleEvidence]:
    """What the rules say about each text that a user wrote, in the order given."""
    sets = [RULES[name] for name in ("attempt", "frame", "harm", "howto")]
    return [
        _weighed(
            text or "",
            found,
            is_wrapped=all(part.names for part in parts),
            is_harm=bool(parts[1].names),
        )
        for text, found, *parts in zip(texts.to_list(), *rule_evidences(texts, *sets), strict=True)
    ]


def _weighed(text: str, found: RuleEvidence, *, is_wrapped: bool, is_harm: bool) -> RuleEvidence:
    strength, names = found.strength, found.names
    if is_wrapped or (is_harm and "forbids refusing" in names):
        strength, names = combined([strength, WRAPPED_STRENGTH]), (WRAPPED, *names)
    if is_about(text):
        strength = round(strength * ABOUT_SHARE, 4)
    return RuleEvidence(strength=strength, names=names)
