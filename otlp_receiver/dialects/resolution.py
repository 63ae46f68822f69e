"""Fields from attributes: for each field, the first line of the mapping that gives a value."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from otlp_receiver.dialects.attributes import AttributeTable, Kind, Positions
from otlp_receiver.dialects.canonical_text import CANONICAL_INSTRUCTIONS, CANONICAL_MESSAGES
from otlp_receiver.dialects.json_text import loads
from otlp_receiver.dialects.plain_messages import are_plain
from otlp_receiver.dialects.transforms import COUNT_MAX, TRANSFORMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from otlp_receiver.dialects.mapping import Rule

Mask = NDArray[np.bool_]

_TYPES: dict[str, pl.DataType] = {
    "integer": pl.Int64(),
    "input_usage": pl.Int64(),
    "output_usage": pl.Int64(),
    "number": pl.Float64(),
    "whole_cost": pl.Float64(),
    "seconds": pl.Float64(),
    "milliseconds": pl.Float64(),
    "boolean": pl.Boolean(),
    "yes": pl.Boolean(),
    "no": pl.Boolean(),
    "no_of_client": pl.Boolean(),
    "finish_reasons": pl.List(pl.String()),
    "answer_reasons": pl.List(pl.String()),
}


def column_type(rule: Rule) -> pl.DataType:
    """The type of the column that a rule fills."""
    return _TYPES.get(rule.transform, _TEXT)


_TEXT = pl.String()


@dataclass(slots=True)
class Column:
    """A field on its way: values by owner, and which rule gave them (-1 for none)."""

    values: pl.Series
    rule: NDArray[np.int16]


@dataclass(slots=True)
class Resolution:
    """What resolving fields tells besides their values."""

    table: AttributeTable
    # Attributes that a column holds in full.
    taken: Mask = field(init=False)
    # Owners with a value that was JSON and is cut.
    truncated: Mask = field(init=False)

    def __post_init__(self) -> None:
        self.taken = np.zeros(len(self.table), dtype=np.bool_)
        self.truncated = np.zeros(self.table.owner_count, dtype=np.bool_)

    def resolve(self, rules: Sequence[Rule], allowed: Callable[[Rule], Mask | None]) -> Column:
        """The values of one field. ``allowed`` masks the owners for which a rule holds."""
        count = self.table.owner_count
        dtype = column_type(rules[0])
        rule_of = np.full(count, -1, dtype=np.int16)
        pieces: list[tuple[Positions, pl.Series]] = []
        for number, rule in enumerate(rules):
            at = self._open(rule, rule_of if pieces else None, allowed)
            if not len(at):
                continue
            values, truncated, same = self.convert(rule, at, dtype)
            if truncated is not None:
                self.truncated[self.table.owner[at[truncated]]] = True
            if values.null_count():
                known = values.is_not_null()
                good = known.to_numpy()
                at, values = at[good], values.filter(known)
                same = None if same is None else same[good]
                if not len(at):
                    continue
            owners = self.table.owner[at]
            rule_of[owners] = number
            self.taken[at if same is None else at[same]] = True
            pieces.append((owners, values))
        return Column(_by_owner(pieces, count, dtype), rule_of)

    def occurring(self, rules: Sequence[Rule]) -> list[Rule]:
        """The rules whose key any owner sends."""
        return [rule for rule in rules if rule.key in self.table.number_of_key]

    def _open(
        self,
        rule: Rule,
        rule_of: NDArray[np.int16] | None,
        allowed: Callable[[Rule], Mask | None],
    ) -> Positions:
        """The attributes of a rule whose owners have no value yet and for which it holds."""
        at = self.table.positions(rule.key)
        if not len(at):
            return at
        mask = allowed(rule)
        if rule_of is None and mask is None:
            return at
        owners = self.table.owner[at]
        if rule_of is None:
            assert mask is not None
            return at[mask[owners]]
        free = rule_of[owners] < 0
        return at[free if mask is None else free & mask[owners]]

    def convert(
        self, rule: Rule, at: Positions, dtype: pl.DataType
    ) -> tuple[pl.Series, Mask | None, Mask | None]:
        """The values after the rule's transform, which were cut, and which say all that was sent.

        No mask stands for none cut, and for all the same.
        """
        table = self.table
        kinds = table.kind[at]
        transform = rule.transform
        if not rule.paths:
            if transform == "text" and (kinds == Kind.TEXT).all():
                texts = table.texts_at(at)
                if not _MAY_SAY_NOTHING[_first_bytes(texts)].any():
                    return texts, None, None
            if transform == "integer" and (kinds == Kind.INTEGER).all():
                numbers = table.integer[at]
                values = pl.Series(numbers)
                if numbers.min() < 0 or numbers.max() > COUNT_MAX:
                    bad = pl.Series((numbers < 0) | (numbers > COUNT_MAX))
                    values = values.set(bad, None)
                return values, None, None
            if transform == "boolean" and (kinds == Kind.BOOLEAN).all():
                return pl.Series(table.boolean[at]), None, None
        if _are_messages(rule, kinds):
            return _convert_messages(
                rule, table.texts_at(at), dtype, hold_no_escapes=table.holds_no_escapes
            )
        return convert_distinct(rule, *_raw(table, at, kinds), dtype)


def _first_bytes(texts: pl.Series) -> NDArray[np.uint8]:
    """The first byte of each text, from Arrow's view of it; 0 where the text is empty."""
    column = texts.to_arrow(compat_level=pl.CompatLevel.newest())
    views = np.frombuffer(column.buffers()[1], dtype=np.uint8).reshape(-1, _VIEW_BYTES)
    return views[column.offset :][: len(column), _VIEW_TEXT]


_VIEW_BYTES = 16
_VIEW_TEXT = 4
"""A view is the text's length, its first four bytes, and the rest or where it lies."""

_MAY_SAY_NOTHING = np.zeros(256, dtype=np.bool_)
_MAY_SAY_NOTHING[[0, *b'"<N']] = True
"""First bytes of texts that may be empty, in quotes of their own, or placeholders."""


def nulls(dtype: pl.DataType, count: int) -> pl.Series:
    """A column of nulls."""
    return _null(dtype).new_from_index(0, count)


@cache
def _null(dtype: pl.DataType) -> pl.Series:
    return pl.Series([None], dtype=dtype)


def _by_owner(
    pieces: list[tuple[Positions, pl.Series]], count: int, dtype: pl.DataType
) -> pl.Series:
    """The values by owner; null where there is none. No owner is in two pieces."""
    if len(pieces) == 1 and len(pieces[0][1]) == count:
        # Every owner has the attribute, in its order.
        return pieces[0][1]
    if isinstance(dtype, pl.List) and pieces:
        return _lists_by_owner(pieces, count, dtype)
    column = nulls(dtype, count)
    for owners, values in pieces:
        column = column.scatter(owners, values)
    return column


def _lists_by_owner(
    pieces: list[tuple[Positions, pl.Series]], count: int, dtype: pl.DataType
) -> pl.Series:
    """The same for lists, which cannot be scattered."""
    every = pl.concat([*(values for _, values in pieces), _null(dtype)])
    where = np.full(count, len(every) - 1, dtype=np.int64)
    where[np.concatenate([owners for owners, _ in pieces])] = np.arange(len(every) - 1)
    return every[where]


def _raw(table: AttributeTable, at: Positions, kinds: NDArray[np.int8]) -> tuple[pl.Series, Any]:
    """The values as text with their kinds: lists, maps and numbers as JSON."""
    simple = (kinds == Kind.TEXT) | (kinds == Kind.LIST) | (kinds == Kind.MAP)
    if simple.all():
        return table.texts_at(at), kinds
    texts = table.texts_at(at)
    others = np.flatnonzero(~simple)
    return texts.scatter(others, table.json_at(at[others])), kinds


def convert_distinct(
    rule: Rule, texts: pl.Series, kinds: NDArray[np.int8], dtype: pl.DataType
) -> tuple[pl.Series, Mask | None, Mask | None]:
    """Apply a transform once to each distinct value and give it to all rows that hold it."""
    if _are_messages(rule, kinds):
        return _convert_messages(rule, texts, dtype)
    if len(kinds) and (kinds == kinds[0]).all() and texts.null_count() == 0:
        # By way of Arrow, which does this in one step.
        encoded = texts.to_arrow().dictionary_encode()
        kind = int(kinds[0])
        answers = [converted(rule, text, kind) for text in encoded.dictionary.to_pylist()]
        return _given(answers, np.asarray(encoded.indices), dtype)
    keys = list(zip(texts.to_list(), kinds.tolist(), strict=True))
    number_of = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    answers = [converted(rule, *key) for key in number_of]
    where = np.fromiter(map(number_of.__getitem__, keys), dtype=np.int64, count=len(keys))
    return _given(answers, where, dtype)


def _given(
    answers: list[tuple[Any, bool, bool]], where: NDArray[Any], dtype: pl.DataType
) -> tuple[pl.Series, Mask | None, Mask | None]:
    """The answers of distinct values, given to the rows that hold them."""
    cut = np.array([answer[1] for answer in answers], dtype=np.bool_)
    same = np.array([answer[2] for answer in answers], dtype=np.bool_)
    values = pl.Series([answer[0] for answer in answers], dtype=dtype, strict=True)
    return (
        values[where],
        cut[where] if cut.any() else None,
        None if same.all() else same[where],
    )


def _are_messages(rule: Rule, kinds: NDArray[np.int8]) -> bool:
    """Whether these are messages as text, most of which need no change."""
    return rule.transform in _CANONICAL and not rule.paths and bool((kinds == Kind.TEXT).all())


def _convert_messages(
    rule: Rule, texts: pl.Series, dtype: pl.DataType, *, hold_no_escapes: bool = False
) -> tuple[pl.Series, Mask | None, Mask | None]:
    """Messages as text: those that need no change stay the text that they are."""
    foreign = _foreign(texts, rule.transform, hold_no_escapes=hold_no_escapes)
    if foreign.is_empty():
        return texts, None, None
    contents = texts[foreign].to_list()
    known = {text: converted(rule, text, Kind.TEXT) for text in dict.fromkeys(contents)}
    answers = [known[content] for content in contents]
    cut = np.zeros(len(texts), dtype=np.bool_)
    cut[foreign.to_numpy()] = [answer[1] for answer in answers]
    values = texts.scatter(foreign, pl.Series([answer[0] for answer in answers], dtype=dtype))
    return values, cut if cut.any() else None, None


def _mostly_plain(texts: pl.Series) -> bool:
    """Whether looking for plain texts first is likely to pay, told by a few of them."""
    some = texts.gather_every(len(texts) // _SAMPLE + 1)
    # A column of their own: a part of a column carries the bytes of the whole.
    return bool(are_plain(pl.Series(some.to_list(), dtype=pl.String)).mean() > _PLAIN_SHARE)


_SAMPLE = 128
_PLAIN_SHARE = 0.8
"""Below it the texts that are not plain, which are read twice, cost more than is saved."""


def _foreign(texts: pl.Series, transform: str, *, hold_no_escapes: bool = False) -> pl.Series:
    """The places of texts that are not known to be canonical."""
    canonical = _CANONICAL[transform]
    if transform == "instructions" or not _mostly_plain(texts):
        return texts.str.contains(canonical).not_().fill_null(value=True).arg_true()
    doubtful = pl.Series(~are_plain(texts, hold_no_escapes=hold_no_escapes)).arg_true()
    if doubtful.is_empty():
        return doubtful
    unlike = texts.gather(doubtful).str.contains(canonical).not_().fill_null(value=True)
    return doubtful.filter(unlike)


_CANONICAL: dict[str, str] = {
    "input_messages": CANONICAL_MESSAGES,
    "output_messages": CANONICAL_MESSAGES,
    "instructions": CANONICAL_INSTRUCTIONS,
}


def converted(rule: Rule, content: str | None, kind: int) -> tuple[Any, bool, bool]:
    """One value after the transform, whether it was JSON that is cut, whether it says it all."""
    if content is None:
        return None, False, False
    try:
        value: Any = content
        if kind not in (Kind.TEXT, Kind.BYTES):
            value = loads(content)
        if rule.paths:
            value = first_at(parsed(value), rule.paths)
        if value is None:
            return None, False, False
        result = TRANSFORMS[rule.transform](value)
    except ValueError:
        return None, True, False
    except Exception:  # noqa: BLE001  # content is hostile; it makes a field null, never a crash
        return None, False, False
    return result, False, not rule.paths and (rule.takes or result == value)


def parsed(value: Any) -> Any:
    """JSON text as its value, Python's repr of a dict too; other text is nothing."""
    if not isinstance(value, str):
        return value
    stripped = value.strip()
    if stripped[:1] not in ("{", "[", '"'):
        return None
    try:
        value = loads(stripped)
    except ValueError:
        return _python_repr(stripped) if _LOOKS_LIKE_VALUE.match(stripped) else None
    return parsed(value) if isinstance(value, str) and value != stripped else value


_LOOKS_LIKE_VALUE = re.compile(r"[\[{]\s*[\"'\[{]")
"""How JSON and Python's repr begin and prose does not: ``[Note] …`` is prose."""

_REPR_LENGTH_MAX = 100_000


def _python_repr(stripped: str) -> Any:
    """LangSmith and LiteLLM write ``repr(dict)`` into attributes."""
    if len(stripped) > _REPR_LENGTH_MAX:
        raise ValueError("cut")
    try:
        return ast.literal_eval(stripped)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        raise ValueError("cut") from None


def first_at(value: Any, paths: Iterable[Sequence[str]]) -> Any:
    """The first value that one of the paths leads to."""
    for path in paths:
        found = value
        for step in path:
            if isinstance(found, str) and found[:1] in ("{", "["):
                found = parsed(found)
            if isinstance(found, dict):
                found = found.get(step)
            elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
                found = found[int(step)]
            else:
                found = None
            if found is None:
                break
        if found is not None:
            return found
    return None
