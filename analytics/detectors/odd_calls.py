"""Which outputs hold a call that is not evidently proper, found without parsing most of them.

Most calls of an agent are alike: they differ in the values of strings alone, at which a declared
schema mostly does not look. Where that is so, one of them is parsed and stands for the others.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import polars as pl

from analytics.detectors.json_schemas import validator_of
from analytics.detectors.malformed_calls import CALL, tools_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_FIRST = 50
"""So many outputs are looked at for forms that others may have."""

_MANY = 1_000
"""Fewer outputs with the same definitions are not worth an expression."""

_DEFINITIONS_MAX = 4
"""So many different definitions are looked at for forms."""

_FORMS_CHARACTERS_MAX = 10_000
"""Longer expressions take long to build, and too much room."""


def traces_with_odd_calls(spans: pl.DataFrame, known: Collection[str]) -> set[str]:
    """Ids of the traces in which some output holds a call that is not evidently proper.

    It decides which traces the exact rules look at. ``spans`` holds ``trace_id``,
    ``tool_definitions`` and ``output_messages``, which is never null; ``known`` are traces that
    need no further reason.
    """
    checks = _Checks()
    odd: set[str] = set()
    kinds = ["tool_definitions", "shape"]
    rest = _of_no_form(spans, checks)
    if rest.is_empty():
        return odd
    shaped = _with_shapes(rest)
    alike = shaped.unique(kinds, keep="first", maintain_order=True)
    stands = [
        _has_one_call(shape) and checks.stands_for_others(output, definitions)
        for output, definitions, shape in alike.select("output_messages", *kinds).iter_rows()
    ]
    doubtful = alike.select(kinds).filter(~pl.Series(stands, dtype=pl.Boolean))
    if doubtful.is_empty():
        return odd
    rows = shaped.join(doubtful, on=kinds, how="semi", nulls_equal=True)
    columns = ("trace_id", "tool_definitions", "output_messages")
    for trace_id, definitions, output in rows.select(columns).iter_rows():
        is_settled = trace_id in known or trace_id in odd
        if not is_settled and not checks.is_proper(output, definitions):
            odd.add(trace_id)
    return odd


def _of_no_form(spans: pl.DataFrame, checks: _Checks) -> pl.DataFrame:
    """The outputs but those that have the form of one that stands for others.

    The forms are those of the first few outputs with the same definitions. One expression over
    whole texts takes a fraction of what it takes to give each of them its shape.
    """
    left: list[pl.DataFrame] = []
    while spans.height >= _MANY and len(left) < _DEFINITIONS_MAX:
        definitions = spans["tool_definitions"][0]
        is_same = spans["tool_definitions"].eq_missing(pl.Series([definitions], dtype=pl.String))
        same, spans = spans.filter(is_same), spans.filter(~is_same)
        if same.height >= _MANY:
            first = same["output_messages"].head(_FIRST)
            stand = [one for one in first if checks.stands_for_others(one, definitions)]
            forms = Forms.of(stand) if stand else None
            if forms is not None and len(forms.middle) <= _FORMS_CHARACTERS_MAX:
                same = same.filter(~forms.has(same["output_messages"]))
        left.append(same)
    return pl.concat([*left, spans])


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_COLON = re.compile(r"\s*:")
_SPACE = r"[ \t\n\r]*"
_ANY_STRING = r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-ce-fA-CE-F][0-9a-fA-F]{3})*"'
"""A string of JSON; an escape that is half of a character is not taken for one."""

_ANY_ID = r'"[^"\\\s\x00-\x1f][^"\\\x00-\x1f]*"'
_TOLD = ("type", "name")
"""What these say makes a call another one."""

_STEADY = (*_TOLD, "role", "finish_reason")
"""What these say is mostly the same in all outputs."""


class _Piece(NamedTuple):
    """A string of a JSON text, or what stands between two strings."""

    text: str
    is_steady: bool
    wild: str | None = None
    """An expression for what may stand in its place; None where only itself may."""

    @property
    def form(self) -> str:
        return self.wild or re.escape(self.text)


def _pieces(output: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    key, place = "", 0
    for found in _STRING.finditer(output):
        string = found[0]
        is_key = _COLON.match(output, found.end()) is not None
        key = orjson.loads(string) if is_key else key
        wild = None if is_key or key in _TOLD else _ANY_ID if key == "id" else _ANY_STRING
        pieces.append(_Piece(output[place : found.start()], is_steady=True))
        pieces.append(_Piece(string, is_steady=is_key or key in _STEADY, wild=wild))
        place = found.end()
    return [*pieces, _Piece(output[place:], is_steady=True)]


def form_of(output: str) -> str:
    """An expression for the JSON texts that differ from this one in values of strings alone."""
    return "".join(piece.form for piece in _pieces(output))


class Forms(NamedTuple):
    """JSON texts that begin and end alike, and between differ in values of strings alone."""

    head: str
    middle: str
    """An expression for what stands between, as a whole."""
    tail: str

    @classmethod
    def of(cls, outputs: Sequence[str]) -> Forms:
        """The forms of these texts, of which there is at least one.

        To compare whole beginnings and ends takes a tenth of what an expression takes for them.
        """
        texts = [_pieces(output) for output in outputs]
        head = _alike(texts)
        texts = [pieces[len(head) :] for pieces in texts]
        tail = _alike([pieces[::-1] for pieces in texts])[::-1]
        middles = {
            "".join(piece.form for piece in pieces[: len(pieces) - len(tail)]) for pieces in texts
        }
        return cls("".join(head), f"^(?:{'|'.join(sorted(middles))})$", "".join(tail))

    def has(self, texts: pl.Series) -> pl.Series:
        """Whether each text has one of the forms."""
        begin = len(self.head.encode())
        sizes = texts.str.len_bytes().cast(pl.Int64) - begin - len(self.tail.encode())
        has = texts.str.starts_with(self.head) & texts.str.ends_with(self.tail) & (sizes >= 0)
        # Both are whole characters, so what is left is a text again; to cut bytes copies nothing.
        middles = texts.filter(has).cast(pl.Binary)
        middles = middles.bin.slice(begin, sizes.filter(has))  # type: ignore[arg-type]
        fits = middles.cast(pl.String).str.contains(self.middle)
        return has.scatter(has.arg_true().filter(~fits), values=False)


def _alike(texts: Sequence[Sequence[_Piece]]) -> list[str]:
    """The pieces with which all texts begin, as far as they are steady."""
    alike: list[str] = []
    for first, *others in zip(*texts, strict=False):
        if not first.is_steady or any(other.text != first.text for other in others):
            break
        alike.append(first.text)
    return alike


def _has_one_call(shape: str) -> bool:
    """Whether outputs of this shape hold one call: of several, ids and names must be compared."""
    return shape.count('"name"') == 1 and shape.count('"id"') == 1


def _with_shapes(spans: pl.DataFrame) -> pl.DataFrame:
    """Add the output's ``shape``: its text without its strings but the name of the one call.

    What stands before the arguments of a call without words beside it varies in the id alone,
    and to blank that one string is much cheaper than to look for every string.
    """
    outputs = pl.col("output_messages")
    cut = spans.with_columns(
        outputs.str.splitn('"arguments"', 2).struct.rename_fields(["head", "tail"]).struct.unnest()
    )
    tail = pl.col("tail").fill_null("")
    # A colon before a closing quotation mark would be taken for one between a key and its value,
    # and a name or an id after the arguments would be blanked with them.
    is_bare = ~(
        pl.col("head").str.contains('"content"', literal=True)
        | tail.str.contains(r':"\s*[,\]}:]|"name"|"id"')
    )
    # A blank id stays, and makes a shape of its own.
    head = pl.col("head").str.replace(f'"id"{_SPACE}:{_SPACE}{_ANY_ID}', '"id":"x"')
    values = tail.str.replace_all(f":{_SPACE}{_ANY_STRING}", ':""')
    bare = cut.filter(is_bare).with_columns(shape=pl.concat_str(head, values, separator=" "))
    name = outputs.str.extract(r'"name"\s*:\s*"([^"\\]+)"').fill_null("")
    has_id = outputs.str.contains(r'"id"\s*:\s*"[^"\s]').cast(pl.String)
    told = pl.concat_str(_blanked(outputs), has_id, name, separator=" ")
    wordy = cut.filter(~is_bare).with_columns(shape=told)
    return pl.concat([bare, wordy]).drop("head", "tail")


def _blanked(text: pl.Expr) -> pl.Expr:
    """JSON text with every string that is a value blanked."""
    return text.str.replace_all(rf"{_ANY_STRING}({_SPACE}[,}}\]])", '""$1')


_VALUE_KEYWORDS = {
    *("enum", "const", "pattern", "format", "minLength", "maxLength", "minimum", "maximum"),
    *("exclusiveMinimum", "exclusiveMaximum", "multipleOf", "contentEncoding", "if", "not"),
    *("contentMediaType", "uniqueItems", "$ref", "$dynamicRef"),
}


def _looks_into_values(schema: Any) -> bool:
    if isinstance(schema, dict):
        return not _VALUE_KEYWORDS.isdisjoint(schema) or any(
            _looks_into_values(value) for value in schema.values()
        )
    return isinstance(schema, list) and any(_looks_into_values(value) for value in schema)


class _Checks:
    """Declared tools and their compiled validators, each read once."""

    def __init__(self) -> None:
        self._tools: dict[str | None, dict[str, Any]] = {}
        self._validators: dict[tuple[str | None, str], Any] = {}

    def _declared(self, definitions: str | None) -> dict[str, Any]:
        if definitions not in self._tools:
            self._tools[definitions] = tools_of(definitions)
            for name, schema in self._tools[definitions].items():
                self._validators[definitions, name] = validator_of(schema)
        return self._tools[definitions]

    def is_proper(self, output: str, definitions: str | None) -> bool:
        """Whether every call of an output has a name, an id of its own and proper arguments."""
        return _are_proper(output, definitions, self._declared(definitions), self._validators)

    def stands_for_others(self, output: str, definitions: str | None) -> bool:
        """Whether it is proper, and so is what differs from it in values of strings alone."""
        if not self.is_proper(output, definitions):
            return False
        parts = [part for message in orjson.loads(output) for part in message["parts"]]
        calls = [part for part in parts if part["type"] == CALL]
        # Of several calls the ids must be compared; arguments as a text may say anything.
        if len(calls) != 1 or isinstance(calls[0].get("arguments"), str):
            return False
        return not _looks_into_values(self._declared(definitions).get(calls[0]["name"]))


def _are_proper(
    outputs: str,
    definitions: str | None,
    tools: dict[str, Any],
    validators: dict[tuple[str | None, str], Any],
) -> bool:
    ids = set()
    try:
        for message in orjson.loads(outputs):
            for part in message["parts"]:
                if part["type"] != CALL:
                    continue
                name, call_id, arguments = part["name"], part.get("id"), part.get("arguments")
                if not name or call_id == "" or call_id in ids or (tools and name not in tools):
                    return False
                if call_id is not None:
                    ids.add(call_id)
                if isinstance(arguments, str):
                    arguments = orjson.loads(arguments) if arguments.strip() else {}
                validator = validators.get((definitions, name))
                if validator is not None and not validator.is_valid(arguments or {}):
                    return False
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return False
    return True
