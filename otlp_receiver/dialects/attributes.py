"""The attributes of many spans, events or log records as columns, exploded once.

One row an attribute: its owner's row number, its key as a number, and its value by type. Keys are
few and repeat, so all work on keys is done once a distinct key.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray
from opentelemetry.proto.common.v1.common_pb2 import ArrayValue, KeyValueList

from otlp_receiver.dialects.any_value import bytes_json, nested_json, number_texts
from otlp_receiver.dialects.json_text import escaped, quoted
from otlp_receiver.dialects.plain_messages import are_free_of_escapes

if TYPE_CHECKING:
    import pyarrow as pa

Positions = NDArray[np.int64]
"""Row numbers in an attribute table."""

_FEW_OWNERS = 16
"""Telling fewer apart takes longer than it can spare."""

_NONE: Positions = np.empty(0, dtype=np.int64)


class Kind(IntEnum):
    """The type of an attribute's value."""

    EMPTY = 0
    TEXT = 1
    BOOLEAN = 2
    INTEGER = 3
    NUMBER = 4
    LIST = 5
    MAP = 6
    BYTES = 7


class AttributeTable:
    """Attributes of ``owner_count`` owners, in the order sent, of equal keys the last alone."""

    def __init__(self, lists: pa.LargeListArray) -> None:
        pairs = lists.flatten()
        self.owner_count = len(lists)
        self.owner: Positions = np.repeat(
            np.arange(len(lists), dtype=np.int64), np.diff(np.asarray(lists.offsets))
        )
        encoded = pairs.field("key").dictionary_encode()
        self.keys: list[str] = encoded.dictionary.to_pylist()
        self.code: NDArray[np.int64] = np.asarray(encoded.indices).astype(np.int64)
        self.number_of_key = {key: number for number, key in enumerate(self.keys)}
        value = pairs.field("value")
        self._columns = {name.name: value.field(name.name) for name in value.type}
        self.kind: NDArray[np.int8] = self._kinds()

    def __len__(self) -> int:
        return len(self.owner)

    def _kinds(self) -> NDArray[np.int8]:
        kinds = np.zeros(len(self.code), dtype=np.int8)
        for kind, name in (
            (Kind.TEXT, "string_value"),
            (Kind.BOOLEAN, "bool_value"),
            (Kind.INTEGER, "int_value"),
            (Kind.NUMBER, "double_value"),
            (Kind.LIST, "array_value"),
            (Kind.MAP, "kvlist_value"),
            (Kind.BYTES, "bytes_value"),
        ):
            column = self._columns[name]
            if column.null_count < len(column):
                kinds[column.is_valid().to_numpy(zero_copy_only=False)] = kind
        return kinds

    @cached_property
    def _order(self) -> tuple[Positions, Positions]:
        """Attribute rows sorted by key number, and where each key begins."""
        small = self.code.astype(np.uint16) if len(self.keys) < 65536 else self.code
        order = np.argsort(small, kind="stable")
        starts = np.searchsorted(small[order], np.arange(len(self.keys) + 1))
        return order, starts

    @cached_property
    def repeated(self) -> Positions:
        """Rows whose owner sends the same key again later."""
        order, _ = self._order
        same = (self.code[order][1:] == self.code[order][:-1]) & (
            self.owner[order][1:] == self.owner[order][:-1]
        )
        doubled: Positions = order[:-1][same]
        return doubled

    def positions(self, key: str) -> Positions:
        """Rows with this key, in the owners' order; the last one wins where a key repeats."""
        number = self.number_of_key.get(key)
        return _NONE if number is None else self.positions_of(number)

    def positions_of(self, number: int) -> Positions:
        """Rows with the key of this number."""
        order, starts = self._order
        found: Positions = order[starts[number] : starts[number + 1]]
        if len(self.repeated) and len(found) > 1:
            last = np.append(self.owner[found][1:] != self.owner[found][:-1], True)
            found = found[last]
        return found

    def distinct_owners(self, rows: Positions) -> tuple[Positions, Positions]:
        """The first owner of each kind, and for each owner the place of its kind among them.

        Owners are of one kind when they have the same attributes in the same order among these
        rows, which are given in order. They are told apart by a hash, and then compared.
        """
        every = np.arange(self.owner_count)
        if self.owner_count < _FEW_OWNERS:
            return every, every
        owner, said = self.owner[rows], self._said(rows)
        ends = np.searchsorted(owner, np.arange(1, self.owner_count + 1))
        begins = np.append(np.int64(0), ends[:-1])
        place = np.arange(len(rows)) - begins[owner]
        hashes = said.hash_rows(1).to_numpy()
        sums = np.zeros(len(rows) + 1, dtype=np.uint64)
        np.cumsum(hashes * (2 * place.astype(np.uint64) + np.uint64(1)), out=sums[1:])
        whole = sums[ends] - sums[begins] + (ends - begins).astype(np.uint64)
        _, first, where = np.unique(whole, return_index=True, return_inverse=True)
        order = np.argsort(first)
        first, where = first[order], np.argsort(order)[where]
        alike = first[where]
        if ((ends - begins) == (ends - begins)[alike]).all():
            others = said[begins[alike[owner]] + place]
            if said.equals(others):
                return first, where
        return every, every

    def _said(self, rows: Positions) -> pl.DataFrame:
        """What tells attributes apart: their key, their kind, and their value."""
        kind = self.kind[rows]
        bits = np.where(kind == Kind.INTEGER, self.integer[rows].view(np.uint64), np.uint64(0))
        bits = np.where(kind == Kind.NUMBER, self.number[rows].view(np.uint64), bits)
        bits = np.where(kind == Kind.BOOLEAN, self.boolean[rows].astype(np.uint64), bits)
        return pl.DataFrame(
            {"code": self.code[rows], "kind": kind, "bits": bits, "text": self.text[rows]}
        )

    @cached_property
    def text(self) -> pl.Series:
        """Text values; lists and maps as JSON text, bytes as base64; null for other types."""
        series = pl.Series(self._columns["string_value"], dtype=pl.String)
        for kind, name, read in (
            (Kind.LIST, "array_value", partial(nested_json, kind=ArrayValue)),
            (Kind.MAP, "kvlist_value", partial(nested_json, kind=KeyValueList)),
            (Kind.BYTES, "bytes_value", bytes_json),
        ):
            at = np.flatnonzero(self.kind == kind)
            if len(at):
                series = series.scatter(at, pl.Series(read(self._columns[name].take(at))))
        return series

    @cached_property
    def holds_no_escapes(self) -> bool:
        """Whether no text, of those sent as text, holds a backslash or a control character."""
        content = self._columns["string_value"].buffers()[2]
        return content is None or are_free_of_escapes(np.frombuffer(content, dtype=np.uint8))

    @cached_property
    def integer(self) -> NDArray[np.int64]:
        """Integer values; anything where the value is of another type."""
        return _values_of(self._columns["int_value"], np.int64)

    @cached_property
    def number(self) -> NDArray[np.float64]:
        """Floating-point values; anything where the value is of another type."""
        return _values_of(self._columns["double_value"], np.float64)

    @cached_property
    def boolean(self) -> NDArray[np.bool_]:
        """Boolean values; false where the value is of another type."""
        column = self._columns["bool_value"].fill_null(False)
        return np.asarray(column.to_numpy(zero_copy_only=False))

    def texts_at(self, positions: Positions) -> pl.Series:
        """The text of these rows."""
        return self.text[positions]

    def json_at(self, positions: Positions) -> pl.Series:
        """The value of each of these rows as JSON text."""
        kinds = self.kind[positions]
        result = self.text[positions]
        is_text = np.flatnonzero(kinds == Kind.TEXT)
        if len(is_text) == len(kinds):
            return quoted(result)
        result = result.scatter(is_text, quoted(result[is_text]))
        for kind in (Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN, Kind.EMPTY):
            here = np.flatnonzero(kinds == kind)
            if len(here):
                result = result.scatter(here, self._plain_json(kind, positions[here]))
        return result

    def pairs_at(self, positions: Positions) -> pl.Series:
        """Each of these rows as a member of a JSON object: ``"key":value``."""
        kinds = self.kind[positions]
        is_text = kinds == Kind.TEXT
        at = np.flatnonzero(is_text)
        if len(at) == len(positions):
            body = escaped(self.text[positions])
        else:
            body = self.text[positions]
            body = body.scatter(at, escaped(body[at]))
            for kind in (Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN, Kind.EMPTY):
                here = np.flatnonzero(kinds == kind)
                if len(here):
                    body = body.scatter(here, self._plain_json(kind, positions[here]))
        names = [orjson.dumps(key).decode() for key in self.keys]
        before = pl.Series([f"{name}:" for name in names] + [f'{name}:"' for name in names])
        after = pl.Series(["", '"'])
        return pl.select(
            pl.concat_str(
                before[self.code[positions] + is_text * len(names)],
                body.fill_null("null"),
                after[is_text.astype(np.int64)],
            )
        ).to_series()

    def _plain_json(self, kind: Kind, at: Positions) -> pl.Series:
        """JSON text of values of one kind that need no quotes."""
        if kind is Kind.INTEGER:
            return pl.Series(self.integer[at]).cast(pl.String)
        if kind is Kind.NUMBER:
            return number_texts(self.number[at])
        if kind is Kind.BOOLEAN:
            return pl.Series(self.boolean[at]).cast(pl.String)
        return pl.repeat("null", len(at), dtype=pl.String, eager=True)


def _values_of(column: pa.Array, dtype: type) -> NDArray[Any]:
    """The numbers of a column as they lie in memory; what a null holds means nothing."""
    buffer = column.buffers()[1]
    if buffer is None:
        return np.zeros(len(column), dtype=dtype)
    return np.frombuffer(buffer, dtype=dtype, count=column.offset + len(column))[column.offset :]
