"""Span events: exceptions, message content, first chunks, evaluation results, and as JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from otlp_receiver.dialects.attributes import AttributeTable
from otlp_receiver.dialects.content_events import (
    NAMES,
    Piece,
    pieces_of,
    together,
    tool_pieces_of,
)
from otlp_receiver.dialects.json_text import joined, quoted
from otlp_receiver.dialects.logs import _plain
from otlp_receiver.dialects.wrapped_errors import is_wrapper, raised_first

if TYPE_CHECKING:
    import pyarrow as pa

_CHUNK_EVENTS = (
    "llm.content.completion.chunk",
    "gen_ai.content.completion.chunk",
    "First Token Stream Event",
    "ai.stream.firstChunk",
    "gen_ai.content.chunk",
    "mlflow.chunk.item.0",
    "new_token",
)
"""Names of events that mark a chunk of a streamed answer; the first one counts."""


_WRAPPED_ERROR = re.compile(r"([A-Za-z_][\w.]*(?:Error|Exception|Timeout|Interrupt))\(")


@dataclass
class SpanEvents:
    """The events of a batch of spans, exploded once."""

    lists: pa.LargeListArray

    @cached_property
    def count(self) -> np.ndarray:
        """How many events each span has."""
        return np.diff(np.asarray(self.lists.offsets))

    @cached_property
    def owner(self) -> np.ndarray:
        """The span of each event."""
        return np.repeat(np.arange(len(self.lists)), self.count)

    @cached_property
    def rows(self) -> pa.StructArray:
        """One row an event."""
        return self.lists.flatten()

    @cached_property
    def table(self) -> AttributeTable:
        """The events' attributes."""
        return AttributeTable(self.rows.field("attributes"))

    @cached_property
    def names(self) -> pl.Series:
        """The events' names."""
        return pl.Series(self.rows.field("name"), dtype=pl.String)

    @cached_property
    def times(self) -> np.ndarray:
        """The events' times in nanoseconds."""
        return np.asarray(self.rows.field("time_unix_nano")).astype(np.int64)

    def named(self, *names: str) -> np.ndarray:
        """Rows of events with one of these names."""
        if not len(self.owner):
            return np.empty(0, dtype=np.int64)
        return self.names.is_in(list(names)).arg_true().to_numpy()

    def attributes(self, event: int) -> dict[str, Any]:
        """One event's attributes as a dict; of equal keys the last wins."""
        begin, end = np.searchsorted(self.table.owner, [event, event + 1])
        rows = np.arange(begin, end)
        keys = (self.table.keys[code] for code in self.table.code[rows])
        return dict(zip(keys, _plain(self.table, rows), strict=True))

    def exception_types(self, span_count: int) -> tuple[np.ndarray, pl.Series]:
        """Which spans have an exception event, and the type of the last one."""
        has = np.zeros(span_count, dtype=np.bool_)
        types: list[str | None] = [None] * span_count
        events = self.named("exception")
        has[self.owner[events]] = True
        if len(events):
            wanted = np.zeros(len(self.owner), dtype=np.bool_)
            wanted[events] = True
            at = self.table.positions("exception.type")
            at = at[wanted[self.table.owner[at]]]
            spans = self.owner[self.table.owner[at]].tolist()
            told = dict(zip(self.table.owner[at].tolist(), spans, strict=True))
            kinds = self.table.texts_at(at).to_list()
            wrappers = {kind for kind in set(kinds) if kind and is_wrapper(kind)}
            for span, kind in zip(spans, kinds, strict=True):
                if kind and not (kind in wrappers and types[span]):
                    types[span] = kind
            self._look_into_messages(told, types)
            if wrappers:
                self._look_into_stack_traces(told, types, wrappers)
        return has, pl.Series(types, dtype=pl.String)

    def _look_into_messages(self, told: dict[int, int], types: list[str | None]) -> None:
        """LangSmith wraps every error: ``Exception("RateLimitError(…)")`` names it in the text."""
        vague = {event: span for event, span in told.items() if types[span] == "Exception"}
        at = self.table.positions("exception.message") if vague else self.table.positions("")
        events = self.table.owner[at].tolist()
        for event, text in zip(events, self.table.texts_at(at).to_list(), strict=True):
            match = _WRAPPED_ERROR.match(text or "") if event in vague else None
            if match is not None:
                types[vague[event]] = match[1]

    def _look_into_stack_traces(
        self, told: dict[int, int], types: list[str | None], wrappers: set[str]
    ) -> None:
        """What a tool raised, where the library reports an error of its own about it."""
        wrapped = {event: span for event, span in told.items() if types[span] in wrappers}
        at = self.table.positions("exception.stacktrace")
        events = self.table.owner[at].tolist()
        for event, text in zip(events, self.table.texts_at(at).to_list(), strict=True):
            if event in wrapped:
                types[wrapped[event]] = raised_first(text or "") or types[wrapped[event]]

    def first_chunk_times(self, span_count: int) -> np.ndarray:
        """The time of each span's first chunk event; 0 where there is none."""
        first = np.full(span_count, np.iinfo(np.int64).max)
        events = self.named(*_CHUNK_EVENTS)
        np.minimum.at(first, self.owner[events], self.times[events])
        first[first == np.iinfo(np.int64).max] = 0
        return first

    def contents(self, is_tool: np.ndarray) -> dict[int, tuple[dict[str, str], list[str]]]:
        """Fields by span that came as content events, and the events' names."""
        pieces: dict[int, list[Piece]] = {}
        names: dict[int, list[str]] = {}
        for event in self.named(*NAMES).tolist():
            span = int(self.owner[event])
            name = str(self.names[event])
            read = tool_pieces_of if is_tool[span] else pieces_of
            pieces.setdefault(span, []).extend(read(name, None, self.attributes(event)))
            names.setdefault(span, []).append(name)
        return {span: (together(found), names[span]) for span, found in pieces.items()}

    def as_json(self) -> pl.Series:
        """Each span's events as a JSON list of ``{name, time, attributes}``."""
        if not len(self.owner):
            return pl.repeat("[]", len(self.lists), dtype=pl.String, eager=True)
        every = np.arange(len(self.table))
        attributes = objects(self.table, np.ones(len(every), dtype=np.bool_))
        texts = pl.select(
            pl.concat_str(
                pl.lit('{"name":'),
                quoted(self.names),
                pl.lit(',"time":'),
                self._quoted_times(),
                pl.lit(',"attributes":'),
                attributes,
                pl.lit("}"),
            )
        ).to_series()
        none = pl.repeat("[]", len(self.lists), dtype=pl.String, eager=True)
        # Few spans have events: only theirs are strung together.
        having = np.flatnonzero(self.count)
        return none.scatter(having, joined(texts, self.count[having], "[", "]"))

    def _quoted_times(self) -> pl.Series:
        """Each event's time as JSON: null when it is zero, which the protocol has for unknown."""
        texts = time_texts(self.times)
        return pl.select(
            pl.when(pl.Series(self.times > 0)).then('"' + texts + '"').otherwise(pl.lit("null"))
        ).to_series()


def time_texts(nanoseconds: np.ndarray) -> pl.Series:
    """Times as RFC 3339 with nanoseconds: the second once a distinct one, the rest as digits."""
    seconds, rest = np.divmod(nanoseconds, 1_000_000_000)
    distinct, where = np.unique(seconds, return_inverse=True)
    moments = pl.Series(distinct).cast(pl.Int64) * 1000
    days = moments.cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%dT%H:%M:%S.")
    digits = pl.Series(rest).cast(pl.String).str.zfill(9)
    return pl.select(pl.concat_str(days[where], digits, pl.lit("Z"))).to_series()


def objects(table: AttributeTable, keep: np.ndarray) -> pl.Series:
    """Each owner's kept attributes as one JSON object; of equal keys the last alone."""
    keep = keep.copy()
    keep[table.repeated] = False
    at = np.flatnonzero(keep)
    if not len(at):
        return pl.repeat("{}", table.owner_count, dtype=pl.String, eager=True)
    # Most spans of a library have the same few left: each distinct object is written once.
    first, where = table.distinct_owners(at)
    is_first = np.zeros(table.owner_count, dtype=np.bool_)
    is_first[first] = True
    at = at[is_first[table.owner[at]]]
    lengths = np.bincount(table.owner[at], minlength=table.owner_count)[first]
    return joined(table.pairs_at(at), lengths, "{", "}")[where]


def links_json(lists: pa.LargeListArray) -> pl.Series:
    """Each span's links as a JSON list of ``{trace_id, span_id, attributes}``."""
    rows = lists.flatten()
    if not len(rows):
        return pl.repeat("[]", len(lists), dtype=pl.String, eager=True)
    table = AttributeTable(rows.field("attributes"))
    texts = pl.select(
        pl.concat_str(
            pl.lit('{"trace_id":"'),
            pl.Series(rows.field("trace_id")).bin.encode("hex"),
            pl.lit('","span_id":"'),
            pl.Series(rows.field("span_id")).bin.encode("hex"),
            pl.lit('","attributes":'),
            objects(table, np.ones(len(table), dtype=np.bool_)),
            pl.lit("}"),
        )
    ).to_series()
    return joined(texts, np.diff(np.asarray(lists.offsets)), "[", "]")
