"""Log records: message content for spans, and evaluation results."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa

from otlp_receiver.dialects.any_value import finite_or_word
from otlp_receiver.dialects.attributes import AttributeTable, Kind
from otlp_receiver.dialects.content_events import NAMES, pieces_of, usage_pieces
from otlp_receiver.dialects.evaluations import EVENT_NAME, Score
from otlp_receiver.dialects.json_text import loads
from span_store.schema import CONTENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otlp_receiver.decode import Decoded

_NAME_KEYS = ("event.name", "event_name")


def log_rows(
    decoded: Decoded, projects: Sequence[str], received: Sequence[int]
) -> tuple[pl.DataFrame, list[Score]]:
    """Rows of the contents table, and the evaluation results, of decoded log records."""
    records = decoded.rows
    if not len(records):
        return pl.DataFrame(schema=CONTENTS.polars), []
    table = AttributeTable(records.field("attributes"))
    names = _event_names(records, table, decoded)
    wanted = [
        at
        for at, name in enumerate(names)
        if name == EVENT_NAME or name in NAMES or name.startswith("gen_ai.")
    ]
    wanted += [at for at, name in enumerate(names) if name.startswith("\0")]
    usage = _usage_lines(names, decoded)
    wanted += usage
    scores: list[Score] = []
    contents: list[dict[str, Any]] = []
    reader = _Reader(decoded, table)
    for at in sorted(wanted):
        name = names[at].lstrip("\0")
        place = {
            "project": projects[decoded.request[at]],
            "trace_id": reader.hex_id("trace_id", at, 16),
            "span_id": reader.hex_id("span_id", at, 8),
            "time": reader.time(at),
            "received_at": received[decoded.request[at]],
        }
        if name == EVENT_NAME:
            scores.append(Score(**place, attributes=reader.attributes(at)))
        elif place["trace_id"] and place["span_id"]:
            if at in usage:
                pieces = usage_pieces(reader.body(at))
            else:
                pieces = pieces_of(name, reader.body(at), reader.attributes(at))
            contents += [
                place
                | {
                    "field": piece.field,
                    "position": piece.index,
                    "fragment": piece.text,
                    "is_fragment": piece.is_fragment,
                    "source": "log:" + (_plain_name(name) or "body"),
                    "request": int(decoded.request[at]),
                }
                for piece in pieces
            ]
    return _content_rows(contents), scores


def _plain_name(name: str) -> str:
    """An event's name without what a JSON text holds only escaped."""
    return re.sub(r'["\\\x00-\x1f]', "", name)


def _usage_lines(names: list[str], decoded: Decoded) -> set[int]:
    """Records without an event's name of Semantic Kernel's clients, which log the usage."""
    scopes = decoded.scopes.field("name").to_pylist()
    ours = {at for at, name in enumerate(scopes) if (name or "").startswith(_USAGE_SCOPE)}
    if not ours:
        return set()
    return {at for at, name in enumerate(names) if not name and decoded.scope[at] in ours}


_USAGE_SCOPE = "semantic_kernel.connectors.ai"


def _event_names(records: pa.StructArray, table: AttributeTable, decoded: Decoded) -> list[str]:
    """The event's name: the record's own, else an attribute, else the scope's (marked by NUL).

    JavaScript and some Python libraries put the name into an attribute; AWS's distribution names
    the event after the scope.
    """
    names: list[str] = records.field("event_name").to_pylist()
    for key in _NAME_KEYS:
        at = table.positions(key)
        for owner, text in zip(table.owner[at].tolist(), table.texts_at(at), strict=True):
            if not names[owner] and text is not None:
                names[owner] = text
    scopes = decoded.scopes.field("name").to_pylist()
    for number, name in enumerate(names):
        if name and name == scopes[decoded.scope[number]]:
            names[number] = "\0" + name
    return names


_TIME_MAX = 2**63 - 1
_INDEX_MAX = 10**9
"""Senders may claim any index; positions made of larger ones would not fit the column."""


class _Reader:
    """Single log records as Python values."""

    def __init__(self, decoded: Decoded, table: AttributeTable) -> None:
        self.records = decoded.rows
        self.table = table
        self.columns = {
            name: self.records.field(name)
            for name in ("trace_id", "span_id", "time_unix_nano", "observed_time_unix_nano")
        }
        bodies = self.records.field("body")
        offsets = np.arange(len(bodies) + 1, dtype=np.int64)
        keys = pa.array(["body"] * len(bodies), pa.large_string())
        pairs = pa.StructArray.from_arrays([keys, bodies], ["key", "value"])
        self.bodies = AttributeTable(pa.LargeListArray.from_arrays(offsets, pairs))
        self.starts = np.searchsorted(table.owner, np.arange(len(self.records) + 1))

    def hex_id(self, name: str, at: int, length: int) -> str:
        """An id in lower-case hex; empty when it is not one."""
        raw: bytes = self.columns[name][at].as_py()
        return raw.hex() if len(raw) == length and any(raw) else ""

    def time(self, at: int) -> int:
        """The record's time, else when it was observed; nanoseconds, as many as a column holds."""
        sent = (
            self.columns["time_unix_nano"][at].as_py()
            or self.columns["observed_time_unix_nano"][at].as_py()
        )
        return min(int(sent), _TIME_MAX)

    def body(self, at: int) -> Any:
        """The body as a Python value."""
        return _plain(self.bodies, np.array([at]))[0]

    def attributes(self, at: int) -> dict[str, Any]:
        """The attributes as a dict; of equal keys the last wins."""
        rows = np.arange(self.starts[at], self.starts[at + 1])
        keys = (self.table.keys[code] for code in self.table.code[rows])
        return dict(zip(keys, _plain(self.table, rows), strict=True))


def _plain(table: AttributeTable, rows: np.ndarray) -> list[Any]:
    """Attribute values as Python values."""
    texts = table.texts_at(rows).to_list()
    values: list[Any] = []
    for row, content in zip(rows.tolist(), texts, strict=True):
        match int(table.kind[row]):
            case Kind.LIST | Kind.MAP:
                values.append(loads(content))
            case Kind.INTEGER:
                values.append(int(table.integer[row]))
            case Kind.NUMBER:
                values.append(finite_or_word(float(table.number[row])))
            case Kind.BOOLEAN:
                values.append(bool(table.boolean[row]))
            case _:
                values.append(content)
    return values


def _content_rows(contents: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows with their ids; the position tells pieces of one field and one time apart."""
    seen: dict[tuple[Any, ...], int] = {}
    places: dict[tuple[Any, ...], int] = {}
    for row in contents:
        said = (row["project"], row["trace_id"], row["span_id"], row["field"], row["time"])
        same = (*said, row["fragment"], row["request"])
        occurrence = seen[same] = seen.get(same, -1) + 1
        place = (*said[:4], row["request"])
        order = places[place] = places.get(place, -1) + 1
        identity = "\0".join(map(str, (*said[1:], row["fragment"], occurrence)))
        row["content_id"] = blake2b(identity.encode(), digest_size=16).hexdigest()
        row["position"] = min(max(row["position"], 0), _INDEX_MAX) * 1_000_000 + order
        del row["request"]
    return pl.DataFrame(contents, schema=CONTENTS.polars, orient="row")
