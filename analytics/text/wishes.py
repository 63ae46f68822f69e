"""What a user asked to be so from then on, in forms that a later answer can be seen to break."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from analytics.text.settled import DIETS, FOODS
from analytics.text.sought import Glance, Sought

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STRONG = 0.88
"""A wish that stands clearly, and an answer that clearly breaks it."""

WEAK = 0.55
"""A word that was not to be used; it may stand there for a reason."""


WISH_CHARACTERS_MAX = 1000
"""Longer texts are documents: what they forbid is not the user's wish."""

_MAY_WISH = Sought(
    r"don't|do not|n't |never|avoid|stop|without|\bno |\bnot |vegan|vegetarian|allerg|intoleran|"
    r"gluten|"
    r"c(?:o?e)liac|dairy|hate|wheelchair|electric|metric|\bin (?:german|french|spanish|"
    r"italian|english)|lower ?case|iso|yyyy|at most|up to|under|below|less|fewer|shorter|cheaper|"
    r"max|budget|limit|already|only"
)
"""One quick look for what every wish needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Something a user asked to be so, and where a text breaks it (None where it does not)."""

    sentence: str
    strength: float
    broken_at: Callable[[str], int | None]


_NEVER = Sought(
    r"\b(?:do not|don't|never|please avoid|avoid|stop|without) (?:ever )?"
    r"(?:use|using|mention|mentioning|say|saying|include|including|write|writing|add|adding)"
    r"(?: (?:the|any|a|an))?(?P<named> (?:words?|library|package|module|term))?"
    r" [\"'\u201c\u2018]?(?P<what>[\w-]+(?: [\w-]+)?)[\"'\u201d\u2019]?"
)
_VAGUE = {"it", "that", "this", "them", "me", "more", "all", "anything", "too", "so", "more than"}
_SPARED = re.compile(
    r"\b(?:no|not|without|avoid\w*|free of|instead of|non|vegan|vegetarian|plant[- ]based|"
    r"alcohol[- ]free|"
    r"dairy[- ]free|gluten[- ]free|oat|soy|coconut|veggie|never|contains? no|"
    r"rather than)\W+(?:\w+\W+){0,2}$|-free\W*$",
    re.IGNORECASE,
)
_FUNCTION_WORDS = {
    "german": "der|die|das|und|ist|nicht|ein|eine|ich|sie|mit|für|von|zu|auf|wird|es",
    "french": "le|la|les|est|une|un|et|des|du|que|pas|pour|vous|je|il|dans|sur",
    "spanish": "el|la|los|las|es|una|un|y|que|no|para|con|por|en|del|se",
    "italian": "il|la|lo|gli|è|una|un|e|che|non|per|con|di|del|sono|si",
    "english": "the|is|and|of|to|it|in|a|that|you|are|for|on|with|be|this",
}
_LANGUAGE = Sought(
    rf"\b(?:answer|reply|write|respond|speak|talk|continue|"
    rf"answers?)\b[^.?!\n]{{0,30}}?\b(?:in|only in) "
    rf"({'|'.join(_FUNCTION_WORDS)})\b(?! (?:grammar|class))"
)
_LIMIT = Sought(
    r"\b(?:at most|no more than|not more than|up to|under|below|less than|fewer than|"
    r"shorter than|cheaper than|"
    r"max(?:imum)?(?: of)?|budget (?:is|of)(?: at most)?|limit (?:is|"
    r"of)) ?([$€£]?) ?(\d[\d,]*(?:\.\d+)?) ?"
    r"(euros?|eur|€|dollars?|usd|\$|pounds?|gbp|francs?|chf|pages?|words?|sentences?|kg|"
    r"km|miles|minutes?|hours?|days?)?"
)
_UNITS = {
    "eur": "eur",
    "euro": "eur",
    "€": "eur",
    "$": "usd",
    "dollar": "usd",
    "usd": "usd",
    "£": "gbp",
}
_UNITS |= {"pound": "gbp", "gbp": "gbp", "franc": "chf", "chf": "chf"}
_NOT = Sought(
    r"\b(?:use|have|on|want|take|with|it's|is|prefer)\b(?: (?:a|an|"
    r"the))? ([\w+#-]{3,}),? (?:and )?not (?:a |an |the )?([\w+#-]{3,})\b"
)
_ALREADY = Sought(
    r"\bi(?:'ve| have)? already (?:tried (?:to )?)?(\w{4,}?)(?:ed|d|ing)? (?:the |my |it|"
    r"your )(\w+)"
)
_ONLY_IMPORTS = Sought(
    r"\bonly (?:use )?(?:the )?(?:standard library|stdlib|urllib|built-?ins?)|\b(?:don't|"
    r"no|without) (?:third[- ]party|external) ",
    words=("only ", "third", "external "),
)
_FOREIGN_IMPORT = re.compile(
    r"\b(?:import|from) (?:requests|pandas|numpy|httpx|aiohttp|scipy|sklearn|torch|yaml|"
    r"bs4|flask|django|polars)\b"
)
_DAY_OFF = Sought(
    r"\bno (\w+?)s? on (\w+day)s?\b|\bnot on (\w+day)s?\b|\b(\w+day)s? (?:don't|do not|"
    r"doesn't) work"
)
_AVOIDED = Sought(r"\bavoid (?:the )?(?:word|term)s? \W?(\w{4,})")
_BULLETS = Sought(
    r"\b(?:no|don't use|do not use|without|avoid|stop using) (?:using )?(?:any )?bullet(?:s|"
    r" points| lists?)",
    words=("bullet",),
)
_NETWORK = Sought(
    r"\b(?:not|never|don't|without) (?:touch|use|access|call)(?:ing)? the (?:network|internet)",
    words=(" the network", " the internet"),
)
_HATED = Sought(
    r"\b(?:i hate|allergic to|i can't stand|i don't eat|i do not eat) (?!fish|meat|"
    r"nuts|peanuts|milk|gluten|shellfish|dairy)(\w{4,}?)s?\b"
)
_CHAIR = Sought(r"\bwheelchair|can(?:'t|not) climb|no stairs")
_CAR = Sought(
    r"\b(?:have|own|got) no car|don't (?:have|own) a car|without a car|can(?:'t|not) drive"
)
_CHILD = Sought(
    r"\b(?:without|no|don't have|have no) (?:any )?(?:kids|children)", words=("kids", "children")
)
_ELECTRIC = Sought(r"\bmust be electric|electric only|only electric")
_METRIC = Sought(r"\b(?:use |in )metric\b|metric units")
_LOWER_CASE = Sought(r"\b(?:in|only|all|everything in|use) (?:all )?lower ?case")
_DATES = Sought(r"yyyy-mm-dd|iso dates?|iso 8601")


def wishes(text: str) -> list[Wish]:
    """What the text of a user asks to be so from then on."""
    if len(text) > WISH_CHARACTERS_MAX:
        return []
    glance = Glance(text)
    if not _MAY_WISH.is_possible(glance):
        return []
    kinds = (_words, _foods, _forms, _limits, _choices)
    found = [wish for kind in kinds for wish in kind(glance)]
    return found if found and _MAY_WISH.search(glance) else []


def _wish(
    sentence: str, pattern: str, strength: float = STRONG, *, flags: int = re.IGNORECASE
) -> Wish:
    compiled = re.compile(pattern, flags)

    def broken_at(answer: str) -> int | None:
        for hit in compiled.finditer(answer):
            if not _SPARED.search(answer[max(0, hit.start() - 40) : hit.start()]):
                return hit.start()
        return None

    return Wish(sentence=sentence, strength=strength, broken_at=broken_at)


def _words(glance: Glance) -> Iterator[Wish]:
    """Words that were not to be used."""
    for match in _NEVER.finditer(glance):
        what = match["what"].strip().lower()
        first = what.split()[0]
        if first in _VAGUE or len(first) < 4:
            continue
        is_named = match["named"] is not None
        yield _wish(match[0], rf"\b{re.escape(first)}\b", STRONG if is_named else WEAK)
    named = _AVOIDED.search(glance)
    if named:
        yield _wish(named[0], rf"\b{re.escape(named[1])}\b")
    bullets = _BULLETS.search(glance)
    if bullets:
        yield _wish(bullets[0], r"^\s*[-*•] ", flags=re.MULTILINE)
    imports = _ONLY_IMPORTS.search(glance)
    if imports:
        yield _wish(imports[0], _FOREIGN_IMPORT.pattern)
    network = _NETWORK.search(glance)
    if network:
        yield _wish(network[0], r"requests\.(?:get|post)|urlopen|httpx\.|https?://")


def _foods(glance: Glance) -> Iterator[Wish]:
    """What somebody does not eat or drink, or may not do."""
    for said, foods in DIETS:
        match = said.search(glance)
        if match:
            yield _wish(match[0], rf"\b(?:{'|'.join(FOODS[food] for food in foods)})\b")
    hated = _HATED.search(glance)
    if hated:
        yield _wish(hated[0], rf"\b{re.escape(hated[1])}\w{{0,2}}\b")
    chair = _CHAIR.search(glance)
    if chair:
        yield _wish(chair[0], r"\b(?:climb|stairs|steps to the|hike up)\b")
    car = _CAR.search(glance)
    if car:
        yield _wish(car[0], r"\b(?:(?:just |simply )?drive|by car|park (?:at|your|the car))\b")
    child = _CHILD.search(glance)
    if child:
        yield _wish(child[0], r"\byour (?:kids|children|little ones)\b")
    electric = _ELECTRIC.search(glance)
    if electric:
        yield _wish(electric[0], r"\b(?:diesel|petrol|gasoline)\b")
    metric = _METRIC.search(glance)
    if metric:
        yield _wish(
            metric[0],
            r"\b\d[\d.,]* ?(?:miles?|feet|foot|inches|pounds|fahrenheit|ounces|gallons|yards)\b",
        )


def _forms(glance: Glance) -> Iterator[Wish]:
    """The language, the letters and the dates of answers."""
    language = _LANGUAGE.search(glance)
    if language:
        wanted = language[1].lower()
        yield Wish(
            sentence=language[0],
            strength=STRONG,
            broken_at=partial(_other_language, wanted),
        )
    lower = _LOWER_CASE.search(glance)
    if lower:
        yield _wish(lower[0], r"(?<![A-Z])[A-Z][a-z]{2,}", flags=0)
    dates = _DATES.search(glance)
    if dates:
        month = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
        yield _wish(
            dates[0],
            rf"\b(?:{month}\.? \d{{1,2}},? \d{{4}}|\d{{1,2}}\.? {month} \d{{4}}|"
            rf"\d{{1,2}}/\d{{1,2}}/\d{{2,4}})\b",
        )


def _limits(glance: Glance) -> Iterator[Wish]:
    """Numbers that were not to be exceeded: prices, pages, words of an answer."""
    for match in _LIMIT.finditer(glance):
        most, unit = float(match[2].replace(",", "")), _unit(match[1] or match[3] or "")
        if unit == "word":
            yield Wish(sentence=match[0], strength=STRONG, broken_at=partial(_longer, most))
        elif unit:
            yield Wish(sentence=match[0], strength=STRONG, broken_at=partial(_over, most, unit))


def _choices(glance: Glance) -> Iterator[Wish]:
    """One thing and not another; what was tried already; days that are kept free."""
    for match in _NOT.finditer(glance):
        yield _wish(match[0], rf"\b{re.escape(match[2].rstrip('s'))}s?\b")
    for match in _ALREADY.finditer(glance):
        stem = match[1].lower()
        yield _wish(
            match[0],
            rf"\b(?:please|try|have you tried|could you|you (?:could|should)|"
            rf"first,?)\b[^.?!]{{0,25}}\b{re.escape(stem)}\w*\b",
        )
    for match in _DAY_OFF.finditer(glance):
        day = match[2] or match[3] or match[4]
        if day and day.lower() not in ("everyday", "today", "someday", "birthday", "holiday"):
            yield _wish(
                match[0],
                rf"\b(?:how about|what about|on|for|propose|schedule\w*|this|"
                rf"next)\b[^.?!]{{0,12}}\b{re.escape(day)}\b",
            )


def _unit(text: str) -> str:
    unit = text.lower().rstrip("s")
    return _UNITS.get(unit, unit)


_AMOUNT = re.compile(
    r"([$€£]?) ?(\d[\d,]*(?:\.\d+)?)(?:[ -]?(euros?|eur|€|dollars?|usd|pounds?|gbp|"
    r"francs?|chf|pages?|kg|km|miles|minutes?|hours?|days?)\b)?",
    re.IGNORECASE,
)


def _longer(most: float, answer: str) -> int | None:
    # People do not count words: a fifth more is no broken wish.
    return 0 if len(answer.split()) > 1.25 * most else None


def _over(most: float, unit: str, answer: str) -> int | None:
    found = [
        (match.start(), float(match[2].replace(",", "")))
        for match in _AMOUNT.finditer(answer)
        if _unit(match[1] or match[3] or "") == unit
    ]
    # A range or a comparison names the limit too: only an answer of larger numbers alone breaks it.
    if found and all(value > most for _, value in found):
        return found[0][0]
    return None


def _other_language(wanted: str, answer: str) -> int | None:
    words = re.findall(r"[^\W\d_]+", answer.lower())
    if len(words) < 5:
        return None
    share = {
        name: sum(word in set(known.split("|")) for word in words) / len(words)
        for name, known in _FUNCTION_WORDS.items()
    }
    best = max(share, key=lambda name: share[name])
    return (
        0 if best != wanted and share[best] >= 0.15 and share[wanted] < 0.5 * share[best] else None
    )
