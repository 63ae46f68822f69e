"""What an assistant asks although it was settled: facts told by their form, and choices made."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from analytics.text.sought import Sought


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A fact that a user gives in one of several forms, and how an assistant asks for it."""

    name: str
    asked: re.Pattern[str]
    given: re.Pattern[str]


def _read() -> dict[str, Any]:
    file = resources.files("analytics.text") / "settled.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


_FILE = _read()
KINDS = tuple(
    Settled(
        name=row["name"],
        asked=re.compile("".join(row["asked"]), re.IGNORECASE),
        given=re.compile("".join(row["given"])),
    )
    for row in _FILE["settled"]
)
"""Facts by kind; a name or a place is known by its capital."""

FOODS: dict[str, str] = {name: "".join(pieces) for name, pieces in _FILE["foods"].items()}
"""Foods that somebody may not eat, each as one expression."""

DIETS = tuple((Sought("".join(row["said"])), row["foods"]) for row in _FILE["diet"])
"""How people say what they do not eat, and the foods."""

ANOTHERS = re.compile(
    r"\b(?:work|office|other|second|new|another|friend|friend's|mother|father|wife|husband|sister|"
    r"brother|colleague|their|child|alternative|emergency|he|she|his|her)\b",
    re.IGNORECASE,
)
"""Words by which a question asks for somebody or something else."""

_OPTIONS = re.compile(
    r"(?:which|what|would you (?:prefer|like)|do you (?:prefer|want|use|need)|"
    r"should i use|is it|are you)\b"
    r"[^?]*?\b([\w-]{3,})(?: \w+)? or (?:in |with |the |a )?([\w-]{3,})\?\s*$",
    re.IGNORECASE,
)
_WHAT_TO = re.compile(
    r"\b(?:which|what) (?:item|product|thing|one|service|flight|room|colou?r)s? (?:would|"
    r"do|did|should) (?:you|i) (?:\w+ )?(?:to )?(\w+)",
    re.IGNORECASE,
)
_STOP = frozenset(
    re.findall(
        r"\w+", "would like want prefer have need this that with your them they else more please"
    )
)


def asks_for_choice(sentence: str) -> bool:
    """Whether a sentence asks which of two, or what to do something to."""
    return _OPTIONS.search(sentence) is not None or _WHAT_TO.search(sentence) is not None


def choice_made(question: str, said: str) -> str | None:
    """The option of an either-or question that the user named before; None when none was."""
    match = _OPTIONS.search(question)
    if match is None or not question.rstrip().endswith("?"):
        return None
    options = [option.lower() for option in match.groups()]
    if any(option in _STOP for option in options):
        return None
    words = re.findall(r"[\w-]+", said.lower())
    named = [option for option in options if option in words or f"{option}s" in words]
    if len(named) == 1 or (
        len(named) == 2 and re.search(rf"\b{named[0]}\b,? not \b{named[1]}\b", said, re.IGNORECASE)
    ):
        return named[0]
    return None


def object_named(question: str, said: str) -> str | None:
    """What the user said to do it to, where the question asks what to do it to."""
    match = _WHAT_TO.search(question)
    if match is None:
        return None
    verb = match[1].lower()
    named = re.search(rf"\b{re.escape(verb)} (?:the|my|a|this) (\w+(?: \w+)?)", said, re.IGNORECASE)
    if named is None or named[1].lower().split()[0] in ("item", "product", "order", "thing", "one"):
        return None
    return named[0]
