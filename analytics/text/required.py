r"""What a text must hold for an expression to occur in it: sets of words, one of each set.

``\b(?:ignor\w*|forget) (?:your|the) rules`` cannot occur in a text without "ignor" or "forget", nor
in one without " your rules" or " the rules". Such words are looked for many times faster than the
expression itself, so they tell first which texts are worth asking it. The idea is that of the
prefilters of RE2 (``re2/prefilter.cc``).

Only what certainly has to be there is named: what is not understood here requires nothing.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from itertools import product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Words = frozenset[str]

# The standard library's own reader of expressions; it has no public name.
parser: Any = import_module("re._parser")
kinds: Any = import_module("re._constants")

WORDS_MAX = 1000
"""A set of more words than this is too costly to look for."""

EXACT_MAX = 48
"""An expression that stands for more texts than this is not spelt out."""

LETTERS_MIN = 3
"""Shorter words occur nearly everywhere."""

SETS_MAX = 3
"""So many sets an expression, those of the longest words."""

_CHARACTERS_MAX = 6
"""A class of more characters is not spelt out."""


@cache
def required_words(pattern: str) -> tuple[Words, ...]:
    """Sets of lower-case words; every text in which the expression occurs holds one of each set.

    Empty where the expression requires no word. ``pattern`` is an expression that both Python and
    Rust read alike; letters of any case may stand for each other.
    """
    exact, sets = _of_sequence(parser.parse(pattern, re.IGNORECASE))
    found = [*sets, *([exact] if exact is not None else [])]
    useful = {words for words in found if _is_useful(words)}
    return tuple(sorted(useful, key=_order)[:SETS_MAX])


def alternatives(pattern: str) -> tuple[str, ...]:
    """The expressions that stand side by side in one: it occurs where any of them does."""
    if _FLAGS.search(pattern):
        return (pattern,)
    found, depth = [""], 0
    for piece in _PIECE.findall(pattern):
        depth += (piece == "(") - (piece == ")")
        if piece == "|" and depth == 0:
            found.append("")
        else:
            found[-1] += piece
    return tuple(found)


def inner_alternatives(pattern: str) -> tuple[str, ...]:
    """The same, also of an expression that is one group between the ends of words."""
    apart = alternatives(pattern)
    group = _LONE_GROUP.fullmatch(pattern) if len(apart) == 1 else None
    if group is None:
        return apart
    begin, inside, end = group.groups()
    # A bracket that closes another group than the one that was opened: there are several.
    depth = 0
    for piece in _PIECE.findall(inside):
        depth += (piece == "(") - (piece == ")")
        if depth < 0:
            return apart
    return tuple(f"{begin}{piece}{end}" for piece in alternatives(inside))


_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
"""An escaped character, a class of characters, or one of any other kind."""

_LONE_GROUP = re.compile(r"((?:\\b)?)\(\?:(.*)\)((?:\\b)?)", re.DOTALL)

_FLAGS = re.compile(r"\(\?[a-zA-Z]*-?[a-zA-Z]+\)")
"""What holds for all that follows it, so that nothing can be taken apart."""

Required = tuple[Words | None, list[Words]]
"""All texts that an expression stands for, where they are few, and what it requires otherwise."""


def _of_sequence(items: Iterable[tuple[Any, Any]]) -> Required:
    sets: list[Words] = []
    spelt: Words = frozenset({""})
    is_whole = True
    for exact, inner in _pieces(items):
        if exact is not None and len(spelt) * len(exact) <= EXACT_MAX:
            spelt = frozenset(one + other for one, other in product(spelt, exact))
            continue
        is_whole = False
        sets.append(spelt)
        sets += inner
        spelt = exact if exact is not None else frozenset({""})
    if is_whole:
        return spelt, []
    return None, [words for words in (*sets, spelt) if words != frozenset({""})]


def _pieces(items: Iterable[tuple[Any, Any]]) -> Iterator[Required]:
    """What the items require one by one; letters that follow one another are one piece."""
    letters = ""
    for kind, value in items:
        if kind is kinds.LITERAL:
            letters += chr(value).lower()
            continue
        if letters:
            yield frozenset({letters}), []
            letters = ""
        yield _of_item(kind, value)
    if letters:
        yield frozenset({letters}), []


def _of_item(kind: Any, value: Any) -> Required:
    if kind is kinds.AT:
        return frozenset({""}), []
    if kind is kinds.IN:
        return _of_class(value), []
    if kind is kinds.SUBPATTERN:
        return _of_sequence(value[3])
    if kind is kinds.BRANCH:
        return _of_branches(value[1])
    if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT):
        return _of_repeat(*value)
    return None, []


def _of_class(members: Sequence[tuple[Any, Any]]) -> Words | None:
    if len(members) > _CHARACTERS_MAX or any(kind is not kinds.LITERAL for kind, _ in members):
        return None
    return frozenset(chr(value).lower() for _, value in members)


def _of_repeat(least: int, most: Any, item: Iterable[tuple[Any, Any]]) -> Required:
    exact, sets = _of_sequence(item)
    if least == 0:
        return (exact | {""}, []) if most == 1 and exact is not None else (None, [])
    if least == most == 1:
        return exact, sets
    return None, sets if exact is None else [exact]


def _of_branches(branches: Iterable[Iterable[tuple[Any, Any]]]) -> Required:
    each = [_of_sequence(branch) for branch in branches]
    spelt = [exact for exact, _ in each]
    if all(exact is not None for exact in spelt):
        union = frozenset[str]().union(*(exact or () for exact in spelt))
        if len(union) <= WORDS_MAX:
            return union, []
    best: set[str] = set()
    for exact, sets in each:
        useful = [words for words in (*sets, *([exact] if exact else [])) if _is_useful(words)]
        if not useful:
            return None, []
        rarest: Words = max(useful, key=_quality)
        best |= rarest
    return None, [frozenset(best)]


def _is_useful(words: Words) -> bool:
    return 0 < len(words) <= WORDS_MAX and min(map(len, words)) >= LETTERS_MIN


def _quality(words: Words) -> tuple[int, int]:
    """Long words are rare; a set is as rare as its shortest word."""
    return min(map(len, words)), -len(words)


def _order(words: Words) -> tuple[int, int, list[str]]:
    """The rarest first; nothing is left to the order of a set."""
    shortest, size = _quality(words)
    return -shortest, -size, sorted(words)
